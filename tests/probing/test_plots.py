"""t-SNE pictures: what a run writes, what is refused before training, and that every label can be read."""

import json
import pathlib
import subprocess
import sys

import matplotlib.colors
import numpy as np
import pytest
from helpers.features import make_file
from helpers.pictures import NAMES, assert_nothing_is_cut_off
from helpers.small import ROOT, make_rows, write_csv
from matplotlib.cbook import is_math_text
from matplotlib.image import imread

from healbert import UserError, make_arguments, run_experiment
from healbert.probing.feature_file import FeatureFile
from healbert.probing.tsne import check_tsne, damage_title, draw_stages, embed

pytestmark = pytest.mark.usefixtures("one_thread")


def styles_of(axis):
    """(colour, shape of the marker) of every class in a panel."""
    return [
        (matplotlib.colors.to_hex(scatter.get_facecolor()[0]), scatter.get_paths()[0].vertices.tobytes())
        for scatter in axis.collections
    ]


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES.keys())
def test_every_label_name_can_be_read(tmp_path, figures, names):
    draw_stages(tmp_path / "tsne.png", make_file(names, stages=("damaged", "healed")))
    (figure,) = figures
    (legend,) = figure.legends
    texts = legend.get_texts()
    assert [text.get_text().replace("\\$", "$").replace("\n", "") for text in texts] == list(names)
    assert not [text for text in texts if text.get_parse_math() and is_math_text(text.get_text())]
    assert_nothing_is_cut_off(tmp_path / "tsne.png", figure)
    panels_end = min(axis.get_window_extent().y0 for axis in figure.axes)
    assert legend.get_window_extent().y1 <= panels_end, "the legend covers a panel"


def test_panels_are_large_enough_to_see_something_with_many_classes(tmp_path, figures):
    draw_stages(tmp_path / "tsne.png", make_file(NAMES["twitter"], stages=("damaged", "healed")))
    assert all(axis.get_window_extent().width > 300 < axis.get_window_extent().height for axis in figures[0].axes)


def test_long_task_names_are_not_cut_off(tmp_path, figures):
    # A task from files or a folder is called what the user calls it.
    draw_stages(tmp_path / "tsne.png", make_file(task="/home/somebody/" + "a-long-folder/" * 8 + "data"))
    assert_nothing_is_cut_off(tmp_path / "tsne.png", figures[0])


def test_twenty_classes_have_twenty_looks(tmp_path, figures):
    names = [f"class {i}" for i in range(20)]
    draw_stages(tmp_path / "tsne.png", make_file(names, stages=("damaged", "healed"), size=100))
    damaged, healed = map(styles_of, figures[0].axes)
    assert len(set(damaged)) == 20 and damaged == healed
    handles = figures[0].legends[0].legend_handles
    assert len({(handle.get_color(), handle.get_marker()) for handle in handles}) == 20
    assert [handle.get_color().lower() for handle in handles] == [colour for colour, _ in damaged]


def test_points_have_the_look_of_their_class(tmp_path, figures):
    file = make_file(["a", "b", "c"], size=30)
    file.labels = np.repeat([2, 0, 1], [4, 9, 17])
    draw_stages(tmp_path / "tsne.png", file)
    points = embed(file.stages["healed"], file.perplexity, file.seed)
    for index, scatter in enumerate(figures[0].axes[0].collections):
        assert np.allclose(scatter.get_offsets(), points[file.labels == index])
        assert len(scatter.get_offsets()) == (9, 17, 4)[index]


def test_class_that_no_example_has_stays_in_the_legend(tmp_path, figures):
    file = make_file(["a", "b", "c"])
    file.labels = file.labels % 2
    draw_stages(tmp_path / "tsne.png", file)
    assert [text.get_text() for text in figures[0].legends[0].get_texts()] == ["a", "b", "c"]


def test_stages_have_a_panel_each_with_level_region_and_score(tmp_path, figures):
    draw_stages(tmp_path / "tsne.png", make_file(stages=("damaged", "healed"), level=0.75, region="top"))
    titles = [axis.get_title() for axis in figures[0].axes]
    assert len(titles) == 2
    for title, when in zip(titles, ("before healing", "after healing"), strict=True):
        assert all(part in title for part in ("top", "75%", when, "0.812"))
    assert figures[0]._suptitle.get_text().startswith("a task")


@pytest.mark.parametrize("level, word", [(0.0, "intact"), (1.0, "all damaged")])
def test_titles_of_no_and_of_all_damage_name_no_region(level, word):
    title = damage_title(make_file(level=level), "healed")
    assert title.startswith(word) and "bottom" not in title


def test_title_names_the_metric():
    title = damage_title(make_file(metric="Matthews correlation", scores={"healed": 0.25}), "healed")
    assert title.endswith("\nMatthews correlation 0.250")


def test_title_has_the_level_to_the_digit():
    assert damage_title(make_file(level=0.125), "healed").startswith("bottom 12.5% damaged")
    assert damage_title(make_file(level=0.07), "healed").startswith("bottom 7% damaged")


def test_features_that_are_not_finite_say_so_in_their_panel(tmp_path, figures):
    file = make_file(stages=("damaged", "healed"))
    file.stages["damaged"][3, 2] = np.nan
    draw_stages(tmp_path / "tsne.png", file)
    assert [len(axis.collections) for axis in figures[0].axes] == [0, 2]
    assert [[text.get_text() for text in axis.texts] for axis in figures[0].axes] == [
        ["no picture: features are not finite"],
        [],
    ]


def test_embedding_follows_features_perplexity_and_seed():
    features = make_file(size=40).stages["healed"]
    first = embed(features, 5, 0)
    assert first.shape == (40, 2) and np.isfinite(first).all()
    assert np.array_equal(first, embed(features, 5, 0))
    assert not np.allclose(first, embed(features, 12, 0))
    assert not np.allclose(first, embed(features[::-1], 5, 0))
    narrow = features[:, :1]  # too narrow for PCA: starts at random
    assert np.array_equal(embed(narrow, 5, 3), embed(narrow, 5, 3))
    assert not np.allclose(embed(narrow, 5, 3), embed(narrow, 5, 4))


def test_features_that_are_all_alike_can_be_drawn(tmp_path):
    # So they are where healing failed: BERT's tanh saturates. In a process of its own: scikit-learn's t-SNE can crash.
    here = [str(ROOT), *(str(ROOT / "tests" / name) for name in ("", "probing"))]
    code = f"import sys; sys.path[:0] = {here}; import test_plots; test_plots.draw_collapsed()"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code, str(tmp_path / "tsne.png")], timeout=120)
    assert done.returncode == 0
    assert imread(tmp_path / "tsne.png").std() > 0.01


def draw_collapsed():
    file = make_file(stages=("damaged", "healed"))
    file.stages["healed"] = np.ones_like(file.stages["healed"])
    draw_stages(sys.argv[1], file)


# A run with --tsne.


@pytest.fixture(scope="module")
def settings(tiny_bert, csv_files):
    flags = {"model_name_or_path": tiny_bert, **csv_files, "num_train_epochs": 1, "corrupt_level": 0.5}
    return flags | {"use_cpu": True, "disable_tqdm": True, "torch_num_threads": 1, "tsne": True, "tsne_perplexity": 7}


@pytest.fixture(scope="module")
def run(settings, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    run_experiment(make_arguments(**settings, output_dir=str(folder)))
    return folder


def test_run_has_a_picture_and_numbers(run, tmp_path):
    assert (run / "tsne.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    pixels = imread(run / "tsne.png")
    assert 600 <= pixels.shape[1] <= 2000 and 400 <= pixels.shape[0] <= 1500
    ink = (pixels[..., :3] < 0.9).any(-1)
    assert ink.mean() > 0.005 and ink[:, : ink.shape[1] // 2].sum() > 1000 < ink[:, ink.shape[1] // 2 :].sum()
    found = json.loads((run / "results.json").read_text())["features"]
    assert (found["examples"], found["dimensions"]) == (42, 32)
    for stage in ("damaged", "healed"):
        assert -1 <= found[stage]["silhouette"] <= 1 and 0 <= found[stage]["neighbour_agreement"] <= 1


def test_picture_is_that_of_the_feature_file(run, tmp_path):
    file = FeatureFile.read(run / "features.npz")
    assert (file.perplexity, file.seed, list(file.stages)) == (7.0, 0, ["damaged", "healed"])
    draw_stages(tmp_path / "again.png", file)
    assert np.array_equal(imread(tmp_path / "again.png"), imread(run / "tsne.png"))


def test_samples_are_stratified_and_seeded(settings, run, tmp_path):
    files = {}
    for seed in (0, 1, 1):
        folder = tmp_path / f"{seed}-{len(files)}"
        run_experiment(make_arguments(**settings, output_dir=str(folder), tsne_samples=20, sample_seed=seed))
        files[folder.name] = FeatureFile.read(folder / "features.npz")
    whole = FeatureFile.read(run / "features.npz")
    drawn = [file.ids.tolist() for file in files.values()]
    assert drawn[0] != drawn[1] == drawn[2]
    for file in files.values():
        assert np.bincount(file.labels).tolist() == [10, 10]
        at = [whole.ids.tolist().index(i) for i in file.ids]
        assert np.allclose(file.stages["damaged"], whole.stages["damaged"][at], atol=1e-5)


def test_diverged_run_shows_the_damaged_stage_alone(settings, tmp_path):
    results = run_experiment(make_arguments(**settings, output_dir=str(tmp_path / "run"), learning_rate=1e38))
    assert results["status"] == "diverged" and "healed" not in results["features"]
    assert list(FeatureFile.read(tmp_path / "run" / "features.npz").stages) == ["damaged"]
    assert (tmp_path / "run" / "tsne.png").exists()


# What is refused.

UNUSABLE = {
    "perplexity as large as the examples": (
        {"tsne_perplexity": 42},
        "42 is too large for 42 examples .*; try --tsne_perplexity 10",
    ),
    "two samples": (
        {"tsne_samples": 2},
        "7 is too large for 2 examples .*; try --tsne_perplexity 1$",
    ),
    "infinite perplexity": ({"tsne_perplexity": "inf"}, "perplexity inf is too large"),
    "one class present": ({"validation_file": "one-class.csv"}, "two or more classes, the 42 examples shown have one"),
}


@pytest.mark.parametrize("more, message", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_refused_before_training(settings, tmp_path, more, message):
    one_class = write_csv(tmp_path / "one-class.csv", [row for row in make_rows(84, seed=2) if row[1] == "good"])
    more = {key: one_class if value == "one-class.csv" else value for key, value in more.items()}
    with pytest.raises(UserError, match=message):
        run_experiment(make_arguments(**settings | more, output_dir=str(tmp_path / "run")))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "flag, value",
    [("tsne_samples", 1), ("tsne_samples", 0), ("tsne_samples", -5)]
    + [("tsne_perplexity", value) for value in (0, -1, "nan")],
)
def test_flags_that_make_no_picture_are_refused(flag, value):
    with pytest.raises(UserError, match=f"--{flag} {value} is"):
        make_arguments(tsne=True, **{flag: value})


@pytest.mark.parametrize("size, perplexity, fine", [(20, 19, True), (20, 19.5, True), (20, 20, False), (2, 1, True)])
def test_perplexity_must_be_below_the_number_of_examples(size, perplexity, fine):
    labels = np.arange(size) % 2
    if fine:
        check_tsne(labels, perplexity)
        assert embed(np.random.default_rng(0).normal(size=(size, 4)), perplexity, 0).shape == (size, 2)
    else:
        with pytest.raises(
            UserError, match="too large for 20 examples and must be below that; try --tsne_perplexity 5"
        ):
            check_tsne(labels, perplexity)


@pytest.mark.parametrize("perplexity", [0.0, -1.0, float("nan")])
def test_perplexity_must_be_above_zero(perplexity):
    with pytest.raises(UserError):
        check_tsne(np.arange(20) % 2, perplexity)


def test_pictures_leave_nothing_else_behind(run):
    assert {path.name for path in pathlib.Path(run).iterdir()} == {
        *("results.json", "settings.json", ".settings", "corruption.json", "predictions.parquet", "trainer_state.json"),
        *("features.npz", "tsne.png"),
    }
