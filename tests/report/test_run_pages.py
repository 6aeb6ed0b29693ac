"""A page for each run, and two runs side by side, in a real browser."""

import json
import pathlib
from urllib.parse import quote

import numpy as np
import pandas
import pytest
from helpers.report_runs import Maker, add_insides
from sklearn.metrics import confusion_matrix
from statsmodels.stats.contingency_tables import mcnemar

import healbert.report
from healbert.analysis.collect import collect
from healbert.report import run_pages
from healbert.report.write import make_report
from healbert.results.read import read_results

EVIL = "<script>alert(1)</script>"
SCRIPT = pathlib.Path(healbert.report.__file__).parent / "templates" / "run_page.js"


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Eight runs of a task whose label is of ill will, one folder too; one without a receipt, one failed."""
    root = tmp_path_factory.mktemp("pages")
    maker = Maker(root / "runs", {"sst2": (["negative", EVIL], 60)})
    maker.sweep(levels=(0, 0.5), regions=("bottom", "top"), rates=(2e-5,), seeds=(0, 1))
    for folder in maker.root.iterdir():
        entry = {"name": "encoder.layer.0.a", "count": 7, "norm_before": 2.0, "norm_after": 1.0}
        receipt = {
            "summary": {"layer_stack": "encoder.layer"},
            "tensors": [entry | {"relative_l2": 0.75, "cosine": 0.5}],
        }
        (folder / "corruption.json").write_text(json.dumps(receipt))
    add_insides(maker.root / "run-00000", examples=30)
    (maker.root / "run-00001" / "corruption.json").unlink()
    (maker.root / "run-00001" / "predictions.parquet").write_bytes(b"PAR1")
    (maker.root / "run-00002").rename(maker.root / "a & b#%'<i>")
    maker.run("sst2", 0.5, "top", seed=2, status="failed", _error={"kind": "killed", "message": EVIL})
    begun = maker.root / "begun"
    begun.mkdir()
    (begun / "settings.json").write_text("{}")
    make_report(maker.root, root / "out")
    return root


@pytest.fixture
def opened(browser, study):
    """Opens the report at a place; at the end, no script failed and nothing was asked of a network."""
    pages, faults = [], []

    def go(place="", width=1280):
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: message.type == "error" and faults.append(message.text))
        page.on("dialog", lambda dialog: faults.append("a dialog opened"))
        page.goto((study / "out" / "report.html").as_uri() + place)
        pages.append(page)
        return page

    yield go
    for page in pages:
        page.close()
    assert faults == []


def rows(page, label):
    """{first cell: the others} of a table of the page of a run."""
    cells = "all => all.map(row => [...row.cells].map(cell => cell.textContent))"
    found = page.eval_on_selector_all(f"#run-page [aria-label='{label}'] tbody tr", cells)
    return {first: rest for first, *rest in found}


def heading(page):
    return page.locator("#run-page h2").text_content()


def test_a_page_says_what_the_files_say(opened, study):
    page = opened("#run-run-00003")
    assert heading(page) == "run-00003" and not page.locator("main").is_visible()
    results = read_results(study / "runs" / "run-00003")
    healed = results["metrics"]["healed"]["f1_weighted"]
    assert rows(page, "Scores")["healed, chosen epoch"][0] == f"{healed:.4f}"
    assert rows(page, "Receipt by layer") == {"0": ["1", "7", "0.750", "0.500"]}
    differ = rows(page, "Settings in which runs differ")
    assert differ.keys() == {"corrupt_level", "corrupt_region", "corrupt_seed", "seed"} and differ["seed"] == ["0"]
    (run,) = [run for run in collect(study / "runs").runs if run.name == "run-00003"]
    table = pandas.read_parquet(run.folder / "predictions.parquet")
    counts = confusion_matrix(table["label"], table["prediction"]).astype(str).tolist()
    assert list(rows(page, "Confusion matrix").values()) == counts
    wrong = table["id"][table["label"] != table["prediction"]].astype(str).tolist()
    assert list(rows(page, "Worst mistakes")) == wrong[:10]
    assert "No texts: the results do not say which files they were." in page.locator("#run-page").text_content()
    assert page.locator("#run-page svg circle").count() == 4, "before healing, and three epochs"
    links = page.eval_on_selector_all("#run-page .files a", "all => all.map(a => a.getAttribute('href'))")
    assert len(links) == 4 and all((study / "out" / link).is_file() for link in links)


def test_a_row_a_dot_and_the_way_back(opened):
    page = opened()
    page.locator("#runs summary").click()
    page.locator("#runs a", has_text="run-00003").click()
    assert heading(page) == "run-00003"
    page.go_back()
    page.locator("main").wait_for(state="visible")
    assert not page.locator("#run-page").is_visible()
    dot = page.locator("figure.levels .chart use[data-runs]").first
    dot.scroll_into_view_if_needed()
    box = dot.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.locator("#run-page h2").wait_for()
    assert heading(page) == "2 runs" and page.locator("#run-page tbody tr").count() == 2
    page.locator("nav a", has_text="Reproducibility").click()
    assert page.locator("#reproducibility").is_visible() and not page.locator("#run-page").is_visible()


def test_a_dot_of_the_forest_plot_leads_to_its_runs(opened):
    page = opened()
    dot = page.locator("figure.forest .chart use[data-runs]").first
    box = dot.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.locator("#run-page h2").wait_for()
    assert heading(page) == "4 runs", "two of the damage, two intact ones"
    damages = page.locator("#run-page tbody tr td:nth-child(3)").all_text_contents()
    assert [damage.split(" (")[0] for damage in sorted(damages)] == ["bottom 50%"] * 2 + ["intact"] * 2


def test_what_is_missing_is_said(opened):
    notes = opened("#run-run-00001").locator("#run-page .note").all_text_contents()
    assert notes[0] == "No receipt: corruption.json is missing." and "predictions.parquet cannot be read" in notes[1]
    assert opened("#run-begun").locator("#run-page .note").all_text_contents() == ["not finished."]
    assert "No run of this report" in opened("#run-nobody").locator("#run-page").text_content()
    page = opened("#run-run-00006")
    assert "failed" in page.locator("#run-page").text_content()
    assert page.locator("#run-page .note").last.text_content() == "No predictions: it has no score."


def test_names_of_ill_will_stay_texts(opened, study):
    name = "a & b#%'<i>"
    page = opened(f"#run-{quote(name)}")
    assert heading(page) == name and page.locator("#run-page script, #run-page i").count() == 0
    assert EVIL in rows(page, "Confusion matrix")
    link = page.locator("#run-page .files a", has_text="results.json").get_attribute("href")
    assert link == f"../runs/{quote(name)}/results.json"
    text = (study / "out" / "report.html").read_text()
    assert text.count("</script>") == text.count("<script")


def test_two_that_are_ticked_are_compared(opened, study):
    page = opened()
    page.locator("#runs summary").click()
    for name in ("run-00000", "run-00004", "run-00005"):  # the first one gives way to the third
        page.locator(f"#runs input[aria-label='compare {name}']").check()
    assert page.locator("#runs input:checked").count() == 2
    page.locator("#runs a", has_text="Compare the two").click()
    tables = [pandas.read_parquet(study / "runs" / f"run-0000{i}" / "predictions.parquet") for i in (4, 5)]
    right = np.array([table["label"] == table["prediction"] for table in tables])
    a, b = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
    p = mcnemar([[0, a], [b, 0]], exact=True).pvalue
    said = page.locator("#run-page").text_content()
    assert f"A alone is right on {a} of them, B alone on {b}, both on {int(right.all(axis=0).sum())}" in said
    assert f"p = {p:.{4 if p < 0.01 else 3}f}" in said
    assert rows(page, "Settings that differ") == {"corrupt_region": ['"bottom"', '"top"']}
    assert len(page.locator("[aria-label='Examples that one of them alone gets right'] tbody tr").all()) == min(
        a, 10
    ) + min(b, 10)


def test_mcnemar_in_the_page_is_that_of_statsmodels(opened):
    source = SCRIPT.read_text().partition("const mcnemar = ")[2].partition("\n  };")[0] + "\n}"
    page = opened()
    for a, b in ((0, 0), (0, 1), (5, 5), (3, 12), (40, 21), (700, 601), (0, 2000), (3000, 2801)):
        expected = mcnemar([[0, a], [b, 0]], exact=True).pvalue
        assert page.evaluate(f"({source})({a}, {b})") == pytest.approx(expected, rel=1e-8, abs=1e-300)


@pytest.mark.parametrize("place", ["#run-run-00003", "#compare-3.5", "#runs-0.1.2"])
def test_a_phone_shows_all_of_it(opened, place):
    page = opened(place, width=390)
    assert heading(page) and page.evaluate("document.documentElement.scrollWidth") <= 390


def test_of_many_runs_the_first_are_whole(study, monkeypatch):
    from healbert.report.content import make_content

    monkeypatch.setattr(run_pages, "FULL", 2)
    pages = make_content(study / "runs").pages
    assert [("notes" in run, "sample" in run, "curve" in run) for run in pages["runs"][:4]] == [
        (True, True, True),
        (True, True, True),
        (False, False, True),
        (False, False, True),
    ]
