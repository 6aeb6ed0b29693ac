"""Simulated studies of known truth: results of runs whose scores are drawn around it, without models or predictions."""

import dataclasses
import itertools
import json
import pathlib

import numpy as np

from helpers.report_runs import F1, base_config

LEVELS = (0, 0.25, 0.5, 0.75, 1)
LAYERS = 8
INTACT_SCORE, MAJORITY = 0.8, 0.4


def slope(level, region):
    """Every quarter costs; bottom damage twice what top damage costs; all of the encoder between them."""
    return level * {"bottom": 0.16, "top": 0.08}[region] if level < 1 else 0.14


def step(level, region):
    """Any damage costs the same."""
    return 0.2 if level else 0.0


def none(level, region):
    return 0.0


@dataclasses.dataclass
class Truth:
    """What a study is drawn from.

    Args:
        lost: function(level, region) -> what damage costs after healing.
        noise: standard deviation of a run's score between seeds, of an intact and of a damaged model.
        epoch_noise: the same between epochs of a run, (intact, damaged).
        epochs: of a run, each with its score; ``selection`` chooses among them.
    """

    lost: object = slope
    noise: tuple = (0.004, 0.004)
    epoch_noise: tuple = (0.0, 0.0)
    epochs: int = 1
    selection: str = "best_eval"
    datasets: tuple = ("sst2", "emotion")
    seeds: tuple = (0, 1, 2)
    levels: tuple = LEVELS


def simulate(root, truth, draw=0, change=None):
    """Writes the runs of a study.

    Args:
        root: an empty folder.
        truth: `Truth`.
        draw: of the noise.
        change: function(run's results) that edits one in place, or gives False for a run to be left out.
    """
    rng = np.random.default_rng(draw)
    places = [
        (level, region) for level in truth.levels for region in ("bottom", "top") if region == "bottom" or 0 < level < 1
    ]
    for number, (dataset, (level, region), seed) in enumerate(itertools.product(truth.datasets, places, truth.seeds)):
        results = _results(truth, dataset, level, region, seed, rng)
        if change and change(results) is False:
            continue
        folder = pathlib.Path(root) / f"run-{number:05d}"
        folder.mkdir(parents=True)
        (folder / "settings.json").write_text("{}")
        (folder / "results.json").write_text(json.dumps(results))
    return root


def _results(truth, dataset, level, region, seed, rng):
    config = json.loads(base_config()) | {"task_name": dataset, "corrupt_level": level, "corrupt_region": region}
    config |= {"learning_rate": 2e-5, "seed": seed, "corrupt_seed": seed, "selection": truth.selection}
    mean = INTACT_SCORE - truth.lost(level, region) + rng.normal(0, truth.noise[level > 0])
    scored, by = (mean + rng.normal(0, truth.epoch_noise[level > 0], truth.epochs) for _ in range(2))
    by = scored if truth.selection == "best_eval" else by
    chosen = int(by.argmax())
    metrics = {"damaged": _named(0.5), "healed": _named(scored[chosen]), "last": _named(scored[-1])}
    metrics["per_epoch"] = [_named(value) | {"epoch": i, "step": 10 * i} for i, value in enumerate(by.tolist(), 1)]
    if truth.selection == "dev":
        metrics["dev"] = _named(by[chosen])
    hit = round(level * LAYERS)
    return {
        "schema_version": 2,
        "status": "completed",
        "config": config,
        "task": {"name": dataset, "label_names": ["n", "p"], "majority": MAJORITY, **F1},
        "model": {"name": "embedded"},
        "corruption": {
            "level": level,
            "layers_hit": list(range(hit)),
            "num_layers": LAYERS,
            "fraction_of_encoder": level,
        },
        "metrics": metrics,
        "best_epoch": chosen + 1,
        "collapsed": False,
    }


def _named(score):
    return {"f1_weighted": float(score)}


def collapse(results):
    """Makes a run one of a model that learnt nothing."""
    results["collapsed"] = True
    for stage in ("healed", "last"):
        results["metrics"][stage] = _named(MAJORITY)
