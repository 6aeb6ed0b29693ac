"use strict";
(() => {
  document.documentElement.classList.add("script");
  const KEYS = ["dataset", "model", "method"];
  const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];
  const selects = Object.fromEntries(KEYS.map((key) => [key, document.querySelector(`select[name=${key}]`)]));
  const charts = all(".chart"), tip = document.getElementById("tip");
  const heats = new Map(charts.filter((chart) => chart.dataset.heat).map((chart) => [chart, JSON.parse(chart.dataset.heat)]));

  // On a phone a row of a table becomes a card, in which every figure has its column's name.
  for (const table of all("table")) {
    const names = all("thead th", table).map((head) => head.textContent);
    for (const row of table.tBodies[0].rows) [...row.cells].forEach((cell, i) => { cell.dataset.column = names[i]; });
  }

  const fits = (tags, any) =>
    KEYS.every((key) => !selects[key].value || (any && key === "dataset") || !(key in tags) || tags[key] === selects[key].value);

  // A map whose rows the filters choose among: the others fade, with all that is written beside and in them.
  const fade = (chart, tags) => {
    const rows = all("image", chart).slice(0, tags.length);
    const places = rows.map((row) => row.getBoundingClientRect());
    rows.forEach((row, i) => row.classList.toggle("off", !fits(tags[i], false)));
    for (const text of all("text", chart)) {
      const box = text.getBoundingClientRect(), middle = box.top + box.height / 2;
      const own = places.findIndex((place) => middle > place.top && middle < place.bottom && box.left < place.right);
      text.classList.toggle("off", own >= 0 && !fits(tags[own], false));
    }
  };

  const filter = () => {
    for (const item of all(".item")) {
      const alone = "onlyDataset" in item.dataset && !selects.dataset.value; // said of the one dataset that is chosen
      item.hidden = alone || !fits(item.dataset, "anyDataset" in item.dataset);
    }
    for (const holder of all(".holder").reverse()) {
      const inside = all(".item", holder);
      holder.hidden = inside.length > 0 && inside.every((item) => item.hidden);
    }
    all(".part").forEach((part) => part.classList.toggle("off", !fits(part.dataset, false)));
    all("details.more").forEach((more) => { more.open = Boolean(selects.dataset.value); });
    for (const [chart, { tags }] of heats) if (tags && !chart.hidden) fade(chart, tags);
    const shown = charts.filter((chart) => !chart.hidden).length;
    document.querySelector(".filters output").textContent = `${shown} of ${charts.length} plots`;
  };
  KEYS.forEach((key) => selects[key].addEventListener("change", filter));
  document.querySelector(".filters").addEventListener("submit", (event) => event.preventDefault());
  filter();

  // Exact values: of the marker nearest to the pointer, or of the place of a map under it.
  const REACH = 14; // CSS pixels
  const markers = new Map();
  const markersOf = (svg) => {
    if (!markers.has(svg)) {
      const found = all("use", svg).filter((use) => use.querySelector("title")).map((use) => {
        const title = use.querySelector("title"), text = title.textContent;
        title.remove(); // else the browser shows it, too, later
        use.setAttribute("aria-label", text);
        return { x: use.x.baseVal.value, y: use.y.baseVal.value, text, part: use.closest(".part"), runs: use.closest("[data-runs]")?.dataset.runs };
      });
      for (const path of all("path[data-titles]", svg)) {
        const titles = path.dataset.titles.split("\n");
        const places = path.getAttribute("d").slice(1).split("M").map((place) => place.split("h")[0].split(" ").map(Number));
        places.forEach(([x, y], i) => found.push({ x, y, text: `${path.dataset.of}${titles[i]}` }));
      }
      markers.set(svg, found);
    }
    return markers.get(svg);
  };
  const nearest = (svg, event) => {
    const box = svg.getBoundingClientRect(), view = svg.viewBox.baseVal, scale = box.width / view.width;
    let best = null, least = REACH;
    for (const marker of markersOf(svg)) {
      const x = box.left + (marker.x - view.x) * scale, y = box.top + (marker.y - view.y) * scale;
      const distance = Math.hypot(event.clientX - x, event.clientY - y);
      if (distance < least && !marker.part?.classList.contains("off")) [best, least] = [{ ...marker, left: x, top: y }, distance];
    }
    return best;
  };
  const place = (image, event) => {
    const heat = heats.get(image.closest(".chart")), row = heat ? all("image", image.closest("svg")).indexOf(image) : -1;
    if (row < 0 || row >= heat.rows.length) return null; // the bar of colours
    const box = image.getBoundingClientRect();
    const column = Math.min(heat.columns.length - 1, Math.floor(((event.clientX - box.left) / box.width) * heat.columns.length));
    const value = heat.values[row]?.[column];
    const said = value === null ? "no figure" : `${value} ${heat.unit}`;
    const text = `${heat.rows[row]}, ${heat.columns[column]}\n${said}`;
    return { text, left: event.clientX, top: event.clientY, runs: heat.runs?.[row][column] };
  };
  const foundAt = (event) => {
    const svg = event.target.closest?.(".chart svg");
    const found = svg && (event.target.closest("image") ? place(event.target, event) : nearest(svg, event));
    return found && { ...found, runs: found.runs || svg.closest(".chart").dataset.runs };
  };
  const show = (event) => {
    const found = foundAt(event);
    tip.hidden = !found;
    if (!found) return;
    const count = found.runs ? found.runs.split(".").length : 0;
    tip.textContent = found.text + (count ? `\nclick: ${count === 1 ? "its run" : `its ${count} runs`}` : "");
    const width = tip.offsetWidth, height = tip.offsetHeight;
    tip.style.left = `${Math.max(4, Math.min(innerWidth - width - 4, found.left + 12))}px`;
    tip.style.top = `${found.top - height - 10 > 4 ? found.top - height - 10 : found.top + 14}px`;
  };
  addEventListener("pointermove", show);
  addEventListener("pointerdown", show);

  // What stands for runs leads to their page; under a finger, which sees the values first, the second time.
  let touched = "";
  addEventListener("click", (event) => {
    const found = event.target.closest?.("a") ? null : foundAt(event);
    if (!found?.runs) return;
    if (event.pointerType === "touch" && touched !== found.text) { touched = found.text; return; }
    tip.hidden = true;
    location.hash = `runs-${found.runs}`;
  });
  addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });

  // A link leads to what is unfolded for it.
  addEventListener("click", (event) => {
    const link = event.target.closest?.("a"), to = link && (link.getAttribute("href") || "");
    const target = to?.startsWith("#") && document.getElementById(to.slice(1));
    for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
  });

  let closed = [];
  addEventListener("beforeprint", () => {
    closed = all("details:not([open])");
    closed.forEach((details) => { details.open = true; });
  });
  addEventListener("afterprint", () => closed.forEach((details) => { details.open = false; }));
})();
