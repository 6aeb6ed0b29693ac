"""How fast, where and at what cost models heal: figures of runs that are known."""

import itertools

import numpy as np
import pytest
from helpers.healing_runs import COST, STEPS, edit, trace, write_healing
from helpers.report_runs import Maker

from healbert.analysis.curves import area, curve, first_above
from healbert.analysis.pareto import front
from healbert.analysis.runs import INTACT, Damage
from healbert.report.content import make_content
from healbert.report.scales import log_ticks, short
from healbert.report.write import make_report

HALF = Damage(0.5, "bottom")
ONE = {"sst2": (["negative", "positive"], 40)}


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    maker = Maker(tmp_path_factory.mktemp("healing") / "runs", ONE)
    write_healing(maker)
    write_healing(maker, ways=("full",), sizes=(20, 50))
    return make_content(maker.root)


def tables(content, kind):
    return [table for table in content.tables if table.kind == kind]


def figures(content, kind):
    return [figure for figure in content.figures if figure.kind == kind]


# How fast.


def test_area_is_the_mean_score_over_training():
    assert area([0, 1, 3], [0.0, 1.0, 0.5]) == pytest.approx((0.5 * 1 + 0.75 * 2) / 3)
    assert area([2], [0.3]) is None


def test_the_first_evaluation_at_or_above_counts():
    assert first_above([0.1, 0.5, 0.4, 0.9], 0.5) == 1
    assert first_above([0.1, 0.2], 0.5) is None


def test_examples_and_seconds_until_shares_of_the_intact_score(content):
    (found,) = [t for t in tables(content, "speed") if "healing full, max_train_samples None" in t.title]
    by_level = {record["level"]: record for record in found.records}
    # Intact: 0.8 and 0.81, mean 0.805. Their curves: 0.6, 0.75, 0.8 (+ 0.01). 90% is 0.7245, 95% 0.765, 99% 0.797.
    intact = by_level[0]
    assert intact["examples_to_90"] == 2 * 100 and intact["seconds_to_90"] == pytest.approx(2 * 10 * 0.4)
    assert intact["examples_to_95"] == intact["examples_to_99"] == 3 * 100 and intact["runs"] == 2
    half = by_level[0.5]  # 0.65 and 0.66: below 0.7245
    assert half["examples_to_90"] is None and half["examples_to_90_runs"] == 0
    areas = [np.trapezoid([0.2, 0.6 + s, 0.75 + s, 0.8 + s]) / 3 for s in (0, 0.01)]
    assert intact["mean_score"] == pytest.approx(np.mean(areas))
    row = next(row for row in found.rows if row.cells[1].text == str(HALF))
    assert row.cells[2].text == "\u2013"


def test_the_seeds_that_reach_it_are_counted(tmp_path):
    maker = Maker(tmp_path, ONE)
    write_healing(maker, ways=("full",), levels=(0,), seeds=(0, 9))
    (found,) = tables(make_content(tmp_path), "speed")
    # 0.8 and 0.89, mean 0.845: 95% is 0.803
    assert found.records[0]["examples_to_95_runs"] == 1
    assert [cell.note for cell in found.rows[0].cells[3:4]] == ["1 of 2 runs"]


def test_without_an_intact_run_there_is_nothing_to_reach(tmp_path):
    maker = Maker(tmp_path, ONE)
    write_healing(maker, ways=("full",), levels=(0.5,))
    content = make_content(tmp_path)
    assert not tables(content, "speed") and not figures(content, "speed")


def test_a_curve_has_what_lies_before_healing_unless_another_split_chooses(content):
    from healbert.analysis.runs import Run

    metrics = {"damaged": {"f": 0.1}, "per_epoch": [{"epoch": 0.5, "step": 3, "f": 0.4}, {"epoch": 1.0, "step": 6}]}
    run = Run(None, "", {"metrics": metrics}, metric=type("M", (), {"name": "f"})())
    assert curve(run, "best_eval").T.tolist() == [[0, 0, 0.1], [0.5, 3, 0.4]]
    assert curve(run, "dev").T.tolist() == [[0.5, 3, 0.4]]


def test_more_examples_stand_beside_fewer(content):
    (table,) = tables(content, "data-efficiency")
    found = {(r["level"], r["examples"]): r["mean"] for r in table.records}
    assert found == pytest.approx(
        {(lv, n): 0.805 - 0.3 * lv - (0.1 if n < 100 else 0) for lv in (0, 0.5) for n in (20, 50, 100)}
    )
    (figure,) = figures(content, "data-efficiency")
    lines = {series.name: (series.x, series.y) for series in figure.panels[0].content.series}
    assert lines[str(INTACT)][0] == [20, 50, 100] and lines[str(HALF)][1] == pytest.approx([0.555, 0.555, 0.655])


# At what cost.


def test_the_front_is_of_those_that_none_beats():
    points = [(1, 0.5), (2, 0.7), (2, 0.6), (3, 0.7), (4, 0.9), (1, 0.5), (5, 0.1)]
    assert front(points) == [0, 1, 4, 5]
    assert front([]) == [] and front([(1, 1)]) == [0]


def test_what_each_strategy_costs_and_which_are_on_the_front(content):
    (table,) = tables(content, "pareto")
    half = {r["strategy"]: r for r in table.records if r["level"] == 0.5}
    assert half.keys() == COST.keys()
    for name, (parameters, flops, seconds, more) in COST.items():
        assert half[name]["score"] == pytest.approx(0.655 + more)
        assert half[name]["flops"] == pytest.approx(flops * STEPS) and half[name]["parameters"] == parameters
        assert half[name]["seconds"] == pytest.approx(seconds * STEPS)
    # bias_only: as many FLOPs as lora and worse; more parameters, too; but fewer seconds
    assert {name for name, r in half.items() if r["front_flops"]} == {"full", "lora", "linear_probe"}
    assert {name for name, r in half.items() if r["front_parameters"]} == {"full", "lora", "linear_probe"}
    assert all(r["front_seconds"] for r in half.values())
    (figure,) = figures(content, "pareto")
    titles = [[panel.title.split(",")[0] for panel in row] for row in figure.rows]
    assert titles == [["intact"] * 3, ["bottom 50%"] * 3]
    line = next(s for s in figure.rows[1][0].content.series if s.name == "Pareto front")
    assert line.x == pytest.approx([3e9, 9e10, 1.2e11]) and line.y == pytest.approx([0.455, 0.635, 0.655])


def test_the_spread_over_seeds_shows_at_a_single_point(content):
    from matplotlib.figure import Figure

    from healbert.report.figures.drawing import draw_panel
    from healbert.report.figures.frame import Frame

    (figure,) = figures(content, "pareto")
    panel = figure.rows[1][0]
    spreads = {s.name: s.spread for s in panel.content.series if len(s.x) == 1}
    assert spreads.keys() == COST.keys() and all(spread[0] > 0 for spread in spreads.values())
    frame = Frame(Figure(), "one")
    draw_panel(frame, panel)
    bars = [part.get_ydata() for part in frame.parts if part.get_marker() == "_"]
    heights = sorted(high - low for low, high in bars)
    assert heights == pytest.approx(sorted(2 * spread[0] for spread in spreads.values()))


def test_what_is_done_once_before_the_steps_counts(tmp_path):
    maker = Maker(tmp_path, ONE)
    write_healing(maker, seeds=(0,))
    before = {"linear_probe": {"flops_before": 4e10}, "lora": {"flops_before": 1e9, "text": {"flops": 2e9}}}
    for folder in [path.parent for path in tmp_path.rglob("results.json")]:
        edit(folder, lambda found: found["healing"].update(before.get(found["healing"]["strategy"], {})))
    (table,) = tables(make_content(tmp_path), "pareto")
    found = {r["strategy"]: r["flops"] for r in table.records}
    assert found["linear_probe"] == STEPS * 1e8 + 4e10 and found["lora"] == STEPS * 3e9 + 3e9
    assert found["full"] == STEPS * 4e9


def test_what_belongs_to_a_strategy_sets_no_runs_apart(tmp_path):
    maker = Maker(tmp_path, ONE)
    write_healing(maker, seeds=(0,), ways=("full",))
    more = {"distill": {"teacher": "there/judge"}, "continued_pretraining": {"heal_text": "there/books.txt"}}
    more["damaged_only"] = {"reuse_frozen": True}
    for way, setting in more.items():
        maker.run("sst2", 0.5, seed=0, healing=way, **setting)
    (table,) = tables(make_content(tmp_path), "pareto")
    assert [r["strategy"] for r in table.records] == [
        "continued_pretraining (heal_text books.txt)",
        "damaged_only (reuse_frozen)",
        "distill (teacher judge)",
        "full",
    ]


def test_files_of_one_name_are_two_strategies(tmp_path):
    maker = Maker(tmp_path, ONE)
    write_healing(maker, levels=(0.5,), ways=("full",))
    for seed, text in itertools.product((0, 1), ("a/train.txt", "b/train.txt", "c/other.txt")):
        maker.run("sst2", 0.5, seed=seed, healing="continued_pretraining", heal_text=text)
    content = make_content(tmp_path)
    names = {f"continued_pretraining (heal_text {text})" for text in ("a/train.txt", "b/train.txt", "other.txt")}
    for kind in ("pareto", "strategies"):
        (table,) = tables(content, kind)
        assert {record["strategy"] for record in table.records} == names | {"full"}
        assert len(table.records) == 4


def test_one_strategy_is_no_comparison(tmp_path):
    maker = Maker(tmp_path, ONE)
    write_healing(maker, ways=("full",))
    content = make_content(tmp_path)
    for kind in ("pareto", "data-efficiency"):
        assert not tables(content, kind) and not figures(content, kind)


def test_a_cost_that_some_do_not_know_is_left_out(tmp_path):
    maker = Maker(tmp_path, ONE)
    write_healing(maker, levels=(0,), seeds=(0,))
    for folder in tmp_path.iterdir():
        edit(folder, lambda found: found["healing"].update(flops_per_step=None))
    (table,) = tables(make_content(tmp_path), "pareto")
    assert table.columns[4:] == ["seconds of training steps", "trainable parameters"]


@pytest.mark.parametrize("values", [[3], [3, 3], [0.01, 0.3], [800, 1.1e8], [6e11, 2.4e14], [90, 110], [4, 5, 90]])
def test_axes_of_powers_have_places_with_labels(values):
    places = log_ticks(values)
    assert 1 <= len(places) <= 9 and len(set(places.values())) == len(places)
    assert min(places) >= min(values) / 1.3 and max(places) <= max(values) * 1.3


def test_numbers_are_short():
    assert [short(v) for v in (0.5, 12, 1200, 1.1e8, 3e9, 1.25e14)] == ["0.5", "12", "1.2k", "110M", "3G", "1.2e14"]


def test_groups_that_train_on_as_many_examples_are_one(tmp_path):
    """Of 100 examples 200 and 400 are asked for."""
    maker = Maker(tmp_path, ONE)
    write_healing(maker, ways=("full",), levels=(0.5,), sizes=(20, 200, 400))

    def change(found):
        asked = found["config"]["max_train_samples"]
        found["task"]["examples"]["train"] = min(100, asked)
        found["metrics"]["healed"]["f1_weighted"] = {20: 0.5, 200: 0.6, 400: 0.64}[asked]

    for folder in sorted(tmp_path.iterdir()):
        edit(folder, change)
    content = make_content(tmp_path)
    (table,) = tables(content, "data-efficiency")
    found = {record["examples"]: (record["mean"], record["n"]) for record in table.records}
    assert found == {20: (0.5, 2), 100: (pytest.approx(0.62), 2)}
    links = [len(cell.link.split(".")) for cell in table.rows[0].cells[2:]]
    assert links == [2, 4], "the runs of both"


# Where.


def test_damaged_layers_and_the_others_before_and_after(content):
    found = [t for t in tables(content, "healing-by-layer") if "max_train_samples None" in t.title]
    damaged, others = found[0].records
    assert (damaged["layers"], damaged["damaged"]) == ("1-3", True)
    assert (others["layers"], others["damaged"]) == ("4-6", False)
    assert (damaged["distance_start"], damaged["distance_healed"]) == (10, 7)
    assert damaged["cka_start"] == pytest.approx(0.4) and damaged["cka_healed"] == pytest.approx(0.7)
    assert damaged["moved"] == pytest.approx(0.3) and damaged["ratio"] == pytest.approx(1)
    assert others["moved"] == pytest.approx(0.6) and others["moved_intact"] == pytest.approx(0.3)
    assert others["ratio"] == pytest.approx(2)


def test_the_picture_has_layers_down_and_epochs_across(content):
    found = [f for f in figures(content, "layers") if "bottom 50%" in f.title and "max_train_samples None" in f.title]
    panel = found[0].panels[0]
    assert panel.title == "distance to the pretrained weights"
    assert panel.content.rows == ["0", "1*", "2*", "3*", "4", "5", "6"]
    assert panel.content.columns == ["start", "1", "2", "3", "healed"]
    assert panel.content.values[1].tolist() == [10, 9, 8, 7, 7]
    assert panel.content.values[4].tolist() == pytest.approx([0, 0.2, 0.4, 0.6, 0.6])
    assert [p.title for p in found[0].panels][-1] == "CKA with the pretrained states", "no attention, no panel"


def test_runs_whose_damage_lies_elsewhere_are_not_averaged(tmp_path):
    maker = Maker(tmp_path, ONE)
    write_healing(maker)

    def moved(results):
        if results["config"]["corrupt_level"] and results["config"]["seed"] and "trace" in results:
            for entry in results["trace"]["entries"]:
                for distances in entry["distance"]["pretrained"].values():
                    distances[1:] = distances[:0:-1]  # the top half was hit

    for folder in tmp_path.iterdir():
        edit(folder, moved)
    (table,) = tables(make_content(tmp_path), "healing-by-layer")
    assert [(record["layers"], record["distance_start"]) for record in table.records] == [("1-3", 10), ("4-6", 0)]
    assert [(record["runs"], record["runs_of_damage"]) for record in table.records] == [(1, 2)] * 2
    assert [row.cells[-1].text for row in table.rows] == ["1 of 2"] * 2 and "Runs: how many" in table.caption
    intact, damaged = figures(make_content(tmp_path), "layers")
    assert "mean over 2 runs" in intact.caption and "mean over 1 of 2 runs" in damaged.caption
    assert [len(figure.panels[0].runs) for figure in (intact, damaged)] == [2, 1]


def test_runs_with_and_without_a_trace_are_of_one_group(tmp_path):
    maker = Maker(tmp_path, ONE)
    maker.run("sst2", 0.5, seed=0, trace_healing=True, trace_samples=9, trace_reference="x", _trace=trace(3))
    maker.run("sst2", 0.5, seed=1)
    content = make_content(tmp_path)
    assert len(content.groups) == 1 and len(figures(content, "layers")) == 1


@pytest.mark.slow
def test_all_of_it_is_written(tmp_path):
    maker = Maker(tmp_path / "runs", ONE)
    write_healing(maker)
    write_healing(maker, ways=("full",), sizes=(20,))
    make_report(maker.root, tmp_path / "out")
    for name in ("pareto", "data-efficiency"):
        assert (tmp_path / "out" / "tables" / f"{name}.tex").exists()
    page, text = ((tmp_path / "out" / f"report.{kind}").read_text() for kind in ("html", "md"))
    for title in ("How fast it heals", "Where healing happened", "Score against cost", "What more examples bring"):
        assert title in page and title in text
    drawn = {path.stem.split("-")[0] for path in (tmp_path / "out" / "figures").glob("*.png")}
    assert {"pareto", "data", "layers"} <= drawn


def test_scores_of_another_harness_stand_beside_the_runs(tmp_path, content):
    maker = Maker(tmp_path, ONE)
    scores = {"own": {"acc,none": 0.25, "acc_stderr,none": 0.125}}, {"own": {"acc,none": 0.5}}
    found = {"version": "0.4.13", "damaged": scores[0], "healed": scores[1]}
    for seed in (0, 1):
        maker.run("sst2", 0.5, seed=seed, _lm_eval=found)
    maker.run("sst2", 0)
    (table,) = tables(make_content(tmp_path), "lm-eval")
    assert [(r["seed"], r["task"], r["metric"], r["damaged"], r["healed"]) for r in table.records] == [
        (0, "own", "acc", 0.25, 0.5),
        (1, "own", "acc", 0.25, 0.5),
    ]
    assert [(cell.text, cell.note) for cell in table.rows[0].cells[-2:]] == [("0.250", "\u00b1 0.125"), ("0.500", "")]
    assert not tables(content, "lm-eval")
