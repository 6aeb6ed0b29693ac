"""t-SNE pictures of several runs side by side: levels across, regions down."""

import numpy as np
import pytest
from helpers.features import make_file
from helpers.pictures import DBPEDIA, NAMES, assert_nothing_is_cut_off, shown

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
    "same damage": ([make_file(), make_file()], "same damage .bottom 0.5."),
    "all damaged twice": ([make_file(level=1.0, region=region) for region in ("top", "bottom")], "same damage"),
    "no healed stage": ([make_file(), make_file(level=0.25, stages=("damaged",))], "no healed features"),
    "another task": ([make_file(), make_file(level=0.25, task="another")], "task"),
}


@pytest.mark.parametrize("files, message", REFUSED.values(), ids=REFUSED.keys())
def test_runs_that_do_not_go_together_are_refused(tmp_path, files, message):
    with pytest.raises(UserError, match=message):
        draw_runs(tmp_path / "runs.png", files)
    assert not list(tmp_path.iterdir())
