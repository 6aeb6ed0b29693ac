"""What a reader sees of the page: the first screen, nothing cut off, nothing heavy."""

import pytest
from helpers.report_runs import Maker, add_insides

from healbert.report.write import make_report

pytestmark = pytest.mark.slow
DATASETS = {
    "sst2": (["negative", "positive"], 300),
    "emotion": ("sadness joy love anger fear surprise".split(), 300),
    "ag_news": ("world sports business science".split(), 300),
}


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """72 runs: 3 datasets x 8 damages (intact among them) x 3 seeds, with probes and t-SNE in every one."""
    root = tmp_path_factory.mktemp("screen")
    maker = Maker(root / "runs", DATASETS).sweep(rates=(2e-5,))
    for folder in maker.root.iterdir():
        add_insides(folder, examples=100)
    assert maker.count == 72
    make_report(maker.root, root / "out")
    return root / "out"


def test_page_and_plots_are_light(report):
    page = (report / "report.html").stat().st_size
    figures = sum(path.stat().st_size for path in (report / "figures").iterdir())
    assert page + figures < 2_000_000 and page < 1_000_000


def test_markdown_is_short(report):
    text = (report / "report.md").read_text()
    assert len(text.split()) < 1500 and "figures/forest.png" in text and "figures/levels.png" in text


def test_latex_is_in_the_papers_layout(report):
    short, long = ((report / "tables" / f"{name}.tex").read_text() for name in ("main", "main-long"))
    assert r"\multicolumn{3}{c}{bottom} & \multicolumn{3}{c}{top}" in short and r"\begin{table}" in short
    rows = [line for line in short.splitlines() if line.startswith(("sst2", "emotion", "ag\\_news"))]
    assert len(rows) == 3 and all(line.count("shortstack") == 8 for line in rows)
    assert "lr 2e-5" in long and "lr 2e-5" not in short


def test_the_finding_is_on_the_first_screen(browser, report):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto((report / "report.html").as_uri())
    assert page.locator(".headline:visible").count() == 1
    assert page.locator(".badge:visible").count() == 6  # four claims, and that of features by two measures
    seen = page.locator(".headline:visible, .badge:visible, .first > figure > .panels svg:visible").all()
    assert len(seen) == 1 + 6 + 2, "the sentence, a badge for each claim, the levels and the forest plot"
    boxes = [place.bounding_box() for place in seen]
    assert max(box["y"] + box["height"] for box in boxes) <= 900 and min(box["height"] for box in boxes[7:]) > 250
    page.close()


EXACT = "use[aria-label], use:has(title)"  # markers with values


def test_every_dot_leads_to_its_runs(browser, report):
    page = browser.new_page()
    page.goto((report / "report.html").as_uri())
    for kind in ("levels", "forest", "profiles", "epochs", "probes", "speed"):
        dots = page.locator(f"figure.{kind} .chart").locator(EXACT)
        assert dots.count() > 5
        assert dots.evaluate_all("all => all.every(dot => dot.closest('[data-runs]'))"), kind
    page.close()


CUT_OFF = """() => [...document.querySelectorAll("p, h1, h2, h3, th, td, li, figcaption, svg, .badge, .scroll")]
  .filter(e => e.offsetParent || e.ownerSVGElement === null && e.getBoundingClientRect().width)
  .filter(e => { const box = e.getBoundingClientRect();
    return box.width && (box.right > innerWidth + 1 || box.left < -1)
      || e.clientWidth && e.scrollWidth > e.clientWidth + 1; })
  .map(e => `${e.tagName} ${e.className.baseVal ?? e.className} ${e.textContent.slice(0, 60)}`)"""
TEXT_OUTSIDE = """() => [...document.querySelectorAll("svg")].flatMap(svg => {
  const whole = svg.getBoundingClientRect();
  return [...svg.querySelectorAll("text")].filter(text => { const box = text.getBoundingClientRect();
    return box.width && (box.left < whole.left - 2 || box.right > whole.right + 2 || box.top < whole.top - 2
      || box.bottom > whole.bottom + 2); }).map(text => text.textContent); })"""
TITLES_COVERED = """() => [...document.querySelectorAll("svg")].flatMap(svg => {
  const texts = [...svg.querySelectorAll("text")]
    .map(text => [text.textContent, text.getBoundingClientRect()]).filter(([, box]) => box.width);
  return texts.flatMap(([a, one], i) => texts.slice(i + 1).filter(([, other]) =>
    Math.min(one.right, other.right) - Math.max(one.left, other.left) > 2
    && Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top) > 4).map(([b]) => `${a} / ${b}`)); })"""


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_cut_off_or_covered(browser, report, width):
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto((report / "report.html").as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CUT_OFF) == []
    assert page.evaluate(TEXT_OUTSIDE) == []
    assert page.evaluate(TITLES_COVERED) == []
    shown = page.evaluate("getComputedStyle(document.querySelector('tbody tr')).display")
    assert shown == ("block" if width == 390 else "table-row"), "rows are cards on a phone"
    page.close()
