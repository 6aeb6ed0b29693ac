"""Runs with known effects, as a sweep leaves them on disk: real files, made-up models."""

import functools
import itertools
import json

import numpy as np
import pandas
from sklearn.metrics import accuracy_score, f1_score

LEVELS = (0, 0.25, 0.5, 0.75, 1)
COST = {"bottom": 0.3, "top": 0.15}  # accuracy lost at level 1 if it were all of that region
F1 = {"type": "classification", "primary_metric": "f1_weighted"}
F1 |= {"metrics": {"f1_weighted": {"title": "weighted F1", "greater_is_better": True, "range": [0, 1], "chance": None}}}
ENVIRONMENT = {
    "python": "3.11.7",
    "platform": "Linux-test",
    "versions": {"healbert": "0.1.0", "torch": "2.13.0"},
    "device": "cpu",
    "processes": 1,
    "threads": 2,
    "mixed_precision": "no",
    "peak_memory_mib": 800,
    "git_commit": "0" * 40,
}


@functools.cache
def base_config():
    from healbert.arguments.parser import make_arguments

    return json.dumps(make_arguments(num_train_epochs=3, output_dir="x").settings(), default=str)


class Maker:
    """Writes runs under ``root``.

    Args:
        datasets: {name: (label names, evaluation examples)}.
        cost: {region: accuracy lost by damaging all of it}; noise: standard deviation of accuracy between seeds.
        metric: what ``task`` says of the primary metric; score: function(labels, predictions) of it.
    """

    def __init__(self, root, datasets=None, cost=None, noise=0.004, intact=0.85, epochs=3, metric=F1, score=None):
        self.root, self.cost, self.noise, self.intact, self.epochs = root, cost or COST, noise, intact, epochs
        self.metric, self.name, self.score = metric, metric["primary_metric"], score or weighted_f1
        self.datasets = datasets or {"sst2": (["negative", "positive"], 300), "emotion": (list("abcdef"), 400)}
        self.count = 0

    def sweep(self, levels=LEVELS, regions=("bottom", "top"), rates=(2e-5, 5e-5), seeds=(0, 1, 2), **settings):
        """Every combination once: level 0 and 1 are not of a region."""
        for dataset, level, rate, seed in itertools.product(self.datasets, levels, rates, seeds):
            for region in regions[:1] if level in (0, 1) else regions:
                self.run(dataset, level, region, rate, seed, **settings)
        return self

    def run(self, dataset, level, region="bottom", rate=2e-5, seed=0, status="completed", **settings):
        """One run; settings starting with ``_`` change results.json, the others its config."""
        names, examples = self.datasets[dataset]
        config = json.loads(base_config()) | {"task_name": dataset, "corrupt_level": level, "corrupt_region": region}
        config |= {"learning_rate": rate, "seed": seed, "corrupt_seed": seed}
        config |= {key: value for key, value in settings.items() if key[0] != "_"}
        folder = self.root / f"run-{self.count:05d}"
        self.count += 1
        folder.mkdir(parents=True)
        rng = np.random.default_rng([self.count, 7])
        results = self._results(config, names, examples, status, rng, folder)
        results |= {key[1:]: value for key, value in settings.items() if key[0] == "_"}
        (folder / "settings.json").write_text(json.dumps({"corrupt_level": level, "seed": seed}))
        (folder / "results.json").write_text(json.dumps(results))
        return folder

    def accuracy(self, level, region, rate, method="kaiming_uniform"):
        lost = np.mean(list(self.cost.values())) if level == 1 else self.cost.get(region, 0.2) * level
        return (
            self.intact - lost - (0.02 if rate < 3e-5 else 0) - (0.03 if level and method != "kaiming_uniform" else 0)
        )

    def _results(self, config, names, examples, status, rng, folder):
        level, region = config["corrupt_level"], config["corrupt_region"]
        results = {"schema_version": 2, "config": config, "status": status, "environment": ENVIRONMENT}
        if status == "failed":
            error = {"kind": "killed", "message": "signal 9", "log_tail": "step 7\nout of memory\n"}
            return results | {"metrics": None, "error": error}
        fixed = np.random.default_rng([len(names), examples])  # labels and how hard each example is: the data set's
        labels, hard = fixed.integers(len(names), size=examples), fixed.random(examples)
        target = self.accuracy(level, region, config["learning_rate"], config["corrupt_method"])
        target += rng.normal(0, self.noise)

        def predict(accuracy):
            right = np.where(rng.random(examples) < 0.8, hard, rng.random(examples)) < accuracy
            return np.where(right, labels, (labels + rng.integers(1, len(names), size=examples)) % len(names))

        healed = predict(target)
        final = self.scores(labels, healed)
        curve = [final[self.name] - 0.1 / 2**epoch for epoch in range(1, self.epochs)] + [final[self.name]]
        metrics = {
            "damaged": self.scores(labels, predict(1 / len(names))),
            "healed": final,
            "last": final,
            "per_epoch": [
                final | {"epoch": float(epoch), "step": epoch * 10, self.name: score, "train_loss": 1 / epoch}
                for epoch, score in enumerate(curve, 1)
            ],
        }
        if config["selection"] == "dev":
            metrics["dev"] = self.scores(labels, predict(target))
        write_predictions(folder, labels, healed, len(names))
        layers = [] if not level else list(range(round(6 * level)))
        majority = np.full(examples, np.bincount(labels).argmax())
        return results | {
            "task": {
                "name": config["task_name"],
                "source": "made up",
                "label_names": names,
                "examples": {"train": 100, "evaluation": examples},
                "majority": self.score(labels, majority),
                **self.metric,
                "fingerprint": f"{config['task_name']}-data",
            },
            "model": {"name": config["model_name_or_path"], "parameters": 10, "fingerprint": "weights"},
            "corruption": {"level": level, "layers_hit": layers, "num_layers": 6, "fraction_of_encoder": level},
            "metrics": metrics if status == "completed" else metrics | {"healed": None},
            "best_epoch": float(self.epochs),
            "timing": {"load": 1.0, "heal": 10.0},
        }

    def scores(self, labels, predictions):
        """The metrics of a run."""
        return {
            self.name: self.score(labels, predictions),
            "accuracy": float(accuracy_score(labels, predictions)),
            "f1_macro": float(f1_score(labels, predictions, average="macro", zero_division=0)),
            "loss": 0.5,
        }


def weighted_f1(labels, predictions):
    return float(f1_score(labels, predictions, average="weighted", zero_division=0))


def write_predictions(folder, labels, predictions, classes):
    logits = np.eye(classes, dtype=np.float32)[predictions]
    columns = {"id": np.arange(len(labels)), "label": labels, "prediction": predictions, "logits": list(logits)}
    pandas.DataFrame(columns).to_parquet(folder / "predictions.parquet", index=False)


def add_insides(folder, layers=6, examples=60, dimensions=8):
    """Gives a finished run what --probe_layers and --tsne leave."""
    from healbert.probing.feature_file import FeatureFile

    path = folder / "results.json"
    results = json.loads(path.read_text())
    config, rng = results["config"], np.random.default_rng(len(str(folder)))
    metric = results["task"]["primary_metric"]
    probes = {
        stage: [{"layer": layer, metric: start + 0.02 * layer} for layer in range(layers + 1)]
        for stage, start in (("damaged", 0.4), ("healed", 0.6))
    }
    separation = {"silhouette": 0.1, "neighbour_agreement": 0.8}
    results |= {"probes": probes, "features": {"examples": examples, "damaged": separation, "healed": separation}}
    path.write_text(json.dumps(results))
    names = results["task"]["label_names"]
    labels = np.arange(examples) % len(names)
    features = rng.normal(size=(examples, dimensions)) + 3 * np.eye(max(dimensions, len(names)))[labels][:, :dimensions]
    FeatureFile(
        stages={"damaged": features, "healed": features},
        scores={"damaged": 0.4, "healed": results["metrics"]["healed"][metric]},
        metric="weighted F1",
        labels=labels,
        ids=np.arange(examples),
        label_names=names,
        task=results["task"]["name"],
        level=config["corrupt_level"],
        region=config["corrupt_region"],
        perplexity=10,
        seed=0,
    ).write(folder / "features.npz")


def analysed(root):
    """(the only group's `Results`, `Predictions`) of a folder."""
    from healbert.analysis.collect import collect
    from healbert.analysis.entries import Results
    from healbert.analysis.predictions import Predictions

    (group,) = collect(root).groups
    return Results(group), Predictions(seed=0)


def score_of(folder):
    return json.loads((folder / "results.json").read_text())["metrics"]["healed"]["f1_weighted"]


def verdict_of(verdicts, letter, scope):
    (found,) = [v for v in verdicts if v.claim.letter == letter and v.scope == scope]
    return found


def told(verdict):
    """All sentences on a verdict."""
    from healbert.report.sentences import details, first_line

    return " ".join([first_line(verdict), *details(verdict)])
