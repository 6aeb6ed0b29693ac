"""A scan's figures are those of single runs, and leave the model as it was."""

import hashlib
import json
import math

import numpy as np
import pytest
import torch
from helpers.scans import damaged_by_a_run, save_classifier, scan_with
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from healbert import CorruptionSpec, UserError, corrupt
from healbert.arguments.scan import make_scan
from healbert.experiment import scan_skip
from healbert.experiment.loading import LoadCache, load
from healbert.experiment.scan import _Bench
from healbert.experiment.scan_head import prepare_head
from healbert.experiment.scan_measure import Intact
from healbert.experiment.stages import Experiment
from healbert.healing.head import classification_layer
from healbert.probing.features import read_features
from healbert.tasks.types import task_type


@pytest.fixture(scope="module")
def classifier(tiny_bert, tmp_path_factory):
    return save_classifier(tiny_bert, tmp_path_factory.mktemp("classifier") / "saved")


@pytest.fixture
def settings(classifier, csv_files, tmp_path):
    return {
        "model_name_or_path": classifier,
        **csv_files,
        "use_cpu": True,
        "torch_num_threads": 1,
        "per_device_eval_batch_size": 16,  # several batches
        "output_dir": str(tmp_path / "scan"),
    }


@pytest.fixture(scope="module")
def whole(classifier, csv_files, tmp_path_factory):
    """A scan over layers and components, and its settings."""
    folder = tmp_path_factory.mktemp("scan") / "scan"
    asked = {"model_name_or_path": classifier, **csv_files, "use_cpu": True, "torch_num_threads": 1}
    asked |= {"per_device_eval_batch_size": 16, "output_dir": str(folder)}
    return asked, scan_with(asked)


def places(scan):
    return [(point["layer"], point["component"]) for point in scan["points"]]


def test_goes_through_every_layer_and_component(whole):
    _, scan = whole
    parts = "norm bias query key value attention_output attention ffn_in ffn_out ffn".split()
    wanted = [(layer, part) for layer in range(4) for part in parts]
    assert sorted(map(str, places(scan))) == sorted(map(str, [*wanted, (None, "embeddings"), (None, "pooler")]))
    falls = [point["fall"] for point in scan["points"]]
    assert len(set(falls)) > 5 and all(point["tensors"] and point["scalars"] for point in scan["points"])


@pytest.mark.parametrize("place", [(0, "ffn"), (2, "query"), (3, "bias"), (None, "embeddings"), (None, "pooler")])
def test_figures_are_those_of_a_run(whole, tmp_path, place):
    settings, scan = whole
    point = scan["points"][places(scan).index(place)]
    found = damaged_by_a_run(settings, point, tmp_path / "run")
    assert point["draws"][0]["metrics"] == found
    assert point["score"] == found["f1_weighted"] and point["loss"] == found["loss"]
    assert point["fall"] == scan["intact"]["f1_weighted"] - found["f1_weighted"]


@pytest.mark.parametrize("more", [{"corrupt_method": "bit_flip", "strengths": "1e-3"}, {"corrupt_method": "zero"}])
def test_figures_of_other_methods_are_those_of_a_run(settings, tmp_path, more):
    scan = scan_with(settings, over="layers", corrupt_seed=5, **more)
    for point in scan["points"][1:3]:
        method = {"corrupt_method": more["corrupt_method"]}
        found = damaged_by_a_run(settings, point, tmp_path / f"run{point['layer']}", **method)
        assert point["draws"][0]["metrics"] == found and point["draws"][0]["seed"] == 5


def test_layers_from_memory_change_no_figure(whole, tmp_path, monkeypatch):
    settings, scan = whole
    monkeypatch.setattr(scan_skip, "ROOM", 0)
    again = scan_with(settings, output_dir=str(tmp_path / "again"))
    assert again["points"] == scan["points"]


def test_intact_figures_are_those_of_an_intact_run(whole, tmp_path):
    settings, scan = whole
    intact = scan["points"][0] | {"settings": {"corrupt_level": 0}}
    assert damaged_by_a_run(settings, intact, tmp_path / "run") == scan["intact"]


def bench_of(settings, **more):
    """A bench before its first point, and its experiment."""
    scan = make_scan(settings | more)
    experiment = Experiment(scan.arguments, *load(scan.arguments, LoadCache(0)))

    class Nothing:
        def begin(self, intact):
            pass

    return scan, experiment, lambda points: _Bench(scan, experiment, points, Nothing())


def digest(model):
    return {n: hashlib.sha256(t.numpy().tobytes()).digest() for n, t in model.state_dict().items()}


def test_model_is_intact_after_every_point(settings):
    from healbert.experiment.scan_points import plan
    from healbert.models.layers import find_layers

    scan, experiment, make = bench_of(settings, corrupt_method="bit_flip", corrupt_options="rate=0.01")
    points, before = plan(find_layers(experiment.model), scan), digest(experiment.model)
    bench = make(points)
    for point in (points[0], points[7], points[-1]):
        bench._draw(point, 1)
        assert digest(experiment.model) == before


def test_kl_and_changes_are_those_of_the_definition(settings):
    from healbert.experiment.scan_points import plan
    from healbert.models.layers import find_layers

    scan, experiment, make = bench_of(settings, over="layers")
    points = plan(find_layers(experiment.model), scan)
    bench = make(points)
    rows = experiment.task.splits["evaluation"]
    logits = []
    found = bench._draw(points[2], 0)
    for damaged in (False, True):
        if damaged:
            corrupt(experiment.model, CorruptionSpec(layers="2"))
        logits.append(torch.cat([one_by_one(experiment.model, row) for row in rows]).double())
    p, q = (part.softmax(-1) for part in logits)
    kl = torch.nn.functional.kl_div(q.log(), p, reduction="batchmean")
    assert found["kl"] == pytest.approx(float(kl), rel=1e-4)
    assert found["changed"] == int((logits[0].argmax(-1) != logits[1].argmax(-1)).sum()) > 0


@torch.no_grad()
def one_by_one(model, row):
    """Logits of one text without padding: (1, classes)."""
    return model(input_ids=torch.tensor([row["input_ids"]]), attention_mask=torch.ones(1, len(row["input_ids"]))).logits


def test_outputs_that_are_not_finite_count_as_changed_and_have_no_kl():
    intact = np.array([[2.0, 0.0], [0.0, 1.0], [3.0, 1.0]], np.float32)
    damaged = np.array([[np.nan, 0.0], [1.0, 0.0], [3.0, np.inf]], np.float32)
    found = Intact(task_type(), {}, intact).compare({"loss": math.nan}, damaged)
    assert (found["changed"], found["not_finite"], found["kl"]) == (3, 2, None)
    same = Intact(task_type(), {}, intact).same
    assert (same["changed"], same["not_finite"], same["kl"]) == (0, 0, 0.0)


@pytest.mark.parametrize("classes", [2, 3])
def test_linear_probe_is_scikit_learns(tiny_bert, tmp_path, classes):
    from helpers.small import make_rows, write_csv

    words = {"good": ["good", "great"], "bad": ["bad", "awful"], "odd": ["town", "people"]}
    words = dict(list(words.items())[:classes])
    files = {f"{split}_file": write_csv(tmp_path / f"{split}.csv", make_rows(60, 1, words)) for split in ("train",)}
    files["validation_file"] = write_csv(tmp_path / "v.csv", make_rows(30, 2, words))
    asked = {"model_name_or_path": tiny_bert, **files, "use_cpu": True, "pooling": "mean"}
    scan, experiment, _ = bench_of(asked, output_dir=str(tmp_path / "scan"))
    said = prepare_head(experiment, False)
    assert said == {"head": "linear_probe", "probe": {"train_examples": 60, "features": 32}}
    parts = {}
    for split, rows in experiment.task.splits.items():
        parts[split] = read_features(experiment.model, scan.arguments, rows, experiment.tokenizer)[0], rows["label"]
    scaler = StandardScaler().fit(parts["train"][0])
    probe = LogisticRegression(max_iter=1000).fit(scaler.transform(parts["train"][0]), parts["train"][1])
    wanted = probe.predict_proba(scaler.transform(parts["evaluation"][0]))
    with torch.no_grad():
        ours = classification_layer(experiment.model)(torch.from_numpy(parts["evaluation"][0])).softmax(-1)
    assert ours.numpy() == pytest.approx(wanted, abs=1e-4)


def test_linear_probe_is_the_same_each_time(tiny_bert, settings, tmp_path):
    asked = settings | {"model_name_or_path": tiny_bert, "over": "layers"}
    one, two = (scan_with(asked, output_dir=str(tmp_path / name)) for name in "ab")
    assert one == two and one["model"]["head"] == "linear_probe"


def test_own_head_stays_unless_a_probe_is_asked_for(settings, tmp_path):
    own = scan_with(settings, over="components", corrupt_components="query")
    probed = scan_with(settings, over="components", corrupt_components="query", linear_probe=True, output_dir=str(tmp_path / "p"))
    assert own["model"]["head"] == "own" and probed["model"]["head"] == "linear_probe"
    assert own["intact"] != probed["intact"]


@pytest.mark.parametrize("labels", [("BAD", "Good"), ("LABEL_0", "LABEL_1")])
def test_labels_that_fit(tiny_bert, settings, tmp_path, labels):
    model = save_classifier(tiny_bert, tmp_path / "model", labels)
    assert scan_with(settings, model_name_or_path=model, over="layers")["model"]["head"] == "own"


@pytest.mark.parametrize("labels", [("good", "bad"), ("bad", "fine"), ("bad", "good", "fine")])
def test_labels_that_do_not_fit_are_named(tiny_bert, settings, tmp_path, labels):
    model = save_classifier(tiny_bert, tmp_path / "model", labels)
    with pytest.raises(UserError, match=f"labels {', '.join(labels)}; task train has bad, good: .*--linear_probe"):
        scan_with(settings, model_name_or_path=model, over="layers")


def test_scan_of_a_runs_folder_takes_its_task(run_flags, tmp_path):
    from healbert import make_arguments, run_experiment

    flags = run_flags | {"corrupt_level": 0, "save_model": True, "num_train_epochs": 1, "max_eval_samples": 30}
    results = run_experiment(make_arguments(**flags))
    scan = scan_with({"model": run_flags["output_dir"], "use_cpu": True, "torch_num_threads": 1}, over="layers",
                     output_dir=str(tmp_path / "scan"))  # fmt: skip
    assert scan["intact"] == results["metrics"]["healed"] and scan["task"] == results["task"]
    assert scan["config"]["run"] == run_flags["output_dir"]


def test_finished_scan_is_read_from_disk(whole):
    settings, scan = whole
    assert scan_with(settings) == scan
    assert json.loads(json.dumps(scan)) == scan
