"use strict";
// The table of runs, a page for each run, and two runs side by side: made of #runs-data when the address asks for them.
(() => {
  const data = JSON.parse(document.getElementById("runs-data").textContent);
  const page = document.getElementById("run-page"), results = document.querySelector("main");
  const filters = document.querySelector(".filters"), top = document.title;
  const names = data.runs.map((run) => run.cells[0]);
  const STAGES = {
    damaged: "damaged, before healing", healed: "healed, chosen epoch", last: "last epoch",
    dev: "chosen epoch, on the held-out part of train", test: "chosen epoch, on the test file",
  };
  const SHOWN = 10; // examples of each of two kinds

  const make = (tag, attributes, ...inside) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
    element.append(...inside.filter((one) => one !== null));
    return element;
  };
  const part = (title, ...inside) => make("section", {}, make("h3", {}, title), ...inside);
  const caption = (text) => make("p", { class: "caption" }, text);
  const number = (value, digits = 4) => (value === null ? "\u2013" : value.toFixed(digits).replace("-", "\u2212"));
  const signed = (value) => (value === null ? "\u2013" : (value > 0 ? "+" : "") + number(value));
  const toRun = (place) => make("a", { href: `#run-${encodeURIComponent(names[place])}` }, names[place]);
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

  // Cells are texts or elements; on a phone a row becomes a card, in which every figure has its column's name.
  const table = (columns, rows, label, kind = columns.length < 3 ? "whole" : "") => {
    const body = rows.map((row) => make("tr", {}, ...row.map((cell, i) =>
      make(i ? "td" : "th", { "data-column": columns[i], ...(i ? {} : { scope: "row" }), ...(String(cell).length > 30 ? { class: "long" } : {}) }, cell))));
    const head = make("thead", {}, make("tr", {}, ...columns.map((column) => make("th", { scope: "col" }, column))));
    const whole = make("table", { class: kind }, head, make("tbody", {}, ...body));
    return make("div", { class: `scroll ${kind}`, tabindex: 0, role: "region", "aria-label": label }, whole);
  };

  const settings = (run) => data.settings.map((name, i) => [name, data.values[run.set[i]]]);
  const task = (run) => data.tasks[run.task];
  const className = (run, place) => task(run).classes[place] ?? String(place);

  const scores = (run) => {
    const rows = data.stages.map((stage, i) => [STAGES[stage], ...run.scores[i]]);
    const there = rows.filter(([, ...values]) => values.some((value) => value !== null));
    if (!there.length) return null;
    const shown = there.map(([stage, ...values]) => [stage, ...values.map((value) => number(value))]);
    return part("Scores", table(["", ...task(run).metrics], shown, "Scores"));
  };

  const curve = (run) => {
    if (run.curve.length < 2) return null;
    const [width, height, left, bottom, above] = [360, 190, 44, 30, 10];
    const xs = run.curve.map(([epoch]) => epoch), ys = run.curve.map(([, score]) => score);
    const ends = (values, room) => {
      const [low, high] = [Math.min(...values), Math.max(...values)], more = room * (high - low || Math.abs(high) || 1);
      return [low - more, high + more];
    };
    const [x0, x1] = ends(xs, 0.03), [y0, y1] = ends(ys, 0.08);
    const x = (value) => left + ((value - x0) / (x1 - x0)) * (width - left - 8);
    const y = (value) => above + ((y1 - value) / (y1 - y0)) * (height - bottom - above);
    const draw = (tag, attributes, text) => {
      const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
      for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
      if (text !== undefined) element.textContent = text;
      return element;
    };
    const metric = task(run).metrics[0];
    const label = `${metric} by epoch: ${run.curve.map(([epoch, score]) => `${epoch}: ${number(score)}`).join(", ")}`;
    const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label });
    for (const share of [0, 0.5, 1]) {
      const value = Math.min(...ys) + share * (Math.max(...ys) - Math.min(...ys));
      svg.append(draw("line", { x1: left, x2: width - 8, y1: y(value), y2: y(value), class: "grid" }));
      svg.append(draw("text", { x: left - 5, y: y(value) + 3, "text-anchor": "end" }, number(value, 3)));
      if (Math.min(...ys) === Math.max(...ys)) break;
    }
    const step = Math.ceil(xs.length / 8);
    run.curve.forEach(([epoch], i) => {
      if (i % step === 0) svg.append(draw("text", { x: x(epoch), y: height - 16, "text-anchor": "middle" }, String(epoch)));
    });
    svg.append(draw("text", { x: (left + width) / 2, y: height - 3, "text-anchor": "middle" }, "epoch"));
    svg.append(draw("polyline", { points: run.curve.map(([epoch, score]) => `${x(epoch)},${y(score)}`).join(" ") }));
    for (const [epoch, score] of run.curve) {
      const dot = draw("circle", { cx: x(epoch), cy: y(score), r: epoch === run.best ? 5 : 3 });
      dot.append(draw("title", {}, `epoch ${epoch}: ${number(score)}`));
      svg.append(dot);
    }
    const start = xs[0] === 0 ? " Epoch 0 is before healing." : "";
    const chosen = run.best === null ? "" : ` The large dot is the chosen epoch, ${run.best}.`;
    return part("Learning curve", svg, caption(`${metric[0].toUpperCase()}${metric.slice(1)} on ${task(run).curve}.${start}${chosen}`));
  };

  const receipt = (run) => {
    if (!run.receipt) return null;
    if (!run.receipt.length) return part("Receipt", caption("Nothing was damaged."));
    const rows = run.receipt.map(([place, tensors, scalars, distance, cosine]) =>
      [String(place), String(tensors), scalars.toLocaleString("en"), number(distance, 3), number(cosine, 3)]);
    return part("Receipt by layer", table(["layer", "tensors", "scalars hit", "relative L2", "cosine"], rows, "Receipt by layer"),
      caption("Relative L2: how far what was hit moved, as a part of its norm before. Cosine: of before and after."));
  };

  const confusion = (run) => {
    if (run.mixed) {
      const rows = run.mixed.map(([label, predicted, count]) => [className(run, label), className(run, predicted), String(count)]);
      return part("Commonest confusions", table(["label", "predicted", "examples"], rows, "Commonest confusions"));
    }
    if (!run.confusion) return null;
    const classes = task(run).classes, size = classes.length;
    const rows = classes.map((name, i) => {
      const counts = run.confusion.slice(i * size, (i + 1) * size), all = counts.reduce((sum, count) => sum + count, 0);
      return [name, ...counts.map((count) => make("span", { style: `--share: ${all ? count / all : 0}` }, String(count)))];
    });
    return part("Confusion matrix", table(["label \\ predicted", ...classes], rows, "Confusion matrix", "whole matrix"),
      caption("Examples of each label (rows) by predicted class (columns), of the chosen epoch."));
  };

  const exampleId = (sample, place) => (Array.isArray(sample.ids) ? sample.ids[place] : place);
  const mistakes = (run) => {
    if (!run.mistakes) return null;
    if (!run.mistakes.length) return part("Worst mistakes", caption("No prediction is wrong."));
    const sample = data.samples[run.sample], labels = labelsOf(sample);
    const known = run.mistakes.some(([place]) => sample.texts[place] !== undefined);
    const rows = run.mistakes.map(([place, predicted, sure]) => [
      String(exampleId(sample, place)), className(run, labels[place]), className(run, predicted),
      sure === null ? "\u2013" : `${(100 * sure).toFixed(1)}%`, ...(known ? [sample.texts[place] ?? "\u2013"] : []),
    ]);
    const columns = ["example", "label", "predicted", "confidence", ...(known ? ["text"] : [])];
    const why = sample.why ? ` No texts: ${sample.why}.` : "";
    return part("Worst mistakes", table(columns, rows, "Worst mistakes"),
      caption(`The wrong predictions that it is surest of. An example goes by its row in the data.${why}`));
  };

  const files = (run) => {
    const found = data.files[run.files];
    if (!found.length || run.at === undefined) return null;
    const links = found.map((name) => make("li", {}, typeof name === "number" ? `and ${name} more`
      : make("a", { href: `${run.at}/${encodeURIComponent(name)}` }, name)));
    return part("Files", make("ul", { class: "files" }, ...links), caption("They open where the report lies as it was written."));
  };

  const back = () => make("p", { class: "back" }, make("a", { href: "#" }, "\u2190 All results"));

  const runPage = (place) => {
    const run = data.runs[place];
    const said = data.columns.slice(1, 5).map((column, i) => `${column} ${run.cells[i + 1]}`).join(", ");
    const own = settings(run);
    const notes = run.notes ?? [`This report has ${data.runs.length} runs: only the first ${data.full} have their receipt, confusions and mistakes here. "healbert report" of this run's folder shows them.`];
    return [
      back(), make("h2", {}, run.cells[0]), make("p", {}, make("b", {}, run.cells[7]), `: ${said}`),
      ...notes.map((note) => make("p", { class: "note" }, note)),
      make("div", { class: "parts" },
        scores(run),
        own.length ? part("Settings in which runs differ", table(["setting", "value"], own, "Settings in which runs differ")) : null,
        curve(run), receipt(run), confusion(run)),
      mistakes(run), files(run),
    ];
  };

  const listed = (places) => [back(), make("h2", {}, `${places.length} runs`), runTable(places)];

  // McNemar's exact two-sided test: how unevenly the examples divide that one alone gets right.
  const mcnemar = (a, b) => {
    let log = -(a + b) * Math.LN2, sum = 0; // of C(n, k) / 2^n
    if (a === b) return 1;
    for (let k = 0; k <= Math.min(a, b); k++) {
      sum += Math.exp(log);
      log += Math.log((a + b - k) / (k + 1));
    }
    return Math.min(1, 2 * sum);
  };
  const chance = (p) => (p < 0.0001 ? "< 0.0001" : `= ${p.toFixed(p < 0.01 ? 4 : 3)}`);

  const labelsOf = (sample) => {
    const found = bytes(sample.labels);
    return Array.from({ length: found.length / 2 }, (_, i) => found[2 * i] + 256 * found[2 * i + 1]);
  };

  const examples = (a, b) => {
    if (a.sample === undefined || b.sample === undefined) {
      return part("Examples", caption("Which examples each gets right is not known of both."));
    }
    if (a.sample !== b.sample) {
      return part("Examples", caption("They were evaluated on other examples: \"healbert report A B\" compares them on those that both have, if any."));
    }
    const sample = data.samples[a.sample], labels = labelsOf(sample), found = { both: [], a: [], b: [], neither: [] };
    const [ofA, ofB] = [bytes(a.right), bytes(b.right)];
    const isRight = (bits, i) => (bits[i >> 3] >> (7 - (i & 7))) & 1;
    labels.forEach((_, i) => {
      const [inA, inB] = [isRight(ofA, i), isRight(ofB, i)];
      found[inA ? (inB ? "both" : "a") : inB ? "b" : "neither"].push(i);
    });
    const { both, a: aAlone, b: bAlone, neither } = found;
    const p = mcnemar(aAlone.length, bAlone.length);
    const rows = [["A alone", aAlone], ["B alone", bAlone]].flatMap(([who, places]) =>
      places.slice(0, SHOWN).map((i) => [who, String(exampleId(sample, i)), className(a, labels[i]), sample.texts[i] ?? "\u2013"]));
    const texts = Object.keys(sample.texts).length ? " The page has the texts of some; \"healbert report A B\" has all." : ` No texts: ${sample.why}.`;
    return part("Examples that one of them alone gets right",
      make("p", {}, `Both predicted ${labels.length} examples. A alone is right on ${aAlone.length} of them, B alone on ${bAlone.length}, both on ${both.length}, neither on ${neither.length} (McNemar's exact test: p ${chance(p)}).`),
      rows.length ? table(["right", "example", "label", "text"], rows, "Examples that one of them alone gets right") : null,
      caption(`The first ${SHOWN} of each kind. An example goes by its row in the data.${texts}`));
  };

  const sameTask = (a, b) => a.cells[1] === b.cells[1] && ["classes", "metrics"].every((what) =>
    JSON.stringify(task(a)[what]) === JSON.stringify(task(b)[what]));

  const comparison = (places) => {
    const [a, b] = places.map((place) => data.runs[place]);
    const both = make("p", {}, "A: ", toRun(places[0]), make("br"), "B: ", toRun(places[1]));
    const [ofA, ofB] = [settings(a), settings(b)];
    const differ = ofA.map(([name, value], i) => [name, value, ofB[i][1]]).filter(([, one, other]) => one !== other);
    const parts = [part("Settings that differ", differ.length ? table(["setting", "A", "B"], differ, "Settings that differ") : null,
      caption(`${data.settings.length - differ.length} other settings that vary in this report are alike.`))];
    if (sameTask(a, b)) {
      const rows = data.stages.flatMap((stage, i) => task(a).metrics.map((metric, j) => [metric, stage, a.scores[i][j], b.scores[i][j]]))
        .filter(([, , one, other]) => one !== null || other !== null)
        .map(([metric, stage, one, other]) => [`${metric}, ${STAGES[stage]}`, number(one), number(other),
          signed(one === null || other === null ? null : one - other)]);
      parts.unshift(part("Scores", table(["score", "A", "B", "A \u2212 B"], rows, "Scores")));
      parts.push(examples(a, b));
    } else parts.unshift(make("p", { class: "note" }, `Scores cannot be compared: A is on ${a.cells[1]}, B on ${b.cells[1]}, or their classes or metrics differ.`));
    return [back(), make("h2", {}, "Two runs side by side"), both, ...parts,
      caption("This speaks of these two runs: what other seeds would give, it does not say.")];
  };

  // The table of runs: two that are ticked can be set side by side.
  const ticked = [];
  const showTicks = () => {
    const link = () => make("a", { href: `#compare-${ticked.join(".")}` }, "Compare the two ticked runs");
    for (const tick of document.querySelectorAll("input[data-run]")) tick.checked = ticked.includes(Number(tick.dataset.run));
    for (const place of document.querySelectorAll(".compare")) {
      place.replaceChildren(ticked.length === 2 ? link() : "Tick two runs to compare them.");
    }
  };
  const runTable = (places) => {
    const rows = places.map((place) => {
      const [, ...cells] = data.runs[place].cells, tick = make("input", { type: "checkbox", "data-run": place, "aria-label": `compare ${names[place]}` });
      tick.addEventListener("change", () => {
        if (tick.checked) ticked.push(place);
        else ticked.splice(ticked.indexOf(place), 1);
        if (ticked.length > 2) ticked.shift(); // the one that was ticked first
        showTicks();
      });
      return [make("span", {}, tick, " ", toRun(place)), ...cells];
    });
    const whole = table(data.columns, rows, "Runs", "runs");
    whole.querySelectorAll("tbody tr").forEach((row, i) => {
      row.className = "item";
      Object.assign(row.dataset, data.tags[data.runs[places[i]].tags]);
    });
    return make("div", {}, make("p", { class: "compare", role: "status" }), whole);
  };
  const unfolding = document.querySelector("#runs details");
  unfolding.addEventListener("toggle", () => {
    const place = document.getElementById("runs-table");
    if (!unfolding.open || place.childElementCount) return;
    place.append(runTable(names.map((_, i) => i)));
    showTicks();
    filters.querySelector("select").dispatchEvent(new Event("change"));
  });

  // What the address asks for: #run-NAME, #runs-3.4.5 of a dot of several, #compare-3.4.
  const asked = () => {
    const [, what, rest] = /^#(run|runs|compare)-(.*)$/s.exec(location.hash) ?? [];
    if (what === "run") {
      let name = rest;
      try { name = decodeURIComponent(rest); } catch { /* a name that was written by hand */ }
      const place = names.indexOf(name), other = data.others.find((one) => one.name === name);
      if (place >= 0) return runPage(place);
      return [back(), make("h2", {}, name), make("p", { class: "note" }, other ? `${other.what}.` : "No run of this report has this name.")];
    }
    const places = (rest ?? "").split(".").map(Number).filter((place) => place in data.runs);
    if (what === "runs" && places.length === 1) history.replaceState(history.state, "", `#run-${encodeURIComponent(names[places[0]])}`);
    if (what === "runs" && places.length) return places.length === 1 ? runPage(places[0]) : listed(places);
    return what === "compare" && places.length === 2 ? comparison(places) : null;
  };
  let scrolled = 0;
  const show = () => {
    const found = asked(), was = !page.hidden;
    if (found && !was) scrolled = scrollY;
    page.replaceChildren(...(found ?? []).filter((one) => one !== null));
    page.hidden = !found;
    showTicks();
    results.hidden = filters.hidden = Boolean(found);
    document.title = found ? `${page.querySelector("h2").textContent} - ${top}` : top;
    if (found) scrollTo(0, 0);
    else if (was) {
      const target = document.getElementById(location.hash.slice(1));
      if (target) target.scrollIntoView();
      else scrollTo(0, scrolled);
    }
  };
  addEventListener("hashchange", show);
  show();
})();
