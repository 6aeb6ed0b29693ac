"""t-SNE pictures of several runs side by side: levels across, regions down."""

import numpy as np
import pytest
from helpers.features import make_file
from helpers.pictures import DBPEDIA, NAMES, assert_nothing_is_cut_off, shown
from helpers.probing import brute_separation

from healbert import UserError
from healbert.probing.tsne import draw_runs, embed

pytestmark = pytest.mark.usefixtures("one_thread")


def grid_of(figure):
    """Panels by (row, column): the title of each that is shown."""
    return {
        (axis.get_subplotspec().rowspan.start, axis.get_subplotspec().colspan.start): axis.get_title().split(",")[0]
        for axis in shown(figure)
    }


def test_levels_lie_across_and_regions_down(tmp_path, figures):
    partial = [make_file(level=level, region=region) for level in (0.5, 0.25) for region in ("top", "bottom")]
    draw_runs(tmp_path / "runs.png", [make_file(level=1.0, region="top"), *partial, make_file(level=0.0)])
    expected = {(row, 0): "intact" for row in (0, 1)} | {(row, 3): "all damaged" for row in (0, 1)}
    for row, region in enumerate(("bottom", "top")):
        expected |= {(row, 1): f"{region} 25% damaged", (row, 2): f"{region} 50% damaged"}
    assert grid_of(figures[0]) == expected
    assert_nothing_is_cut_off(tmp_path / "runs.png", figures[0])


LAYOUTS = {
    "one region": ([(0.0, "bottom"), (0.5, "top")], {(0, 0): "intact", (0, 1): "top 50% damaged"}),
    "no partial damage": ([(1.0, "top"), (0.0, "bottom")], {(0, 0): "intact", (0, 1): "all damaged"}),
    "a gap": (
        [(0.25, "bottom"), (0.5, "top")],
        {(0, 0): "bottom 25% damaged", (1, 1): "top 50% damaged"},
    ),
    "regions of other names": (
        [(0.5, "middle"), (0.5, "bottom"), (0.0, "bottom")],
        {
            **{(row, 0): "intact" for row in (0, 1)},
            **{(row, 1): f"{region} 50% damaged" for row, region in enumerate(("bottom", "middle"))},
        },
    ),
    "a region alone": ([(0.75, "top"), (0.25, "top")], {(0, 0): "top 25% damaged", (0, 1): "top 75% damaged"}),
    "one column": ([(0.5, "top"), (0.5, "bottom")], {(0, 0): "bottom 50% damaged", (1, 0): "top 50% damaged"}),
}


LAYOUTS["outside the layers"] = (
    [(0.0, "bottom"), (0.0, "several damages")],
    {(0, 0): "intact", (0, 1): "several damages"},
)


@pytest.mark.parametrize("runs, expected", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_layout_of_runs(tmp_path, figures, runs, expected):
    draw_runs(tmp_path / "runs.png", [make_file(level=level, region=region) for level, region in runs])
    assert grid_of(figures[0]) == expected


@pytest.mark.parametrize("names", [DBPEDIA, NAMES["twitter"], NAMES["six of 12 letters"]], ids=len)
@pytest.mark.parametrize("levels", [(0.5,), (0.25, 0.5, 0.75)], ids=["one level", "three levels"])
def test_labels_of_several_runs_can_be_read(tmp_path, figures, names, levels):
    runs = [make_file(names, level=level, region=region) for level in levels for region in ("bottom", "top")]
    draw_runs(tmp_path / "runs.png", runs)
    assert [text.get_text() for text in figures[0].legends[0].get_texts()] == names
    assert_nothing_is_cut_off(tmp_path / "runs.png", figures[0])


def test_seeds_lie_down_and_damages_across(tmp_path, figures):
    damages = [(1.0, "bottom"), (0.5, "top"), (0.25, "bottom"), (0.0, "bottom")]
    files = [make_file(level=level, region=region) for seed in (10, 2) for level, region in damages][:-1]
    draw_runs(tmp_path / "runs.png", files, seeds=["seed 10"] * 4 + ["seed 2"] * 3)
    names = ["intact", "bottom 25% damaged", "top 50% damaged", "all damaged"]
    expected = {(row, column): name for row in (0, 1) for column, name in enumerate(names)}
    expected.pop((0, 0))  # seed 2 comes first, and has no intact run
    assert grid_of(figures[0]) == expected
    seeds = {axis.get_subplotspec().rowspan.start: axis.get_title().split(", ")[-1] for axis in shown(figures[0])}
    assert seeds[0].startswith("seed 2\n") and seeds[1].startswith("seed 10\n")
    assert_nothing_is_cut_off(tmp_path / "runs.png", figures[0])


def test_one_seed_of_each_damage_is_not_named(tmp_path, figures):
    files = [make_file(level=0.5, region=region) for region in ("bottom", "top")]
    draw_runs(tmp_path / "runs.png", files, seeds=["seed 1", "seed 2"])
    assert list(grid_of(figures[0])) == [(0, 0), (1, 0)]
    assert not any("seed" in axis.get_title() for axis in figures[0].axes)


def test_titles_have_the_agreement_of_neighbours_in_the_space_of_features(tmp_path, figures):
    files = [make_file(level=level) for level in (0.25, 0.5)]
    files[1].stages["healed"] = np.random.default_rng(1).normal(size=files[1].stages["healed"].shape)
    draw_runs(tmp_path / "runs.png", files)
    for axis, file in zip(figures[0].axes, files, strict=True):
        agreement = brute_separation(file.stages["healed"], file.labels, 10)["neighbour_agreement"]
        assert axis.get_title().endswith(f"\nneighbour agreement {agreement:.3f}")
    assert figures[0].axes[0].get_title() != figures[0].axes[1].get_title()


FEW = {
    "perplexity": ({"size": 24, "perplexity": 24.0}, "too few points: 24 examples,\nperplexity 24"),
    "classes": ({"names": list("abcdef"), "size": 29}, "too few points: 29 examples\nof 6 classes"),
}


@pytest.mark.parametrize("settings, note", FEW.values(), ids=FEW.keys())
def test_a_run_of_too_few_points_says_so_in_its_place(tmp_path, figures, settings, note):
    names = settings.get("names", ("bad", "good"))
    draw_runs(tmp_path / "runs.png", [make_file(level=0.25, **settings), make_file(names, level=0.5)])
    few, enough = figures[0].axes
    assert [text.get_text() for text in few.texts] == [note] and not few.collections
    assert not enough.texts and len(enough.collections) == len(names)
    assert "neighbour" not in few.get_title() and "neighbour" in enough.get_title()


def test_five_examples_a_class_are_enough(tmp_path, figures):
    draw_runs(tmp_path / "runs.png", [make_file(list("abcdef"), size=30)])
    assert not figures[0].axes[0].texts


def test_stage_of_several_runs(tmp_path, figures):
    runs = [
        make_file(level=level, stages=("damaged", "healed"), scores={"damaged": 0.1, "healed": 0.9}) for level in (0, 1)
    ]
    draw_runs(tmp_path / "runs.png", runs, "damaged")
    assert all("before healing\nweighted F1 0.100" in axis.get_title() for axis in figures[0].axes)
    for axis, run in zip(figures[0].axes, runs, strict=True):
        points = embed(run.stages["damaged"], 5.0, 0)
        assert np.allclose(axis.collections[0].get_offsets(), points[run.labels == 0])


REFUSED = {
    "other labels": ([make_file(), make_file(["a", "b"], level=0.25)], "different labels"),
    "same damage": ([make_file(), make_file()], "same damage .bottom 50% damaged."),
    "same seed": ([make_file(), make_file()], "same damage .bottom 50% damaged, seed 3.", ["seed 3"] * 2),
    "all damaged twice": ([make_file(level=1.0, region=region) for region in ("top", "bottom")], "same damage"),
    "no healed stage": ([make_file(), make_file(level=0.25, stages=("damaged",))], "no healed features"),
    "another task": ([make_file(), make_file(level=0.25, task="another")], "task"),
}


@pytest.mark.parametrize("files, message, seeds", [(*each, None)[:3] for each in REFUSED.values()], ids=REFUSED.keys())
def test_runs_that_do_not_go_together_are_refused(tmp_path, files, message, seeds):
    with pytest.raises(UserError, match=message):
        draw_runs(tmp_path / "runs.png", files, seeds=seeds)
    assert not list(tmp_path.iterdir())
