"""Pushing runs and results over HTTP to a Hub on loopback: what arrives, what is refused, what survives a failure."""

import html
import io
import json
import pathlib
import re
import shlex
import shutil
import sys

import numpy as np
import pandas
import pytest
from helpers.small import folder_files, make_rows, run_script, to_flags, write_csv
from huggingface_hub import EvalResult, ModelCard

from healbert import UserError, make_arguments, run_experiment
from healbert.arguments.parser import parse_arguments
from healbert.cli.main import main
from healbert.publish.card import escape
from healbert.publish.push import push_experiment, push_results, push_run
from healbert.publish.repository import PushError, Repository

TOKEN = "hf_writer"
LABELS = {"bad": "<script>alert(1)</script>", "good": "a|b *c* `d`"}
IN_COMMIT = {"README.md", "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
IN_COMMIT |= {"corruption.json", "results.json", "run.yaml"}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Flags that name files whose labels are hostile."""
    folder = tmp_path_factory.mktemp("hostile")
    rows = {"train": make_rows(96, seed=1), "validation": make_rows(42, seed=2)}
    return {
        f"{split}_file": write_csv(folder / f"{split}.csv", [(text, LABELS[label]) for text, label in made])
        for split, made in rows.items()
    }


@pytest.fixture(scope="module")
def flags(tiny_bert, files):
    return {
        "model_name_or_path": tiny_bert,
        **files,
        "num_train_epochs": 2,
        "per_device_train_batch_size": 8,
        "learning_rate": 1e-3,
        "corrupt_level": 0.5,
        "save_model": True,
        "use_cpu": True,
        "torch_num_threads": 1,
    }


@pytest.fixture(scope="module")
def runs(flags, tmp_path_factory):
    """A folder with a damaged and an intact run, finished and with their models."""
    root = tmp_path_factory.mktemp("runs")
    for name, level in {"damaged": 0.5, "intact": 0.0}.items():
        run_experiment(make_arguments(**flags | {"corrupt_level": level, "output_dir": str(root / name)}))
    return root


@pytest.fixture
def run(runs, tmp_path):
    return shutil.copytree(runs / "damaged", tmp_path / "damaged-run")


def repository_of(run, repo_id="writer/healed", **options):
    return Repository(run, repo_id, token=TOKEN, **options)


@pytest.fixture
def command(monkeypatch, capsys):
    """Runs `healbert` in this process: returns (status, output, last line of the error output)."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["healbert", *map(str, arguments)])
        status = 0
        try:
            main()
        except SystemExit as leaving:
            status = leaving.code
        output, errors = capsys.readouterr()
        assert "Traceback" not in errors
        return status, output, (errors.strip().splitlines() or [""])[-1]

    return call


def results_of(run):
    return json.loads((run / "results.json").read_text(encoding="utf-8"))


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


# The card


@pytest.fixture
def card(hub, run, runs):
    push_run(repository_of(run, intact_results=runs / "intact"))
    return ModelCard(hub.repositories["model", "writer/healed"].files()["README.md"].decode())


def test_metadata_that_the_hub_understands(card, run):
    healed = results_of(run)["metrics"]["healed"]
    assert card.data.library_name == "transformers" and card.data.pipeline_tag == "text-classification"
    assert {"healbert", "robustness"} <= set(card.data.tags) and card.data.model_name == "healed"
    assert card.data.base_model is None and card.data.datasets is None, "neither is on the Hub"
    f1, accuracy = card.data.eval_results
    assert isinstance(f1, EvalResult)
    assert (f1.metric_type, f1.metric_config, f1.metric_args) == ("f1", "weighted", {"average": "weighted"})
    assert (accuracy.metric_type, accuracy.metric_value) == ("accuracy", healed["accuracy"])
    assert f1.metric_value == healed["f1_weighted"]
    assert (f1.dataset_type, f1.dataset_split) == ("train", "validation")


def test_base_model_and_data_of_the_hub_are_named(hub, run):
    base = b"---\nlicense: other\nlicense_name: own\nlicense_link: https://x.org\nlanguage: de\n---\n"
    hub.create("someone/bert", files={"README.md": base})
    results = results_of(run)
    results["model"] |= {"name": "someone/bert", "commit": hub.repositories["model", "someone/bert"].branches["main"]}
    results["config"]["task_name"] = "mrpc"
    (run / "results.json").write_text(json.dumps(results))
    push_run(repository_of(run))
    data = ModelCard(hub.repositories["model", "writer/healed"].files()["README.md"].decode()).data
    assert (data.base_model, data.datasets, data.language) == ("someone/bert", ["nyu-mll/glue"], ["en"])
    assert {result.dataset_config for result in data.eval_results} == {"mrpc"}
    assert (data.license, data.license_name, data.license_link) == ("other", "own", "https://x.org")


def test_figures_in_the_card(card, run, runs):
    predictions = pandas.read_parquet(run / "predictions.parquet")
    figures = results_of(run)["metrics"]
    intact = results_of(runs / "intact")["metrics"]["healed"]
    for line, metrics in {"damaged": figures["damaged"], "healed": figures["healed"], "intact": intact}.items():
        assert re.search(rf"^\| [^|]*{line}[^|]* \| {metrics['f1_weighted']:.4f} \| ", card.text, flags=re.MULTILINE)
    hit = (predictions["label"] == 0) & (predictions["prediction"] == 0)
    f1 = 2 * hit.sum() / ((predictions["label"] == 0).sum() + (predictions["prediction"] == 0).sum())
    row = next(line for line in card.text.splitlines() if line.startswith("| &lt;script"))
    assert row.split("|")[2:4] == [f" {f1:.4f} ", " 21 "]
    assert "damaged on purpose" in card.text and "2 of 4 layers" in card.text and "2406.14459" in card.text


def test_damage_of_scattered_parameters_is_put_in_words(hub, run):
    results = results_of(run)
    results["corruption"] |= {"level": 0.125, "unit": "parameter"}
    (run / "results.json").write_text(json.dumps(results))
    push_run(repository_of(run))
    card = hub.repositories["model", "writer/healed"].files()["README.md"].decode()
    assert "the bottom 12.5%" in card and "in whole or in part" in card


def test_hostile_labels_are_shown_as_they_are(card):
    assert "<script" not in card.content
    markdown = pytest.importorskip("markdown_it")
    page = markdown.MarkdownIt("commonmark", {"html": True}).enable("table").render(card.text)
    shown = re.findall(r"<td>(.*?)</td>", page)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown and "a|b *c* `d`" in shown
    assert "<script" not in page and "<em>" not in page


@pytest.mark.parametrize(
    "text", ["a\n# b", "[x](javascript:y)", "<img src=x onerror=y>", "a&lt;b", "$$x$$", "~~x~~", "\\|"]
)
def test_escaped_text_reads_as_itself(text):
    markdown = pytest.importorskip("markdown_it")
    page = (
        markdown.MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(f"x {escape(text)}")
    )
    assert html.unescape(page.removeprefix("<p>").removesuffix("</p>\n")) == "x " + " ".join(text.split())
    assert re.findall("<[^>]*>", page) == ["<p>", "</p>"]


def test_command_in_the_card_is_the_same_run(card, flags, files, runs, monkeypatch, tmp_path):
    block = re.search(r"    python -m healbert run.*?\n\n", card.text, flags=re.DOTALL).group()
    argv = shlex.split(block.replace("\\\n", " "))
    assert argv[:4] == ["python", "-m", "healbert", "run"]
    shutil.copytree(flags["model_name_or_path"], tmp_path / "tiny-bert")
    for path in files.values():
        shutil.copy(path, tmp_path)
    monkeypatch.chdir(tmp_path)
    again, _ = parse_arguments(argv[4:])
    assert again.identity() == json.loads((runs / "damaged" / "settings.json").read_text())
    assert "--learning_rate 0.001" in block and "--num_train_epochs 2 " in block and "lr_scheduler" not in block


def test_settings_that_were_pushed_can_be_run(hub, run, tmp_path, monkeypatch):
    push_run(repository_of(run))
    (tmp_path / "run.yaml").write_bytes(hub.repositories["model", "writer/healed"].files()["run.yaml"])
    again, _ = parse_arguments([str(tmp_path / "run.yaml"), "--output_dir", "x"])
    assert again.identity() == json.loads((run / "settings.json").read_text())


# Refusals


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
        run_experiment(make_arguments(**options))
    assert all(part in str(refused.value) for part in named), refused.value
    assert not (tmp_path / "new").exists() and not hub.asked("POST", "repos/create")


def test_other_run_there_is_refused_and_named(hub, run, runs):
    push_run(repository_of(run))
    with pytest.raises(UserError, match=r"another run: corrupt_level \(0.5 there, 0.0 here\)"):
        push_run(repository_of(runs / "intact"))


def test_run_of_other_data_there_is_refused(hub, run):
    push_run(repository_of(run))
    results = results_of(run)
    results["task"]["fingerprint"] = "another"
    (run / "results.json").write_text(json.dumps(results))
    with pytest.raises(UserError, match="another run: other data"):
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
    with pytest.raises(UserError, match="level 0.5, not 0"):
        push_run(repository_of(run, intact_results=runs / "damaged"))
    other = shutil.copytree(runs / "intact", tmp_path / "other")
    results = results_of(other)
    results["task"]["fingerprint"] = "another"
    (other / "results.json").write_text(json.dumps(results))
    with pytest.raises(UserError, match="other data"):
        push_run(repository_of(run, intact_results=other))
    with pytest.raises(UserError, match="holds no finished run"):
        push_run(repository_of(run, intact_results=tmp_path / "nowhere"))


def test_intact_run_must_be_trained_alike(hub, run, runs, tmp_path):
    other = shutil.copytree(runs / "intact", tmp_path / "other")
    results = results_of(other)
    results["config"]["learning_rate"] = 5e-5
    (other / "results.json").write_text(json.dumps(results))
    with pytest.raises(UserError, match=r"other settings: learning_rate \(5e-05 there, 0.001 here\)"):
        push_run(repository_of(run, intact_results=other))
    assert not hub.repositories


# Failures half-way


def test_push_that_fails_half_way_is_completed_by_the_same_command(hub, run):
    hub.fail("POST", "/commit/", 500, times=1)
    with pytest.raises(PushError) as failed:
        push_run(repository_of(run))
    message = str(failed.value)
    assert "status 500" in message and "8 of 8 files are missing there: README.md, run.yaml" in message
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


# Results as a dataset


def test_results_become_a_dataset(hub, runs, tmp_path, command):
    import datasets

    folder = shutil.copytree(runs, tmp_path / "sweep")
    (folder / "report").mkdir()
    (folder / "report" / "report.html").write_text(f"<p>report of {pathlib.Path.home()}/runs</p>")
    status, output, error = command("push", folder, "--repo_id", "writer/figures", "--token", TOKEN)
    assert (status, output) == (0, f"pushed to {hub.endpoint}/datasets/writer/figures\n"), error
    files = hub.repositories["dataset", "writer/figures"].files()
    assert set(files) - {".gitattributes"} == {
        *("README.md", "results.parquet", "report/report.html"),
        *("runs/damaged/results.json", "runs/intact/results.json"),
    }
    assert files["report/report.html"] == b"<p>report of ~/runs</p>"
    rows = datasets.load_dataset("writer/figures", split="train").to_pandas().set_index("folder")
    for name in ("damaged", "intact"):
        results = results_of(runs / name)
        assert rows.loc[name, "healed_f1_weighted"] == results["metrics"]["healed"]["f1_weighted"]
        assert rows.loc[name, "corrupt_level"] == results["config"]["corrupt_level"]
        assert json.loads(files[f"runs/{name}/results.json"])["metrics"] == results["metrics"]
    assert np.issubdtype(rows["learning_rate"].dtype, np.floating)


def test_results_of_a_growing_folder_are_pushed_again(hub, runs, tmp_path):
    folder = tmp_path / "sweep"
    shutil.copytree(runs / "damaged", folder / "damaged")
    push_results(Repository(folder, "writer/figures", "dataset", TOKEN))
    shutil.copytree(runs / "intact", folder / "intact")
    push_results(Repository(folder, "writer/figures", "dataset", TOKEN))
    repository = hub.repositories["dataset", "writer/figures"]
    assert "runs/intact/results.json" in repository.files() and len(repository.commits) == 3


def test_results_of_another_sweep_are_not_mixed_in(hub, runs, tmp_path):
    push_results(Repository(runs, "writer/figures", "dataset", TOKEN))
    shutil.copytree(runs / "damaged", tmp_path / "sweep" / "damaged")
    with pytest.raises(UserError, match=r"other content \(runs/intact/results.json\)"):
        push_results(Repository(tmp_path / "sweep", "writer/figures", "dataset", TOKEN))
    push_results(Repository(tmp_path / "sweep", "writer/figures", "dataset", TOKEN, overwrite=True))
    files = hub.repositories["dataset", "writer/figures"].files()
    assert "runs/damaged/results.json" in files and "runs/intact/results.json" not in files


def test_figures_of_a_run_without_its_model(hub, run, command):
    status, _, error = command("push", run, "--results_only", "--repo_id", "figures", "--token", TOKEN)
    assert status == 0, error
    assert "runs/results.json" in hub.repositories["dataset", "writer/figures"].files()


def test_dataset_of_someone_else_is_not_touched(hub, runs, command):
    hub.create("writer/figures", "dataset", files={"train.csv": b"a\n1\n"})
    status, _, error = command("push", runs, "--repo_id", "writer/figures", "--token", TOKEN)
    assert status == 2 and "other content (train.csv)" in error


def test_folder_without_runs_is_refused(hub, tmp_path, command):
    status, _, error = command("push", tmp_path, "--token", TOKEN)
    assert status == 2 and "no finished runs" in error
    status, _, error = command("push", tmp_path / "nowhere", "--token", TOKEN)
    assert status == 2 and "is not a folder" in error
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "report.html").touch()
    status, _, error = command("push", tmp_path / "report", "--token", TOKEN)
    assert status == 2 and error.endswith(f"python -m healbert push {tmp_path}")


def test_home_folder_stays_at_home(hub, run, monkeypatch):
    monkeypatch.setenv("HOME", str(pathlib.Path(results_of(run)["config"]["train_file"]).parent))
    push_run(repository_of(run))
    files = hub.repositories["model", "writer/healed"].files()
    assert json.loads(files["results.json"])["config"]["train_file"] == "~/train.csv"
    assert not any(str(pathlib.Path.home()).encode() in content for content in files.values())


def test_home_folder_stays_out_of_the_table(hub, runs, monkeypatch):
    home = str(pathlib.Path(results_of(runs / "damaged")["config"]["train_file"]).parent)
    monkeypatch.setenv("HOME", home)
    push_results(Repository(runs, "writer/figures", "dataset", TOKEN))
    files = hub.repositories["dataset", "writer/figures"].files()
    assert set(pandas.read_parquet(io.BytesIO(files["results.parquet"]))["train_file"]) == {"~/train.csv"}
    assert home not in files["README.md"].decode()
