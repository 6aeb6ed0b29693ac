"""Loading models and data by id over HTTP from a Hub on loopback: revisions, tokens, failures, and back again."""

import json
import pickle
import shutil
import subprocess
import sys

import numpy as np
import pandas
import pytest
from helpers.pull import load_bert, load_texts, parquet
from helpers.small import folder_files, make_rows

from healbert import UserError, make_arguments, run_experiment
from healbert.arguments.groups import DataArguments, ModelArguments
from healbert.models.loading import load_model, load_tokenizer
from healbert.models.pooling import MeanPoolingForSequenceClassification
from healbert.tasks.load import load_task

BLOB = "/blob/"


def test_run_by_id_records_both_commits(stocked, by_id):
    results = run_experiment(make_arguments(**by_id))
    assert results["model"]["commit"] == stocked.repositories["model", "someone/bert"].branches["main"]
    assert results["task"]["commit"] == stocked.repositories["dataset", "someone/texts"].branches["main"]
    assert results["task"]["evaluation_split"] == "validation"
    assert results["task"]["examples"] == {"train": 96, "evaluation": 42}


def test_run_by_id_and_from_folders_have_the_same_figures(stocked, by_id, tiny_bert, texts, tmp_path):
    (tmp_path / "texts").mkdir()
    for name, content in texts.items():
        (tmp_path / "texts" / name).write_bytes(content)
    local = {"model_name_or_path": tiny_bert, "dataset_name": str(tmp_path / "texts")}
    first = run_experiment(make_arguments(**by_id))
    second = run_experiment(make_arguments(**by_id | local | {"output_dir": str(tmp_path / "second")}))
    assert first["metrics"] == second["metrics"]
    assert (second["model"]["commit"], second["task"]["commit"]) == (None, None)


def test_mean_pooling_records_the_commit(stocked, by_id):
    results = run_experiment(make_arguments(**by_id, pooling="mean"))
    assert results["model"]["commit"] == stocked.repositories["model", "someone/bert"].branches["main"]


PULL_BACK = """
import json, sys
import pandas, torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

repo_id, data = sys.argv[1:]
texts = pandas.read_parquet(data)["text"].tolist()
model = AutoModelForSequenceClassification.from_pretrained(repo_id).eval()
inputs = AutoTokenizer.from_pretrained(repo_id)(texts, padding=True, return_tensors="pt")
with torch.no_grad():
    logits = model(**inputs).logits.tolist()
labels = [found["label"] for found in pipeline("text-classification", model=repo_id)(texts)]
print(json.dumps([logits, labels]))
"""


@pytest.mark.slow
def test_pushed_model_predicts_the_same_in_a_fresh_process(stocked, by_id, hub_environment, tmp_path):
    from healbert.publish.push import push_experiment

    settings = by_id | {"token": "hf_writer", "push_to_hub": True, "hub_model_id": "healed", "hub_private_repo": True}
    arguments = make_arguments(**settings)
    results = run_experiment(arguments)
    push_experiment(arguments)
    environment = {"PATH": "", "HF_TOKEN": "hf_writer", **hub_environment, "HF_HUB_CACHE": str(tmp_path / "fresh")}
    command = [sys.executable, "-c", PULL_BACK, "writer/healed", str(tmp_path / "validation.parquet")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    logits, labels = json.loads(done.stdout.splitlines()[-1])
    kept = pandas.read_parquet(tmp_path / "run" / "predictions.parquet")
    assert np.allclose(np.stack(kept["logits"]), logits, atol=1e-5)
    assert labels == [results["task"]["label_names"][i] for i in kept["prediction"]]


# Revisions


def test_data_revision_fixes_the_data(stocked, tmp_path):
    repository = stocked.repositories["dataset", "someone/texts"]
    first = repository.branches["main"]
    stocked.add(repository, {"validation.parquet": parquet(make_rows(20, seed=3), tmp_path / "new.parquet")})
    newest, oldest = load_texts(), load_texts(data_revision=first)
    assert (len(newest.splits["evaluation"]), len(oldest.splits["evaluation"])) == (20, 42)
    assert (newest.commit, oldest.commit) == (repository.branches["main"], first)


def test_runs_of_two_revisions_differ_and_names_of_one_do_not(stocked, by_id, tmp_path):
    repository = stocked.repositories["dataset", "someone/texts"]
    first = repository.branches["main"]
    stocked.add(repository, {"validation.parquet": parquet(make_rows(20, seed=3), tmp_path / "new.parquet")})
    newest, oldest, main, commit = (
        make_arguments(**by_id | {"data_revision": revision}).identity()
        for revision in (None, first, "main", repository.branches["main"])
    )
    assert newest == main == commit and newest["sources"]["data"] == f"commit:{repository.branches['main']}"
    assert oldest["sources"]["data"] == f"commit:{first}" and oldest != newest


def test_model_revision_fixes_the_weights(stocked, tmp_path):
    repository = stocked.repositories["model", "someone/bert"]
    stocked.add(repository, {"config.json": b"{}"}, branch="broken")
    assert load_bert(model_revision="main").config.num_hidden_layers == 4
    with pytest.raises(UserError, match="someone/bert"):
        load_bert(model_revision="broken")


def test_data_revision_needs_a_dataset_of_the_hub(csv_files, tmp_path):
    for source in ({}, csv_files, {"task_name": "sst2", "data_root": str(tmp_path)}):
        with pytest.raises(UserError, match="--data_revision v1 goes with a dataset of the Hub"):
            DataArguments(**source, data_revision="v1")


# Tokens


@pytest.mark.parametrize("options", [{"private": True}, {"gated": True}], ids=["private", "gated"])
@pytest.mark.parametrize("way", ["--token", "HF_TOKEN"])
def test_token_opens_what_is_not_public(hub, tiny_bert, texts, by_id, monkeypatch, options, way):
    for kind, repo_id, files in (
        ("model", "someone/bert", folder_files(tiny_bert)),
        ("dataset", "someone/texts", texts),
    ):
        hub.create(repo_id, kind, files=files, **options).readers.add("reader")
    if way == "HF_TOKEN":
        monkeypatch.setenv("HF_TOKEN", "hf_reader")
    else:
        by_id["token"] = "hf_reader"
    results = run_experiment(make_arguments(**by_id))
    assert results["status"] == "completed"
    assert {request.token for request in hub.asked("GET", BLOB)} == {None}, "the store got the token"


CLOSED = {
    "private": ({"private": True}, {}, ["private", "HF_TOKEN"]),
    "private, token of another": ({"private": True}, {"token": "hf_reader"}, ["private"]),
    "gated": ({"gated": True}, {}, ["gated", "HF_TOKEN"]),
    "gated, token of another": ({"gated": True}, {"token": "hf_reader"}, ["gated", "ask for access"]),
    "token that is none": ({"private": True}, {"token": "hf_nobody"}, ["token"]),
}


@pytest.mark.parametrize("options, settings, named", CLOSED.values(), ids=CLOSED.keys())
def test_what_is_closed_says_how_to_open_it(hub, tiny_bert, texts, options, settings, named):
    hub.create("someone/bert", files=folder_files(tiny_bert), **options)
    hub.create("someone/texts", "dataset", files=texts, **options)
    for load, name in ((load_bert, "someone/bert"), (load_texts, "someone/texts")):
        with pytest.raises(UserError) as refused:
            load(**settings)
        assert all(part in str(refused.value) for part in [name, *named]), refused.value
        assert len(str(refused.value)) < 400


def test_names_of_nothing_are_refused(stocked):
    with pytest.raises(UserError, match="someone/nothing.*no such repository"):
        load_tokenizer(ModelArguments(model_name_or_path="someone/nothing"))
    with pytest.raises(UserError, match="no such revision"):
        load_bert(model_revision="v9")
    with pytest.raises(UserError, match="someone/nothing.*no such repository"):
        load_task(DataArguments(dataset_name="someone/nothing"), ModelArguments())
    with pytest.raises(UserError, match="someone/texts.*no such revision"):
        load_texts(data_revision="v9")
    with pytest.raises(UserError, match="bad name"):
        load_tokenizer(ModelArguments(model_name_or_path="bad name"))


# Faults


@pytest.mark.parametrize("status, named", [(401, "status 401"), (403, "status 403"), (500, "status 500")])
def test_refused_weights_are_one_clear_error(stocked, status, named):
    stocked.fail("GET", BLOB, status)
    with pytest.raises(UserError, match=f"someone/bert.*{named}"):
        load_bert()
    with pytest.raises(UserError, match=f"someone/texts.*{named}"):
        load_texts()


def test_too_many_requests_are_waited_for(stocked):
    stocked.fail("GET", BLOB, 429, times=1)
    load_bert()
    assert [request.status for request in stocked.asked("GET", BLOB)] == [429, 200]


def test_download_that_is_cut_goes_on_where_it_stopped(stocked, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 1000)
    stocked.fail("GET", BLOB, "cut", times=1)
    cut = load_bert().base_model.state_dict()
    assert [request.status for request in stocked.asked("GET", BLOB)] == [200, 206]
    whole = load_bert().base_model.state_dict()
    assert all(whole[name].equal(cut[name]) for name in whole if not name.startswith("pooler"))


def test_half_a_download_is_never_taken_for_the_whole(stocked, monkeypatch):
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None)
    stocked.fail("GET", BLOB, "cut", times=1)
    stocked.fail("GET", BLOB, 403)
    with pytest.raises(UserError, match="status 403"):
        load_bert()
    stocked.faults.clear()
    assert load_bert().config.num_hidden_layers == 4


# Nothing is unpickled


class Bomb:
    """Leaves a file where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.fixture
def bomb(tmp_path):
    return pickle.dumps(Bomb(tmp_path / "exploded"))


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.bin"])
def test_pickled_weights_are_never_opened(tiny_bert, tmp_path, bomb, name):
    folder = shutil.copytree(tiny_bert, tmp_path / "model")
    (folder / "model.safetensors").unlink()
    (folder / name).write_bytes(bomb)
    arguments = ModelArguments(model_name_or_path=str(folder))
    with pytest.raises(UserError, match="safetensors"):
        load_model(arguments, ["a", "b"], 0)
    assert not (tmp_path / "exploded").exists()


def test_pickled_weights_on_the_hub_are_never_opened(hub, tiny_bert, tmp_path, bomb):
    files = folder_files(tiny_bert)
    del files["model.safetensors"]
    hub.create("someone/bert", files=files | {"pytorch_model.bin": bomb})
    with pytest.raises(UserError, match="someone/bert"):
        load_bert()
    assert not (tmp_path / "exploded").exists() and not hub.asked("GET", BLOB)


@pytest.mark.parametrize("name", ["rng_state.pth", "optimizer.pt", "scheduler.pt", "training_args.bin"])
def test_checkpoints_are_read_without_unpickling(run_flags, tmp_path, bomb, name):
    run_experiment(make_arguments(**run_flags | {"save_model": True, "num_train_epochs": 1}))
    (checkpoint,) = (tmp_path / "run").glob("checkpoint-*")
    (checkpoint / name).write_bytes(bomb)
    again = run_flags | {"resume_from_checkpoint": str(checkpoint), "output_dir": str(tmp_path / "again")}
    if name == "training_args.bin":  # written for people; never read
        assert run_experiment(make_arguments(**again))["status"] == "completed"
    else:
        with pytest.raises(UserError, match=f"{checkpoint.name} is damaged"):
            run_experiment(make_arguments(**again))
    assert not (tmp_path / "exploded").exists()


def test_remote_code_runs_only_when_asked_for(hub, tiny_bert, tmp_path):
    files = folder_files(tiny_bert)
    config = json.loads(files["config.json"]) | {"model_type": "own", "auto_map": {"AutoConfig": "own.OwnConfig"}}
    code = f"open({str(tmp_path / 'ran')!r}, 'w')\n".encode()
    hub.create("someone/bert", files=files | {"config.json": json.dumps(config).encode(), "own.py": code})
    with pytest.raises(UserError, match="someone/bert"):
        load_bert()
    assert not (tmp_path / "ran").exists()


def test_mean_pooling_comes_back(hub, tiny_bert, tmp_path, by_id, texts):
    from healbert.publish.push import push_experiment

    hub.create("someone/texts", "dataset", files=texts)
    local = by_id | {"model_name_or_path": tiny_bert, "pooling": "mean"}
    arguments = make_arguments(**local, push_to_hub=True, hub_model_id="healed", hub_token="hf_writer")
    run_experiment(arguments)
    push_experiment(arguments)
    assert b"import healbert.models.pooling" in hub.repositories["model", "writer/healed"].files()["README.md"]
    assert isinstance(
        MeanPoolingForSequenceClassification.from_pretrained("writer/healed"), MeanPoolingForSequenceClassification
    )
