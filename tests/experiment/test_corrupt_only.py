"""A damaged model that is kept and not healed, and runs of several damages, on disk."""

import json
import pathlib

import pandas
import pytest
import torch
from helpers.runs import predictions, read, run_with, state_of
from helpers.small import run_module, run_script, to_flags
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from healbert import corrupt, load_results, make_arguments
from healbert.experiment.damaged import keep_damaged
from healbert.publish.describe import damage_in_words
from healbert.results.summary import damage_of_model, describe_damage, format_results
from healbert.utils.errors import UserError

DAMAGES = [
    {"level": 0.5, "method": "gaussian_noise", "strength": 0.5},
    {"layers": "1,3", "components": "ffn", "method": "random_prune"},
]


@pytest.fixture(scope="module")
def plain(settings):
    return {name: value for name, value in settings.items() if name != "corrupt_level"} | {"num_train_epochs": 1}


@pytest.fixture(scope="module")
def kept(plain, tmp_path_factory):
    """The folder of a damaged model, and the arguments that wrote it."""
    folder = tmp_path_factory.mktemp("kept") / "model"
    more = {"corrupt_only": True, "match_severity": "l2=0.18", "measure_damage": True, "corruptions": DAMAGES}
    arguments = make_arguments(**plain, **more, output_dir=str(folder))
    assert keep_damaged(arguments) is False
    return folder, arguments


def test_what_was_done_before_is_told_of_runs_of_runs(tmp_path):
    damage = {"level": 0.5, "region": "top", "method": "zero", "seed": 3, "embeddings": False, "pooler": False}
    (tmp_path / "corruption.json").write_text(json.dumps({"spec": damage | {"level": 0.0}}))
    assert damage_of_model(tmp_path) == ""
    (tmp_path / "results.json").write_text(json.dumps({"model": {"damaged_before": "all 100%, zero, seed 1"}}))
    assert damage_of_model(tmp_path) == "all 100%, zero, seed 1"
    (tmp_path / "corruption.json").write_text(json.dumps({"spec": damage}))
    assert damage_of_model(tmp_path) == "all 100%, zero, seed 1; then top 50%, zero, seed 3"
    (tmp_path / "corruption.json").write_text(json.dumps({"spec": {"corruptions": [damage, damage | {"seed": 4}]}}))
    assert damage_of_model(tmp_path).endswith("; then top 50%, zero, seed 3; then top 50%, zero, seed 4")
    others = [["a"], {"spec": {}}, {"spec": {"level": 0.5}}, {"spec": {"corruptions": "typos"}}, {"spec": "typos"}]
    for found in others:
        (tmp_path / "corruption.json").write_text(json.dumps(found))
        for results in ({"model": "bert", "f1": 0.9}, {"model": {"damaged_before": 3}}, {"model": None}, [1]):
            (tmp_path / "results.json").write_text(json.dumps(results))
            assert damage_of_model(tmp_path) == "", (found, results)
    assert damage_of_model(tmp_path / "nowhere") == ""


class TestKept:
    def test_files(self, kept):
        folder, _ = kept
        assert {path.name for path in folder.iterdir()} == {
            *("model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json"),
            *("settings.json", ".settings", "corruption.json"),
        }
        assert read(folder, "settings.json")["healbert"] == {"schema": 1, "damaged": "whole"}

    def test_it_loads_as_what_the_run_would_have_healed(self, kept, plain, tmp_path):
        """The same scores before healing, from the same head, by transformers alone and in a run of its own."""
        folder, _ = kept
        severity = read(folder, "corruption.json")["summary"]["severity"]
        assert severity["reached"] == pytest.approx(0.18, rel=0.02)
        listed = [DAMAGES[0], DAMAGES[1] | {"strength": severity["strength"]}]
        results = run_with(plain, corruptions=listed, output_dir=str(tmp_path / "run"))
        change = read(folder, "corruption.json")["summary"]["change"]
        names = ("f1_weighted", "loss")
        assert change["damaged"] == {name: results["metrics"]["damaged"][name] for name in names}
        assert read(folder, "corruption.json")["tensors"] == read(tmp_path / "run", "corruption.json")["tensors"]
        after = run_with(plain, model_name_or_path=str(folder), output_dir=str(tmp_path / "after"))
        assert after["metrics"]["damaged"] == results["metrics"]["damaged"]
        assert after["corruption"]["layers_hit"] == []
        before = "bottom 50%, gaussian_noise 0.5, seed 0; then layers 1,3, components ffn, random_prune"
        assert after["model"]["damaged_before"].startswith(before) and "damaged_before" not in results["model"]
        assert "\ndamaged before " in format_results(after, "x") and "\ndamage " in format_results(after, "x")
        model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
        tokenizer = AutoTokenizer.from_pretrained(folder)
        frame = pandas.read_csv(plain["validation_file"])
        labels = torch.tensor((frame["label"] == "good").astype(int))
        with torch.no_grad():
            logits = torch.cat([model(**tokenizer(text, return_tensors="pt")).logits for text in frame["text"]])
        loss = torch.nn.functional.cross_entropy(logits, labels).item()
        assert loss == pytest.approx(change["damaged"]["loss"], abs=1e-5)

    def test_again_does_nothing(self, kept):
        folder, arguments = kept
        before = state_of(folder)
        assert keep_damaged(arguments) is True
        assert state_of(folder) == before

    def test_a_kill_in_between_is_made_good(self, kept, plain, tmp_path):
        folder = tmp_path / "model"
        arguments = make_arguments(**plain, corrupt_only=True, corrupt_level=0.5, output_dir=str(folder))
        keep_damaged(arguments)
        whole = (folder / "model.safetensors").read_bytes()
        found = read(folder, "settings.json")
        found["healbert"]["damaged"] = "begun"
        (folder / "settings.json").write_text(json.dumps(found))
        (folder / "model.safetensors").write_bytes(whole[:100])
        assert keep_damaged(arguments) is False
        assert (folder / "model.safetensors").read_bytes() == whole
        assert read(folder, "settings.json")["healbert"]["damaged"] == "whole"

    def test_it_is_no_run(self, kept, plain, tmp_path):
        folder, _ = kept
        assert load_results(folder.parent).empty
        shown = run_module("ls", folder.parent)
        assert shown.returncode == 0 and "interrupted" not in shown.stdout and "model" not in shown.stdout
        with pytest.raises(UserError, match="holds a run of other settings: .*corrupt_only .True there, False now"):
            run_with(plain, corruptions=DAMAGES, output_dir=str(folder))
        with pytest.raises(UserError, match="--corrupt_only makes no run"):
            run_with(plain, corrupt_only=True, output_dir=str(tmp_path / "run"))

    def test_other_files_stay(self, plain, tmp_path):
        (tmp_path / "model.safetensors").write_text("mine")
        with pytest.raises(UserError, match="model.safetensors, which a run would replace"):
            keep_damaged(make_arguments(**plain, corrupt_only=True, corrupt_level=1, output_dir=str(tmp_path)))
        assert (tmp_path / "model.safetensors").read_text() == "mine"

    def test_a_push_is_refused(self, plain, tmp_path):
        with pytest.raises(UserError, match="--push_to_hub goes with a healed model"):
            keep_damaged(
                make_arguments(**plain, corrupt_only=True, corrupt_level=1, output_dir=str(tmp_path), push_to_hub=True)
            )


@pytest.mark.slow
def test_the_command_says_what_it_did(plain, tmp_path):
    flags = [*to_flags(plain), "--corrupt_only", "--corrupt_level", "0.5", "--output_dir", tmp_path / "model"]
    first, second = run_script(*flags), run_script(*flags)
    assert (first.returncode, second.returncode) == (0, 0)
    assert first.stdout.startswith("the damaged model is written")
    assert second.stdout.startswith("the damaged model is there already; nothing was done")


class TestSeries:
    @pytest.fixture(scope="class")
    def run(self, plain, tmp_path_factory):
        folder = tmp_path_factory.mktemp("series") / "run"
        run_with(plain, corruptions=DAMAGES, output_dir=str(folder), probe_layers="all", tsne=True, tsne_perplexity=5)
        return folder

    def test_results(self, run):
        results = read(run)
        found = results["corruption"]
        assert [one["method"] for one in found["corruptions"]] == ["gaussian_noise", "random_prune"]
        assert found["layers_hit"] == [0, 1, 3]
        assert results["config"]["corrupt_level"] is None
        assert [entry["layer"] for entry in results["probes"]["damaged"]] == [0, 1, 2, 3, 4]
        assert len(predictions(run)) == 42 and (run / "tsne.png").is_file()

    def test_readers(self, run):
        row = load_results(run.parent).iloc[0]
        assert (row["corrupt_level"], row["corrupt_region"], row["layers_hit"]) == (0.75, "layers 0,1,3", 3)
        damage = read(run)["corruption"]
        assert describe_damage(damage).startswith(
            "bottom 50%, gaussian_noise 0.5, seed 0; then layers 1,3, components ffn"
        )
        words = damage_in_words(damage)
        assert (
            words.startswith("2 damages, one after another (3 of 4 layers, ")
            and "(2) layers 1,3 of the encoder" in words
        )
        shown = run_module("ls", run.parent, "--json")
        assert json.loads(shown.stdout)[0]["corrupt_region"] == "layers 0,1,3"

    def test_again_is_the_finished_run(self, run, plain):
        before = state_of(run)
        flags = {"probe_layers": "all", "tsne": True, "tsne_perplexity": 5}
        run_with(plain, corruptions=json.dumps(DAMAGES), output_dir=str(run), **flags)
        assert state_of(run) == before

    def test_layers_shows_what_is_hit(self, plain):
        shown = run_module("layers", plain["model_name_or_path"], "--corruptions", json.dumps(DAMAGES), "--json")
        names = json.loads(shown.stdout)["hit"]["names"]
        model = AutoModelForSequenceClassification.from_pretrained(plain["model_name_or_path"])
        receipt = corrupt(model, make_arguments(**plain, corruptions=DAMAGES).corruption.spec())
        assert names == [entry["name"] for entry in receipt.tensors]
        assert pathlib.Path(plain["model_name_or_path"]).is_dir()
