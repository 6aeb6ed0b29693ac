"""The HTML report in a real browser: filters, hover, themes, print, phone; nothing leaves the page."""

import io
import json

import pytest
from helpers.report_runs import Maker, add_insides
from PIL import Image

from healbert.report.write import make_report

EVIL = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Two datasets, two models of which one has two methods, a label of ill will; probes and t-SNE in some runs."""
    root = tmp_path_factory.mktemp("browser")
    maker = Maker(root / "runs", {"sst2": (["negative", EVIL], 60), "emotion": (list("abc"), 60)})
    settings = {"seeds": (0, 1), "rates": (2e-5, 5e-5)}
    maker.sweep(levels=(0, 0.5, 1), model_name_or_path="org/one", **settings)
    maker.sweep(levels=(0.5,), model_name_or_path="org/one", corrupt_method="zeros", **settings)
    maker.sweep(levels=(0, 0.5), model_name_or_path="org/two", **settings)
    for path in maker.root.glob("*/results.json"):  # a damaged model that beats the healed intact one: no recovery
        results = json.loads(path.read_text())
        config = results["config"]
        if (config["model_name_or_path"], config["task_name"], config["corrupt_level"]) == ("org/two", "sst2", 0.5):
            results["metrics"]["damaged"]["f1_weighted"] = 0.99
            path.write_text(json.dumps(results))
    for folder in sorted(maker.root.iterdir())[:8]:
        add_insides(folder, examples=30)
    make_report(maker.root, root / "out")
    return root / "out" / "report.html"


@pytest.fixture
def opened(browser, report):
    """Opens the report; at the end, no script failed and nothing was asked of anything but the file."""
    pages, faults, requests = [], [], []

    def go(width=1280, scheme="light"):
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: message.type == "error" and faults.append(message.text))
        page.on("dialog", lambda dialog: faults.append("a dialog opened"))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(report.as_uri())
        pages.append(page)
        return page

    yield go
    for page in pages:
        page.close()
    assert faults == []
    assert [url for url in requests if url != report.as_uri() and not url.startswith(("data:", "blob:"))] == []


def unfold(page):
    page.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true; })")


def middle(place):
    box = place.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def said_at(page, place, point=middle):
    """What the page says with the pointer on a place, once that stands still after unfolding and scrolling."""
    place.scroll_into_view_if_needed()
    for _ in range(50):
        page.mouse.move(0, 0)
        page.mouse.move(*point(place))
        if page.locator("#tip").is_visible():
            return page.locator("#tip").text_content()
        page.wait_for_timeout(100)
    return ""


def test_every_plot_is_there_and_labelled(opened):
    page = opened()
    charts = page.locator(".chart").all()
    assert len(charts) > 25 and all(chart.locator("svg").count() == 1 for chart in charts)
    assert all(len(chart.get_attribute("aria-label")) > 10 for chart in charts)
    kinds = page.eval_on_selector_all("figure", "all => all.map(figure => figure.className)")
    known = "levels forest kinds recovery speed epochs rates probes confusion tsne"
    assert {kind.split()[-1] for kind in kinds} == set(known.split())
    ids = page.eval_on_selector_all("[id]", "all => all.map(e => e.id)")
    assert len(ids) == len(set(ids)), "no two elements have one id"


def test_exact_values_under_the_pointer(opened):
    page = opened()
    levels = page.locator("figure.levels .chart use:has(title)").locator("visible=true")
    text = said_at(page, levels.first)
    assert "damaged part of the encoder (%): 0" in text and "n 2" in text and "0." in text
    forest = said_at(page, page.locator("figure.forest .chart use:has(title)").first)
    assert "all datasets: " in forest and "95% interval" in forest
    unfold(page)
    place = page.locator("figure.recovery .chart image").first
    assert "recovery %" in said_at(page, place) and "emotion" in page.locator("#tip").text_content()
    dots = page.locator("figure.tsne .chart path[data-titles]").first
    first = "e => { const p = e.getPointAtLength(0).matrixTransform(e.getScreenCTM()); return [p.x, p.y]; }"
    assert "example" in said_at(page, dots, lambda dots: dots.evaluate(first))


@pytest.mark.parametrize(("key", "value"), [("dataset", "emotion"), ("model", "org/two"), ("method", "zeros")], ids=str)
def test_filters_act_on_tables_and_figures(opened, key, value):
    page = opened()
    everything = page.locator(".item:visible").count()
    page.select_option(f"select[name={key}]", value)
    visible = "all => all.filter(item => item.offsetParent)"
    rows = page.eval_on_selector_all("tr.item", f"{visible}.length")
    left = page.eval_on_selector_all(
        ".chart, tr.item",
        f"all => ({visible})(all).filter(i => !('anyDataset' in i.dataset)).map(i => i.dataset.{key})",
    )
    assert rows and set(left) == {value}
    assert page.locator(".item:visible").count() < everything
    assert page.locator("figure:visible").count() and "of" in page.locator(".filters output").text_content()
    page.select_option(f"select[name={key}]", "")
    assert page.locator(".item:visible").count() == everything


def test_findings_are_of_the_chosen_dataset(opened):
    page = opened()
    unfold(page)
    shown = "all => all.filter(e => e.offsetParent).map(e => e.textContent)"
    texts = page.eval_on_selector_all(".badge, .headline", shown)
    assert texts and not any("On sst2:" in text for text in texts)
    page.select_option("select[name=dataset]", "sst2")
    texts = page.eval_on_selector_all(".badge, .headline", shown)
    assert any("On sst2:" in text for text in texts) and any(text.startswith("sst2: ") for text in texts)
    assert not any("2 datasets" in text or "emotion" in text for text in texts)


def test_filter_fades_the_rows_of_a_map(opened):
    page = opened()
    unfold(page)
    chart = page.locator("figure.recovery .chart").first
    off = "e => [...e.querySelectorAll('image')].map(image => image.classList.contains('off'))"
    rows = len(json.loads(chart.get_attribute("data-heat"))["rows"])
    assert chart.evaluate(off) == [False] * (rows + 1), "the last is the bar of colours"
    page.select_option("select[name=dataset]", "sst2")
    assert chart.evaluate(off)[:rows] == [True, False, True]
    faded = "e => [...e.querySelectorAll('text.off')].map(text => text.textContent)"
    assert "emotion" in chart.evaluate(faded) and "sst2" not in chart.evaluate(faded)
    page.select_option("select[name=dataset]", "")
    assert chart.evaluate(off) == [False] * (rows + 1)


CONTRAST = """() => {
  const light = c => { const [r, g, b] = c.match(/[\\d.]+/g).slice(0, 3).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const page = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;
    if (!/, 0\\)$/.test(c)) return c; } return getComputedStyle(document.body).backgroundColor; };
  return [...document.querySelectorAll("p, td, th, h1, h2, h3, a, label, li, small, summary, figcaption, span")]
    .filter(e => e.textContent.trim() && e.offsetParent)
    .map(e => { const [a, b] = [light(getComputedStyle(e).color), light(page(e))];
      return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.tagName + "." + e.className]; })
    .filter(([ratio]) => ratio < 4.5); }"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast(opened, scheme):
    page = opened(scheme=scheme)
    unfold(page)
    assert page.evaluate(CONTRAST) == []
    fills = page.eval_on_selector_all("figure.levels svg text", "all => all.map(e => getComputedStyle(e).fill)")
    assert set(fills) == {"rgb(230, 233, 236)" if scheme == "dark" else "rgb(27, 31, 36)"}


def luminance(colour):
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in (part / 255 for part in colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_in_maps_has_contrast(opened, scheme):
    page = opened(scheme=scheme)
    unfold(page)
    found, words = [], set()
    charts = page.locator("figure.recovery .chart").all() + page.locator("figure.confusion .chart").all()[:6]
    for chart in charts:
        picture = Image.open(io.BytesIO(chart.screenshot())).convert("RGB")
        left, top = (chart.bounding_box()[side] for side in "xy")
        inside = [image.bounding_box() for image in chart.locator("image").all()]
        for text in chart.locator("text").all():
            box, fill = text.bounding_box(), text.evaluate("e => getComputedStyle(e).fill")
            x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
            if not any(i["x"] < x < i["x"] + i["width"] and i["y"] < y < i["y"] + i["height"] for i in inside):
                continue
            place = picture.getpixel((round(box["x"] - 3 - left), round(y - top)))  # beside it
            dark, light = sorted(map(luminance, (place, [int(v) for v in fill[4:-1].split(",")])))
            found.append((light + 0.05) / (dark + 0.05))
            words.add(text.text_content())
    assert len(found) > 40 and min(found) >= 4.5 and "undefined" in words


def test_print_unfolds_everything(opened, tmp_path):
    page = opened(scheme="dark")
    page.evaluate(
        "addEventListener('beforeprint', () => { folded = document.querySelectorAll('details:not([open])').length })"
    )
    page.pdf(path=tmp_path / "report.pdf", prefer_css_page_size=True)
    assert page.evaluate("window.folded") == 0 and page.locator("details[open]").count() == 0
    assert (tmp_path / "report.pdf").stat().st_size > 50_000


def test_labels_of_ill_will_are_shown_as_text(opened):
    page = opened()
    chart = page.locator("figure.confusion[aria-label*=sst2] .chart").first
    assert any("<script>" in text for text in chart.locator("text").all_text_contents())
    assert page.evaluate("document.querySelectorAll('svg script, td script').length") == 0


def test_every_link_of_the_page_resolves(opened, report):
    page = opened()
    links = page.eval_on_selector_all("a", "all => all.map(a => a.getAttribute('href'))")
    assert any(link.startswith(("#runs-", "#run-")) for link in links)
    for link in links:
        if link.startswith(("#runs-", "#run-")):
            page.evaluate("link => { location.hash = link; dispatchEvent(new Event('hashchange')); }", link)
            assert page.evaluate(
                "document.querySelector('#run-page h2').textContent"
            ) and "No run of" not in page.evaluate("document.getElementById('run-page').textContent")
        elif link.startswith("#"):
            assert page.locator(link).count() == 1
        else:
            assert (report.parent / link).is_file()
