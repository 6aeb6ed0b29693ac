"""Pushing a run over HTTP to a Hub on loopback: what arrives there."""

import json

from helpers.publish import IN_COMMIT, LABELS, TOKEN, repository_of, results_of

from healbert.publish.contents import model_files
from healbert.publish.push import push_run


def test_run_arrives_whole_and_in_one_commit(hub, run):
    assert push_run(repository_of(run)) == f"{hub.endpoint}/writer/healed"
    repository = hub.repositories["model", "writer/healed"]
    there = repository.files()
    assert set(there) == IN_COMMIT | {".gitattributes"}
    assert repository.messages == ["initial commit", "Healed model"]
    for name in IN_COMMIT - {"README.md", "run.yaml", "results.json"}:
        assert there[name] == (run / name).read_bytes()
    assert json.loads(there["results.json"])["metrics"] == results_of(run)["metrics"]
    assert list(json.loads(there["config.json"])["id2label"].values()) == sorted(LABELS.values())


def test_what_is_not_of_the_run_stays_here(hub, run, monkeypatch):
    monkeypatch.setenv("HOME", "/home/somebody")
    others = ("log.txt", "notes.txt", "credentials.json", ".results.json.abcd1234.json", "own.py", "model.bin")
    for name in others:
        (run / name).write_text("{}")
    for name in ("corruption.json", "config.json"):
        found = json.loads((run / name).read_text())
        (run / name).write_text(json.dumps(found | {"from": "/home/somebody/donor"}))
    push_run(repository_of(run))
    there = hub.repositories["model", "writer/healed"].files()
    assert set(there) == IN_COMMIT | {".gitattributes"}
    assert all(
        b"somebody" not in content and b"~/donor" in content
        for content in map(there.get, ("corruption.json", "config.json"))
    )


def test_code_that_the_model_needs_and_files_of_its_tokenizer_go_along(run):
    tokenizer = json.loads((run / "tokenizer_config.json").read_text())
    (run / "tokenizer_config.json").write_text(json.dumps(tokenizer | {"tokenizer_class": "FSMTTokenizer"}))
    (run / "config.json").write_text(json.dumps({"auto_map": {"AutoModel": "modeling_own.Own"}}))
    for name in ("modeling_own.py", "vocab-src.json", "model-00001-of-00002.safetensors"):
        (run / name).write_text("")
    assert {"modeling_own.py", "vocab-src.json", "model-00001-of-00002.safetensors"} <= set(model_files(run))


def test_the_vocabulary_of_a_tokenizer_that_brings_its_code_goes_along(run):
    tokenizer = {"tokenizer_class": "OwnTokenizer", "auto_map": {"AutoTokenizer": ["tokenization_own.Own", None]}}
    (run / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    for name in ("tokenization_own.py", "words.txt", "own.model", "log.txt"):
        (run / name).write_text("")
    assert {"tokenization_own.py", "words.txt", "own.model"} <= set(model_files(run))
    assert not {"log.txt", "results.json", "settings.json"} & set(model_files(run))


def test_a_new_branch_holds_nothing_of_the_first_one(hub, run):
    (run / "adapter_config.json").write_text("{}")
    push_run(repository_of(run))
    (run / "adapter_config.json").unlink()
    push_run(repository_of(run, revision="b"))
    repository = hub.repositories["model", "writer/healed"]
    assert "adapter_config.json" in repository.files() and "adapter_config.json" not in repository.files("b")


def test_pushing_again_makes_no_commit_and_sends_no_weights(hub, run):
    push_run(repository_of(run))
    push_run(repository_of(run))
    assert len(hub.repositories["model", "writer/healed"].commits) == 2
    assert len(hub.asked("PUT", "/upload/")) == 1


def test_the_store_never_sees_the_token(hub, run):
    push_run(repository_of(run))
    (upload,) = hub.asked("PUT", "/upload/")
    assert upload.token is None
    assert {request.token for request in hub.asked("POST", "commit")} == {TOKEN}


def test_branch_and_privacy(hub, run):
    push_run(repository_of(run, revision="level-half", private=True))
    repository = hub.repositories["model", "writer/healed"]
    assert repository.private
    assert set(repository.files("level-half")) >= IN_COMMIT and set(repository.files()) == {".gitattributes"}


def test_name_of_the_folder_under_the_own_account_is_the_default(hub, run):
    assert push_run(repository_of(run, None)).endswith("/writer/damaged-run")
    assert push_run(repository_of(run, "short")).endswith("/writer/short")
