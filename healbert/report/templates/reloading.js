"use strict";
// While runs are watched: loads the page again, and keeps what is chosen, unfolded and in view.
(() => {
  const every = 1000 * document.currentScript.dataset.seconds;
  const all = (selector) => [...document.querySelectorAll(selector)];
  const named = () => all("details").map((details) => [details.querySelector("summary").textContent, details.open]);

  setInterval(() => {
    if (document.hidden) return;
    const chosen = Object.fromEntries(all("select").map((select) => [select.name, select.value]));
    history.replaceState({ chosen, unfolded: named(), y: scrollY }, ""); // a file has no other store in every browser
    location.reload();
  }, every);

  addEventListener("DOMContentLoaded", () => {
    const before = history.state;
    if (!before) return;
    for (const select of all("select")) {
      const value = before.chosen[select.name];
      if ([...select.options].some((option) => option.value === value)) select.value = value;
    }
    all("select")[0]?.dispatchEvent(new Event("change"));
    const now = named(), same = now.length === before.unfolded.length; // else new runs have brought new parts
    const texts = new Map(before.unfolded);
    all("details").forEach((details, i) => {
      const open = same ? before.unfolded[i][1] : texts.get(now[i][0]);
      if (open !== undefined) details.open = open;
    });
    addEventListener("load", () => scrollTo(0, before.y));
  });
})();
