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
    const { rows, inks, texts, brief } = trace.meta;
    if (!rows) return trace;
    const keep = rows.map((tags) => fits(tags, false));
    const of = (list) => list.filter((_, i) => keep[i]);
    return { ...trace, y: of(trace.y), z: of(trace.z), meta: { inks: of(inks), texts: of(texts), brief: of(brief) } };
  };

  // What stands in a heatmap's places, each in the colour that stands out there; short where columns are narrow.
  const written = (heat, narrow) => {
    const { inks, texts, brief } = heat.meta;
    const page = colours()["font.color"];
    const places = heat.y.flatMap((y, i) => heat.x.map((x, j) => [x, y, (narrow ? brief : texts)[i][j], inks[i][j] || page]));
    const of = (part) => places.map((place) => place[part]);
    return { type: "scatter", mode: "text", x: of(0), y: of(1), text: of(2), textfont: { size: 11, color: of(3) },
             hoverinfo: "skip", cliponaxis: false, showlegend: false };
  };

  const dataOf = (chart) => {
    const { data } = specs.get(chart.id);
    if (!data[0].meta) return data;
    const heat = chosenRows(data[0]);
    return [heat, written(heat, chart.clientWidth < 640 && data[0].meta.rows)];
  };

  const draw = (chart) => {
    if (chart.dataset.drawn || chart.hidden) return;
    chart.dataset.drawn = "yes";
    const spec = specs.get(chart.id);
    const layout = { ...spec.layout, dragmode: false, height: spec.height };
    const buttons = ["select2d", "lasso2d", "autoScale2d", "zoomIn2d", "zoomOut2d"];
    Plotly.newPlot(chart, dataOf(chart), layout, { responsive: true, displaylogo: false, modeBarButtonsToRemove: buttons });
    refresh(chart);
  };

  // Colours of the theme, the rows that the filters choose, and what else is given.
  const refresh = (chart, more = {}) => {
    const data = dataOf(chart);
    if (!data[0].meta) return Plotly.relayout(chart, { ...colours(), ...more });
    const [heat, text] = data;
    const of = (part) => [heat[part], text[part]];
    const changes = { y: of("y"), z: [heat.z, undefined], x: of("x"), text: [undefined, text.text],
                      "textfont.color": [undefined, text.textfont.color] };
    return Plotly.update(chart, changes, { ...colours(), "yaxis.range": [heat.y.length - 0.5, -0.5], ...more });
  };

  const drawn = () => charts.filter((chart) => chart.dataset.drawn);
  const watcher = new IntersectionObserver(
    (entries) => entries.forEach((entry) => entry.isIntersecting && draw(entry.target)), { rootMargin: "600px" });
  charts.forEach((chart) => watcher.observe(chart));

  const filter = () => {
    for (const item of items) {
      const alone = "onlyDataset" in item.dataset && !selects.dataset.value; // said of the one dataset that is chosen
      item.hidden = alone || !fits(item.dataset, "anyDataset" in item.dataset);
    }
    for (const holder of [...document.querySelectorAll(".holder")].reverse()) {
      const inside = [...holder.querySelectorAll(".item")];
      holder.hidden = inside.length > 0 && inside.every((item) => item.hidden);
    }
    for (const chart of drawn()) {
      if (!chart.hidden && specs.get(chart.id).data[0].meta?.rows) refresh(chart);
    }
    const shown = charts.filter((chart) => !chart.hidden).length;
    document.querySelector(".filters output").textContent = `${shown} of ${charts.length} plots`;
  };
  KEYS.forEach((key) => selects[key].addEventListener("change", filter));
  document.querySelector(".filters").addEventListener("submit", (event) => event.preventDefault());
  filter();

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    drawn().forEach((chart) => refresh(chart));
  });

  let closed = [];
  addEventListener("beforeprint", () => {
    document.body.classList.add("printing");
    closed = [...document.querySelectorAll("details:not([open])")];
    closed.forEach((details) => { details.open = true; });
    charts.forEach(draw);
    drawn().filter((chart) => !chart.hidden).forEach((chart) =>
      refresh(chart, { width: chart.clientWidth, height: specs.get(chart.id).height }));
  });
  addEventListener("afterprint", () => {
    document.body.classList.remove("printing");
    closed.forEach((details) => { details.open = false; });
    drawn().forEach((chart) => refresh(chart, { width: null, autosize: true }));
  });
})();
