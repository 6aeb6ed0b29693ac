"""What survives a push that fails half-way."""

import json
import re
import shlex

import pytest
from helpers.publish import IN_COMMIT, TOKEN, repository_of, results_of
from helpers.small import folder_files, run_script, to_flags
from huggingface_hub import ModelCard

from healbert import UserError, make_arguments, run_experiment
from healbert.publish.push import push_experiment, push_run
from healbert.publish.repository import PushError


def test_push_that_fails_half_way_is_completed_by_the_same_command(hub, run):
    hub.fail("POST", "/commit/", 500, times=1)
    with pytest.raises(PushError) as failed:
        push_run(repository_of(run))
    message = str(failed.value)
    assert "status 500" in message and "8 of 8 files are missing there: README.md, config.json" in message
    assert set(hub.repositories["model", "writer/healed"].files()) == {".gitattributes"}
    command = re.search(r"completes it: python -m healbert (push .*)", message).group(1)
    assert shlex.split(command) == ["push", str(run), "--repo_id", "writer/healed"]
    push_run(repository_of(run))
    assert set(hub.repositories["model", "writer/healed"].files()) == IN_COMMIT | {".gitattributes"}
    assert len(hub.asked("PUT", "/upload/")) == 1, "weights that arrived are not sent again"


FAULTS = {
    "weights refused": ("PUT", "/upload/", 403, "status 403"),
    "token taken away": ("POST", "/preupload/", 401, "status 401"),
    "repository cannot be made": ("POST", "/api/repos/create", 403, "status 403"),
    "too many requests": ("POST", "/commit/", 429, "too many requests"),
    "answer cut off": ("POST", "/commit/", "cut", "broke off"),
}


@pytest.mark.parametrize("method, path, status, named", FAULTS.values(), ids=FAULTS.keys())
def test_every_failure_of_a_push_is_one_clear_error(hub, run, method, path, status, named):
    hub.fail(method, path, status, times=1)
    before = folder_files(run)
    with pytest.raises(PushError) as failed:
        push_run(repository_of(run))
    assert named in str(failed.value) and "completes it" in str(failed.value)
    push_run(repository_of(run))
    assert set(hub.repositories["model", "writer/healed"].files()) == IN_COMMIT | {".gitattributes"}
    assert folder_files(run) == before


def test_passing_trouble_is_retried(hub, run):
    hub.fail("POST", "/preupload/", 500, times=1)
    hub.fail("PUT", "/upload/", 429, times=1)
    push_run(repository_of(run))
    assert len(hub.repositories["model", "writer/healed"].commits) == 2


def test_run_is_not_lost_when_its_push_fails(hub, hub_environment, flags, tmp_path):
    hub.fail("POST", "/commit/", 500, times=1)
    options = flags | {"push_to_hub": True, "hub_model_id": "healed", "output_dir": tmp_path / "new"}
    done = run_script(*to_flags(options), **hub_environment, HF_TOKEN=TOKEN)
    assert done.returncode == 2 and "healed weighted F1" in done.stdout
    assert done.stderr.strip().splitlines()[-1].startswith("error: the push to 'writer/healed' did not finish")
    assert "Traceback" not in done.stderr and results_of(tmp_path / "new")["status"] == "completed"
    push_experiment(make_arguments(**options | {"output_dir": str(tmp_path / "new"), "hub_token": TOKEN}))
    assert set(hub.repositories["model", "writer/healed"].files()) >= IN_COMMIT
    everything = [done.stdout.encode(), done.stderr.encode()]
    everything += [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    everything += hub.repositories["model", "writer/healed"].files().values()
    assert not any(TOKEN.encode() in content for content in everything), "a token was written"


def test_push_that_the_hub_refuses_at_the_end_says_that_the_run_is_safe(hub, flags, tmp_path):
    options = flags | {"push_to_hub": True, "hub_model_id": "healed", "hub_token": TOKEN}
    arguments = make_arguments(**options | {"output_dir": str(tmp_path / "new")})
    run_experiment(arguments)
    hub.fail("GET", "/whoami", 403, times=1)  # the token was taken away while the run ran
    with pytest.raises(PushError) as failed:
        push_experiment(arguments)
    assert "status 403" in str(failed.value)
    assert f"the finished run is in {tmp_path / 'new'}" in str(failed.value)
    command = re.search("this pushes it: python -m healbert (push .*)", str(failed.value)).group(1)
    assert shlex.split(command) == ["push", str(tmp_path / "new"), "--repo_id", "healed"]
    hub.create("writer/healed", files={"notes.txt": b"mine"})  # someone was faster
    with pytest.raises(PushError, match="other content.*the finished run is in"):
        push_experiment(arguments)


def test_card_that_could_not_be_asked_for_is_not_taken_for_no_licence(hub, run):
    hub.create("someone/bert", files={"README.md": b"---\nlicense: mit\n---\n"})
    results = results_of(run)
    results["model"] |= {"name": "someone/bert", "commit": hub.repositories["model", "someone/bert"].branches["main"]}
    (run / "results.json").write_text(json.dumps(results))
    hub.fail("GET", "/models/someone/bert", 500)
    with pytest.raises(UserError, match="the cards of the base model and the data.*status 500"):
        push_run(repository_of(run))
    hub.faults.clear()
    push_run(repository_of(run))
    card = ModelCard(hub.repositories["model", "writer/healed"].files()["README.md"].decode())
    assert card.data.license == "mit"


def test_trainer_itself_makes_no_repository_and_pickles_no_token(hub, flags, tmp_path):
    options = flags | {
        "output_dir": str(tmp_path / "new"),
        "push_to_hub": True,
        "hub_token": TOKEN,
        "hub_model_id": "x",
    }
    arguments = make_arguments(**options)
    run_experiment(arguments)
    assert not hub.asked("POST", "repos/create|commit"), "the push is the last step, and a step of its own"
    assert list((tmp_path / "new").glob("checkpoint-*/training_args.bin")), "what could hold a token"
    assert not any(TOKEN.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    push_experiment(arguments)
    assert len(hub.asked("POST", "/commit/")) == 1
