"""Resamples of the evaluation examples that choose the epoch and the learning rate anew."""

import json

import numpy as np
import pandas
import pytest
from helpers.report_runs import Maker, analysed
from sklearn.metrics import f1_score

from healbert.analysis.analysis import analyse
from healbert.analysis.examples import RESAMPLES, Examples
from healbert.analysis.runs import Damage
from healbert.analysis.statistics import example_counts
from healbert.analysis.views import LAST, UNCOLLAPSED, VIEWS
from healbert.report.content import content_of

EXAMPLES, EPOCHS, KEY = 40, 3, ("sst2", Damage(0.5, "top"))


def add_epochs(folder, seed, held_out=False):
    """What each epoch of a made-up run predicted; the chosen one is the run's own. Returns them (epochs, examples)."""
    rng = np.random.default_rng(seed)
    path = folder / "predictions.parquet"
    table = pandas.read_parquet(path)
    label = table.label.to_numpy()
    epochs = [np.where(rng.random(len(label)) < 0.7, label, 1 - label) for _ in range(EPOCHS - 1)]
    epochs.append(table.prediction.to_numpy())
    columns = {f"step_{10 * (i + 1)}": epoch.astype(np.int32) for i, epoch in enumerate(epochs)}
    table.assign(**columns).to_parquet(path, index=False)
    if held_out:
        own = rng.integers(0, 2, 25)
        dev = {name: np.where(rng.random(25) < 0.7, own, 1 - own).astype(np.int32) for name in columns}
        chosen = {"id": np.arange(25), "label": own, "prediction": dev["step_10"]}
        pandas.DataFrame(chosen | dev).to_parquet(folder / "predictions_dev.parquet", index=False)
    return folder


def by_hand(folder, name, draws):
    """The score of each epoch on each resample (epochs, resamples), one by one with scikit-learn."""
    table = pandas.read_parquet(folder / name)
    epochs = [table[column].to_numpy() for column in table if column.startswith("step_")]
    rows = [np.repeat(np.arange(len(table)), draws[:, i]) for i in range(RESAMPLES)]
    score = lambda epoch, row: f1_score(table.label.to_numpy()[row], epoch[row], average="weighted", zero_division=0)  # noqa: E731
    return np.array([[score(epoch, row) for row in rows] for epoch in epochs])


def study(root, selection="best_eval", rates=(1e-5, 5e-5), seeds=(0, 1)):
    """{rate: folders of its seeds} of one damage."""
    maker = Maker(root, {"sst2": (["n", "p"], EXAMPLES)}, noise=0.02)
    made = {rate: [maker.run("sst2", 0.5, "top", rate, seed, selection=selection) for seed in seeds] for rate in rates}
    return {
        rate: [add_epochs(folder, 10 * place + i, selection == "dev") for i, folder in enumerate(folders)]
        for place, (rate, folders) in enumerate(made.items())
    }


@pytest.mark.parametrize("selection", ["best_eval", "dev"])
def test_every_resample_chooses_for_itself(tmp_path, selection):
    folders = study(tmp_path, selection)
    found = Examples(*analysed(tmp_path)).contrast({KEY: 1.0})
    counts, held_out = (example_counts(size, 0, RESAMPLES) for size in (EXAMPLES, 25))
    chosen_by, scored = [], []
    for of_rate in folders.values():
        runs = []
        for folder in of_rate:
            value = by_hand(folder, "predictions.parquet", counts)
            by = by_hand(folder, "predictions_dev.parquet", held_out) if selection == "dev" else value
            best = by.argmax(axis=0)
            runs.append([by[best, np.arange(RESAMPLES)], value[best, np.arange(RESAMPLES)]])
        means = np.mean(runs, axis=0)
        chosen_by.append(means[0])
        scored.append(means[1])
    expected = np.array(scored)[np.argmax(chosen_by, axis=0), np.arange(RESAMPLES)]
    assert found == pytest.approx(expected)
    assert len(set(np.argmax(chosen_by, axis=0))) == 2, "not always the same rate"


def test_a_rate_with_fewer_seeds_is_not_chosen(tmp_path):
    maker = Maker(tmp_path, {"sst2": (["n", "p"], EXAMPLES)}, noise=0.02)
    whole = [add_epochs(maker.run("sst2", 0.5, "top", 5e-5, seed), seed) for seed in (0, 1)]
    add_epochs(maker.run("sst2", 0.5, "top", 1e-5, 0), 0)
    found = Examples(*analysed(tmp_path)).contrast({KEY: 1.0})
    counts = example_counts(EXAMPLES, 0, RESAMPLES)
    assert found == pytest.approx(
        np.mean([by_hand(folder, "predictions.parquet", counts).max(axis=0) for folder in whole], axis=0)
    )


def test_one_run_without_its_epochs_leaves_the_choice_as_it_was(tmp_path):
    study(tmp_path)
    Maker(tmp_path / "more", {"sst2": (["n", "p"], EXAMPLES)}, noise=0.02).run("sst2", 0, seed=0, rate=5e-5)
    examples = Examples(*analysed(tmp_path))
    assert examples.lack_epochs and len(examples.contrast({KEY: 1.0})) == 1000
    caption = content_of(analyse(tmp_path)).table("verdicts").caption
    assert "take the choice of epoch as it was made: 1 run does not say" in caption


def test_a_held_out_part_that_is_missing_is_no_choice(tmp_path):
    folders = study(tmp_path, "dev")
    (folders[1e-5][0] / "predictions_dev.parquet").unlink()
    assert Examples(*analysed(tmp_path)).lack_epochs


@pytest.mark.parametrize("selection", ["best_eval", "dev"])
def test_a_run_that_lacks_its_first_epoch_is_no_choice(tmp_path, selection):
    """It went on from a checkpoint of a version that did not keep them."""
    path = study(tmp_path, selection)[1e-5][0] / "predictions.parquet"
    pandas.read_parquet(path).drop(columns="step_10").to_parquet(path, index=False)
    assert Examples(*analysed(tmp_path)).lack_epochs


def view_of(name):
    return next(view for view in VIEWS if view.name == name)


def mark(folder, **changed):
    path = folder / "results.json"
    results = json.loads(path.read_text())
    last = results["metrics"]["last"] | changed.pop("last", {})
    path.write_text(json.dumps(results | changed | {"metrics": results["metrics"] | {"last": last}}))


def test_the_last_epoch_is_resampled_as_it_is(tmp_path):
    folders = study(tmp_path, rates=(1e-5,))[1e-5]
    found = Examples(*analysed(tmp_path)).contrast({KEY: 1.0}, view_of(LAST))
    counts = example_counts(EXAMPLES, 0, RESAMPLES)
    by_run = [by_hand(folder, "predictions.parquet", counts) for folder in folders]
    assert found == pytest.approx(np.mean([epochs[-1] for epochs in by_run], axis=0))
    assert np.any(found != np.mean([epochs.max(axis=0) for epochs in by_run], axis=0))


def test_a_last_epoch_without_predictions_scatters_as_the_chosen_one_about_its_own_score(tmp_path):
    maker = Maker(tmp_path, {"sst2": (["n", "p"], EXAMPLES)}, noise=0.02)
    for seed in (0, 1):
        mark(maker.run("sst2", 0.5, "top", seed=seed), last={"f1_weighted": 0.25})
    examples = Examples(*analysed(tmp_path))
    chosen, last = (examples.contrast({KEY: 1.0}, view) for view in (VIEWS[0], view_of(LAST)))
    healed = np.mean(list(examples.results.scores(*KEY).values()))
    assert last == pytest.approx(chosen + 0.25 - healed) and healed > 0.5


@pytest.mark.parametrize("epochs", [True, False])
def test_runs_that_collapsed_are_not_resampled_with_the_others(tmp_path, epochs):
    make = study if epochs else lambda root, rates: {rates[0]: [no_epochs(root, seed) for seed in (0, 1)]}
    kept, gone = make(tmp_path, rates=(1e-5,))[1e-5]
    mark(gone, collapsed=True)
    examples = Examples(*analysed(tmp_path))
    found = examples.contrast({KEY: 1.0}, view_of(UNCOLLAPSED))
    if epochs:
        alone = by_hand(kept, "predictions.parquet", example_counts(EXAMPLES, 0, RESAMPLES)).max(axis=0)
    else:
        (run,) = [run for run in examples.results.get(*KEY).counted if run.folder == kept]
        alone = examples.predictions.resampled([run])[0]
    assert found == pytest.approx(alone) and np.any(found != examples.contrast({KEY: 1.0}))


def test_without_collapsed_runs_the_rate_is_still_chosen_by_all(tmp_path):
    folders = study(tmp_path)
    for folder in folders[5e-5][:1]:
        mark(folder, collapsed=True)
    found = Examples(*analysed(tmp_path)).contrast({KEY: 1.0}, view_of(UNCOLLAPSED))
    draws = example_counts(EXAMPLES, 0, RESAMPLES)
    best = {rate: [by_hand(f, "predictions.parquet", draws).max(axis=0) for f in of] for rate, of in folders.items()}
    counted = {1e-5: np.mean(best[1e-5], axis=0), 5e-5: best[5e-5][1]}
    chosen = np.mean(best[5e-5], axis=0) > np.mean(best[1e-5], axis=0)
    assert found == pytest.approx(np.where(chosen, counted[5e-5], counted[1e-5])) and 0 < chosen.sum() < len(chosen)


def no_epochs(root, seed):
    maker = Maker(root / str(seed), {"sst2": (["n", "p"], EXAMPLES)}, noise=0.02)
    maker.count = seed
    return maker.run("sst2", 0.5, "top", 1e-5, seed)


def test_a_report_of_such_runs_says_nothing_of_it(tmp_path):
    folders = study(tmp_path)
    results = json.loads((folders[1e-5][0] / "results.json").read_text())
    assert results["config"]["selection"] == "best_eval"
    assert "choice of epoch" not in content_of(analyse(tmp_path)).table("verdicts").caption
