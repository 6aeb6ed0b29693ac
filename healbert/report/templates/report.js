"use strict";
(() => {
  const KEYS = ["dataset", "model", "method"];
  const selects = Object.fromEntries(KEYS.map((key) => [key, document.querySelector(`select[name=${key}]`)]));
  const items = [...document.querySelectorAll(".item")];
  const charts = items.filter((item) => item.classList.contains("chart"));
  const specs = new Map();
  for (const script of document.querySelectorAll("script[data-for]")) {
    specs.set(script.dataset.for, JSON.parse(script.textContent));
  }

  const fits = (tags, any) =>
    KEYS.every((key) => !selects[key].value || (any && key === "dataset") || tags[key] === selects[key].value);

  const colours = () => {
    const style = getComputedStyle(document.documentElement);
    const dark = matchMedia("screen and (prefers-color-scheme: dark)").matches && !document.body.classList.contains("printing");
    const of = (name, printed) => (document.body.classList.contains("printing") ? printed : style.getPropertyValue(name).trim());
    const text = of("--text", "#1b1f24"), grid = of("--grid", "#e3e7eb"), page = of("--panel", "#ffffff");
    const axis = (name) => ({ [`${name}.gridcolor`]: grid, [`${name}.linecolor`]: grid });
    return { "font.color": text, ...axis("xaxis"), ...axis("yaxis"), "hoverlabel.bgcolor": page,
             "hoverlabel.font.color": text, "hoverlabel.bordercolor": dark ? "#a5adb7" : "#555e68" };
  };

  // A heatmap whose rows are datasets keeps the rows that the filters choose.
  const chosenRows = (trace) => {
    if (!trace.meta) return trace;
    const keep = trace.meta.rows.map((tags) => fits(tags, false));
    const of = (list) => list.filter((_, i) => keep[i]);
    return { ...trace, y: of(trace.y), z: of(trace.z), text: of(trace.text) };
  };
  // Where columns are narrow, places show the figure alone.
  const template = (chart) => (chart.clientWidth < 640 ? "%{z:.0f}" : "%{text}");

  const draw = (chart) => {
    if (chart.dataset.drawn || chart.hidden) return;
    chart.dataset.drawn = "yes";
    const spec = specs.get(chart.id);
    const data = spec.data.map(chosenRows).map((trace) => (trace.meta ? { ...trace, texttemplate: template(chart) } : trace));
    const layout = { ...spec.layout, dragmode: false, height: spec.height };
    const buttons = ["select2d", "lasso2d", "autoScale2d", "zoomIn2d", "zoomOut2d"];
    Plotly.newPlot(chart, data, layout, { responsive: true, displaylogo: false, modeBarButtonsToRemove: buttons });
    Plotly.relayout(chart, colours());
  };

  const drawn = () => charts.filter((chart) => chart.dataset.drawn);
  const watcher = new IntersectionObserver(
    (entries) => entries.forEach((entry) => entry.isIntersecting && draw(entry.target)), { rootMargin: "600px" });
  charts.forEach((chart) => watcher.observe(chart));

  const filter = () => {
    for (const item of items) item.hidden = !fits(item.dataset, "anyDataset" in item.dataset);
    for (const holder of [...document.querySelectorAll(".holder")].reverse()) {
      const inside = [...holder.querySelectorAll(".item")];
      holder.hidden = inside.length > 0 && inside.every((item) => item.hidden);
    }
    for (const chart of drawn()) {
      const spec = specs.get(chart.id);
      if (chart.hidden || !spec.data.some((trace) => trace.meta)) continue;
      const { y, z, text } = chosenRows(spec.data[0]);
      Plotly.restyle(chart, { y: [y], z: [z], text: [text] });
    }
    const shown = charts.filter((chart) => !chart.hidden).length;
    document.querySelector(".filters output").textContent = `${shown} of ${charts.length} plots`;
  };
  KEYS.forEach((key) => selects[key].addEventListener("change", filter));
  document.querySelector(".filters").addEventListener("submit", (event) => event.preventDefault());
  filter();

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    drawn().forEach((chart) => Plotly.relayout(chart, colours()));
  });

  let closed = [];
  addEventListener("beforeprint", () => {
    document.body.classList.add("printing");
    closed = [...document.querySelectorAll("details:not([open])")];
    closed.forEach((details) => { details.open = true; });
    charts.forEach(draw);
    drawn().filter((chart) => !chart.hidden).forEach((chart) =>
      Plotly.relayout(chart, { ...colours(), width: chart.clientWidth, height: specs.get(chart.id).height }));
  });
  addEventListener("afterprint", () => {
    document.body.classList.remove("printing");
    closed.forEach((details) => { details.open = false; });
    drawn().forEach((chart) => Plotly.relayout(chart, { ...colours(), width: null, autosize: true }));
  });
})();
