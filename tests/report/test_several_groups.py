"""A report of several groups: which comes first, and what of it is open."""

import re

import pytest
from helpers.report_runs import Maker

from healbert.analysis.analysis import analyse
from healbert.analysis.runs import natural
from healbert.report.content import content_of
from healbert.report.write import make_report

ALONE, WHOLE = "a-model-without-intact-runs", ["bit_flip", "gaussian_noise", "shuffle", "zero"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Four methods on one model, and a model, the first by name, without intact runs."""
    root = tmp_path_factory.mktemp("groups")
    maker = Maker(root / "runs", {"sst2": (["negative", "positive"], 200)})
    maker.sweep(levels=(0.5, 1), rates=(2e-5,), model_name_or_path=ALONE)
    maker.sweep(levels=(0,), rates=(2e-5,), model_name_or_path="whole")
    for name in WHOLE:
        maker.sweep(levels=(0.5, 1), rates=(2e-5,), model_name_or_path="whole", corrupt_method=name)
    return make_report(maker.root, root / "out")


def test_groups_that_can_answer_the_main_question_come_first(made):
    content, output = made
    assert [group.tags["method"] for group in content.groups] == [*WHOLE, "kaiming_uniform"]
    assert [group.tags["model"] for group in content.groups] == ["whole"] * 4 + [ALONE]
    assert [group.number for group in content.groups] == [1, 2, 3, 4, 5]
    assert [next(iter(group.claims))[0].outcome is not None for group in content.groups] == [True] * 4 + [False]
    assert (output / "figures" / "levels-1-whole_bit_flip.png").is_file()


def test_the_first_group_is_open_and_all_groups_stand_below(made):
    page = (made[1] / "report.html").read_text(encoding="utf-8")
    first, *others = re.split(r'<section class="finding', page[: page.index('id="verdicts"')])[1:]
    folded = '<details class="about"><summary>Plots</summary>'
    assert folded not in first and 'class="holder levels"' in first and 'class="holder forest"' in first
    assert len(others) == 4 and all(folded in other for other in others)
    places = [page.index(f'id="{name}"') for name in ("findings", "verdicts", "all-groups", "group-1")]
    assert places == sorted(places)


def test_no_intact_run_is_lost_where_another_way_to_heal_damaged_its_dataset(tmp_path):
    maker = Maker(tmp_path)
    for dataset, level, healing in (
        ("sst2", 0, "full"),
        ("sst2", 0.5, "full"),
        ("emotion", 0, "full"),
        ("emotion", 0, "linear_probe"),
        ("emotion", 0.5, "linear_probe"),
    ):
        maker.run(dataset, level, healing=healing)
    analysis = analyse(tmp_path)
    grouped = {id(run) for group in analysis.groups for run in group.group.runs}
    assert len(analysis.groups) == 2 and grouped == {id(run) for run in analysis.study.runs}
    assert len(next(table for table in content_of(analysis).tables if table.name == "runs").records) == 5


def test_a_run_of_several_groups_counts_once(made):
    runs = analyse(made[1].parent / "runs")
    assert runs.without_epochs() == len(runs.study.runs)


def test_layers_are_sorted_as_numbers_and_told_apart(tmp_path):
    assert sorted(["top", "layers 10", "layers 2", "bottom", "layers 2-3"], key=natural) == [
        "bottom",
        "layers 2",
        "layers 2-3",
        "layers 10",
        "top",
    ]
    maker = Maker(tmp_path, {"sst2": (["negative", "positive"], 200)})
    maker.sweep(levels=(0,))
    for layer in (10, 2, 1):
        hit = {
            "level": 1 / 12,
            "region": "bottom",
            "layers_hit": [layer],
            "num_layers": 12,
            "fraction_of_encoder": 1 / 12,
        }
        for rate in (2e-5, 5e-5):
            maker.run("sst2", 0.5, rate=rate, corrupt_layers=str(layer), _corruption=hit)
    analysis = analyse(tmp_path)
    (group,) = analysis.groups
    assert group.results.regions == ["layers 1", "layers 2", "layers 10"]
    assert [damage.region for damage in group.results.damages] == ["", "layers 1", "layers 2", "layers 10"]
    figure = next(figure for figure in content_of(analysis).figures if figure.name.startswith("rates"))
    looks = [(series.colour, series.marker, series.dash) for series in figure.panels[0].content.series]
    assert len(set(looks)) == 4 and "dashed" not in figure.caption


@pytest.mark.slow
def test_the_first_screen_is_that_of_one_group(browser, made):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto((made[1] / "report.html").as_uri())
    first = page.locator("#findings")
    seen = first.locator(".headline:visible, .badge:visible, .first > figure > .panels svg:visible").all()
    assert len(seen) == 1 + first.locator(".badge").count() + 2
    boxes = [place.bounding_box() for place in seen]
    assert max(box["y"] + box["height"] for box in boxes) <= 900 and min(box["height"] for box in boxes[-2:]) > 150
    page.close()
