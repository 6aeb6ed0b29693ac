"""What cannot be pushed, and how that is said."""

import json
import shlex
import shutil

import pytest
from helpers.publish import IN_COMMIT, TOKEN, repository_of, results_of
from helpers.small import to_flags

from healbert import UserError
from healbert.cli.run import run as run_command
from healbert.publish.push import push_run

REFUSED = {
    "no token": ({"token": None}, {}, ["no Hub token", "HF_TOKEN"]),
    "unknown token": ({"token": "hf_nobody"}, {}, ["401", "token"]),
    "token that may only read": ({"token": "hf_reader"}, {"hub_model_id": "reader/x"}, ["may only read"]),
    "someone else's name": ({}, {"hub_model_id": "someone/x"}, ["someone", "writer is no member"]),
    "invalid name": ({}, {"hub_model_id": "writer/a--b"}, ["a--b"]),
    "three parts": ({}, {"hub_model_id": "a/b/c"}, ["a/b/c"]),
    "not mine": ({}, {"hub_model_id": "other/taken"}, ["other/taken", "403"]),
    "other content": (
        {},
        {"hub_model_id": "writer/taken"},
        ["writer/taken", "other content", "notes.txt", "--overwrite"],
    ),
    "checkpoints": ({}, {"hub_strategy": "checkpoint"}, ["--hub_strategy checkpoint", "one push"]),
}


@pytest.mark.parametrize("settings, target, named", REFUSED.values(), ids=REFUSED.keys())
def test_push_that_cannot_work_is_refused_before_anything_starts(hub, flags, tmp_path, settings, target, named):
    hub.create("writer/taken", files={"notes.txt": b"mine"})
    hub.create("other/taken", files={"notes.txt": b"theirs"})
    options = flags | {"token": TOKEN, "output_dir": str(tmp_path / "new"), "push_to_hub": True} | settings | target
    with pytest.raises(UserError) as refused:
        run_command(to_flags({name: value for name, value in options.items() if value is not None}))
    assert all(part in str(refused.value) for part in named), refused.value
    assert not (tmp_path / "new").exists() and not hub.asked("POST", "repos/create")


def test_other_run_there_is_refused_and_named(hub, run, runs):
    push_run(repository_of(run))
    with pytest.raises(UserError, match=r"another run: corrupt_level \(0.5 there, 0.0 here\)"):
        push_run(repository_of(runs / "intact"))


@pytest.mark.parametrize("part, what", [("task", "other data"), ("model", "other weights")])
def test_run_that_began_with_another_is_refused(hub, run, part, what):
    push_run(repository_of(run))
    results = results_of(run)
    results[part]["fingerprint"] = "another"
    (run / "results.json").write_text(json.dumps(results))
    with pytest.raises(UserError, match=f"another run: {what}"):
        push_run(repository_of(run))


def test_command_that_completes_a_push_repeats_its_options(run):
    options = {"revision": "b", "private": True, "intact_results": "a b", "overwrite": True}
    assert shlex.split(repository_of(run, **options).command())[4:] == [
        *(str(run), "--repo_id", "writer/healed", "--revision", "b", "--private", "--intact_results", "a b"),
        "--overwrite",
    ]
    assert repository_of(run, kind="dataset").command().endswith(" --results_only")


def test_overwriting_leaves_nothing_of_what_was_there(hub, run, runs):
    hub.create("writer/healed", files={"adapter_config.json": b"{}", "old/notes.txt": b"x"})
    with pytest.raises(UserError, match="other content"):
        push_run(repository_of(run))
    push_run(repository_of(run, overwrite=True))
    assert set(hub.repositories["model", "writer/healed"].files()) == IN_COMMIT | {".gitattributes"}


def test_private_push_into_a_public_repository_is_refused(hub, run):
    hub.create("writer/healed")
    with pytest.raises(UserError, match="is public"):
        push_run(repository_of(run, private=True))
    assert set(hub.repositories["model", "writer/healed"].files()) == {".gitattributes"}
    hub.repositories["model", "writer/healed"].private = True
    push_run(repository_of(run, private=True))
    assert set(hub.repositories["model", "writer/healed"].files()) >= IN_COMMIT


def test_readme_of_a_new_repository_is_no_content(hub, run):
    hub.create("writer/healed", files={"README.md": b"---\nlicense: mit\n---\n"})
    push_run(repository_of(run))
    assert set(hub.repositories["model", "writer/healed"].files()) >= IN_COMMIT


def test_run_without_its_model_says_what_to_do(hub, run, command):
    for path in run.glob("model*.safetensors"):
        path.unlink()
    status, _, error = command("push", run, "--repo_id", "writer/x", "--token", TOKEN)
    assert status == 2 and "--save_model" in error and "--results_only" in error
    assert not hub.repositories


BROKEN = {
    "no run": (lambda run: (run / "results.json").unlink(), "no finished run"),
    "cut short": (lambda run: (run / "results.json").write_text('{"a'), "cut short"),
}


@pytest.mark.parametrize("damage, named", BROKEN.values(), ids=BROKEN.keys())
def test_folder_that_is_no_finished_run(hub, run, command, damage, named):
    damage(run)
    status, _, error = command("push", run, "--token", TOKEN)
    assert status == 2 and named in error and not hub.requests


def test_run_that_never_healed_has_nothing_to_push(hub, run):
    results = results_of(run)
    results["metrics"]["healed"], results["status"] = None, "diverged"
    (run / "results.json").write_text(json.dumps(results))
    with pytest.raises(UserError, match="no healed model"):
        push_run(repository_of(run))


def test_intact_run_must_be_intact_and_of_the_same_data(hub, run, runs, tmp_path):
    with pytest.raises(UserError, match="was damaged .bottom 50%, kaiming_uniform, seed 0., not an intact one"):
        push_run(repository_of(run, intact_results=runs / "damaged"))
    other = shutil.copytree(runs / "intact", tmp_path / "other")
    results = results_of(other)
    results["task"]["fingerprint"] = "another"
    (other / "results.json").write_text(json.dumps(results))
    with pytest.raises(UserError, match="other data"):
        push_run(repository_of(run, intact_results=other))
    with pytest.raises(UserError, match="holds no finished run"):
        push_run(repository_of(run, intact_results=tmp_path / "nowhere"))


@pytest.mark.parametrize(
    "part, change, message",
    [
        ("model", {"fingerprint": "another"}, "other weights"),
        ("environment", {"mixed_precision": "bf16"}, "another precision"),
        ("model", {"damaged_before": "top 50%, zero, seed 1"}, "had been damaged .top 50%, zero, seed 1"),
    ],
)
def test_intact_run_must_begin_with_the_same(hub, run, runs, tmp_path, part, change, message):
    other = shutil.copytree(runs / "intact", tmp_path / "other")
    results = results_of(other)
    results[part] |= change
    (other / "results.json").write_text(json.dumps(results))
    with pytest.raises(UserError, match=message):
        push_run(repository_of(run, intact_results=other))


def test_intact_run_must_be_trained_alike(hub, run, runs, tmp_path):
    other = shutil.copytree(runs / "intact", tmp_path / "other")
    results = results_of(other)
    results["config"]["learning_rate"] = 5e-5
    (other / "results.json").write_text(json.dumps(results))
    with pytest.raises(UserError, match=r"other settings: learning_rate \(5e-05 there, 0.001 here\)"):
        push_run(repository_of(run, intact_results=other))
    for name, value in {"weight_decay": 0.3, "lr_scheduler_type": "constant", "label_smoothing_factor": 0.1}.items():
        results["config"] = results_of(runs / "intact")["config"] | {name: value}
        (other / "results.json").write_text(json.dumps(results))
        with pytest.raises(UserError, match=f"other settings: {name}"):
            push_run(repository_of(run, intact_results=other))
    assert not hub.repositories
