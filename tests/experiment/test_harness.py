"""Scores of lm-evaluation-harness: asked for before a run, the same whoever asks, and nothing else changes."""

import json
import pathlib
import shlex
import shutil
import subprocess
import sys

import numpy as np
import pandas
import pytest
import torch
from helpers.arguments import run
from helpers.runs import read, run_with
from helpers.small import save_bare_gpt2

from healbert import UserError, make_arguments
from healbert.cli.export_lm_eval import export_lm_eval
from healbert.experiment import harness
from healbert.results.harness import harness_scores

QUESTIONS = [
    {"question": f"{'go ' * count}{word}", "choices": ["good", "a"], "answer": (count + len(word)) % 2}
    for count in range(1, 5)
    for word in ("goad", "dog", "go")
]
TASK = """
task: {name}
dataset_path: json
dataset_kwargs: {{data_files: {{test: {data}}}}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{{{question}}}}"
doc_to_target: answer
doc_to_choice: choices
metric_list:
  - {{metric: acc, aggregation: mean, higher_is_better: true}}
  - {{metric: brier_score, aggregation: brier_score, higher_is_better: false}}
metadata: {{version: 3.0}}
"""


@pytest.fixture
def task_file(tmp_path):
    """A task of the harness whose data lie on this machine."""
    data = tmp_path / "questions.jsonl"
    data.write_text("".join(f"{json.dumps(question)}\n" for question in QUESTIONS))
    path = tmp_path / "own.yaml"
    path.write_text(TASK.format(name="own", data=data))
    return str(path)


@pytest.fixture
def settings(run_flags, tmp_path):
    """A run of a tiny decoder on text."""
    lines = [question["question"] for question in QUESTIONS] * 4
    pandas.DataFrame({"text": lines}).to_csv(tmp_path / "lines.csv", index=False)
    files = dict.fromkeys(("train_file", "validation_file"), str(tmp_path / "lines.csv"))
    model = {"model_name_or_path": save_bare_gpt2(tmp_path / "gpt2"), "task_type": "causal_lm"}
    return run_flags | files | model | {"disable_tqdm": True, "learning_rate": 1e-2}


# What is asked for.


def test_package_that_is_missing_is_named_before_anything_is_done(settings, tmp_path, monkeypatch):
    monkeypatch.setattr(harness.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"the package lm_eval; run in the repository: pip install '\.\[lm-eval\]'"):
        run_with(settings, lm_eval="wikitext")
    assert not pathlib.Path(settings["output_dir"]).exists()


@pytest.mark.parametrize(
    "more, message",
    [
        ({"lm_eval": "a,,b"}, "--lm_eval 'a,,b' has an empty name"),
        ({"lm_eval": ""}, "--lm_eval '' has an empty name"),
        ({"lm_eval": "nowhere/own.yaml"}, "--lm_eval nowhere/own.yaml does not exist"),
        ({"lm_eval": "wikitext", "task_type": "masked_lm"}, "a task of type masked_lm has another; give --task_type"),
    ],
)
def test_what_cannot_be_scored_is_refused(more, message):
    with pytest.raises(UserError, match=message):
        run(**{"task_type": "causal_lm"} | more)


def test_tasks_are_part_of_a_run_by_name_and_a_file_by_its_content(task_file, tmp_path):
    def name(tasks):
        return run(task_type="causal_lm", lm_eval=tasks).name()

    plain = run(task_type="causal_lm").name()
    assert len({plain, name("wikitext"), name("wikitext,piqa"), name(task_file)}) == 4
    assert name(["wikitext", "piqa"]) == name(" wikitext, piqa,wikitext")
    (tmp_path / "elsewhere").mkdir()
    copy = shutil.copy(task_file, tmp_path / "elsewhere")
    before = name(task_file)
    assert name(copy) == before
    pathlib.Path(copy).write_text(pathlib.Path(copy).read_text().replace("3.0", "4.0"))
    assert name(copy) != before


# What is said of it.

SCORED = {
    "lm_eval": {
        "version": "0.4.13",
        "damaged": {"own": {"acc,none": 0.25, "acc_stderr,none": 0.1, "f1,strict": None}},
        "healed": {"own": {"acc,none": 0.5, "acc_stderr,none": None, "f1,strict": 0.75}},
    }
}


def test_scores_are_a_line_for_each_metric():
    lines = harness_scores(SCORED)
    assert [(line["metric"], line["damaged"], line["healed"]) for line in lines] == [
        ("acc", 0.25, 0.5),
        ("f1 (strict)", None, 0.75),
    ]
    assert (lines[0]["damaged_error"], lines[0]["healed_error"]) == (0.1, None)
    assert harness_scores({}) == [] and harness_scores({"lm_eval": {"version": "1", "damaged": {}}}) == []


# The command that scores a kept model.


def exported(capsys, *argv):
    export_lm_eval(list(map(str, argv)))
    return shlex.split(capsys.readouterr().out.splitlines()[-1])


def test_command_names_the_kept_model_and_the_tasks(settings, capsys, tmp_path):
    folder = tmp_path / "with space"
    run_with(settings, save_model=True, output_dir=str(folder), num_train_epochs=1)
    words = exported(capsys, folder)
    assert words[:5] == ["lm_eval", "--model", "hf", "--model_args", f"pretrained={folder}"]
    assert dict(zip(words[5::2], words[6::2], strict=True)) == {
        "--tasks": "wikitext",
        "--batch_size": "64",
        "--device": "cpu",
    }
    assert "piqa,arc_easy" in exported(capsys, folder, "--tasks", "piqa,arc_easy")
    (folder / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"with space holds no model \(completed\); make the run again with --save"):
        exported(capsys, folder)


def test_what_is_no_decoder_is_refused(run_flags, capsys, tmp_path):
    with pytest.raises(UserError, match="holds no finished run"):
        exported(capsys, tmp_path)
    run_with(run_flags, save_model=True, num_train_epochs=1)
    with pytest.raises(UserError, match=r"no decoder's run \(BertForSequenceClassification, .* classification\)"):
        exported(capsys, run_flags["output_dir"])


# With the package.


@pytest.fixture
def package():
    return pytest.importorskip("lm_eval")


@pytest.mark.slow
def test_task_that_there_is_not_is_refused_before_the_run(package, settings, task_file, tmp_path):
    with pytest.raises(UserError, match="lm_eval has no task 'wikitexx'; did you mean 'wikitext'?"):
        run_with(settings, lm_eval="wikitexx")
    (tmp_path / "questions.jsonl").unlink()
    with pytest.raises(UserError, match=r"--lm_eval: task '.*own.yaml' cannot be loaded \("):
        run_with(settings, lm_eval=task_file)
    assert not pathlib.Path(settings["output_dir"]).exists()


@pytest.mark.slow
def test_scores_are_those_of_the_models_and_of_the_exported_command(package, settings, task_file, tmp_path, capsys):
    plain = run_with(settings, output_dir=str(tmp_path / "plain"))
    results = run_with(settings, lm_eval=task_file, save_model=True)
    assert results["metrics"] == plain["metrics"], "nothing else changes"
    folder = settings["output_dir"]
    assert read(folder)["lm_eval"] == results["lm_eval"]
    found = results["lm_eval"]
    assert found["version"] == package.__version__
    assert found["tasks"]["own"] == {
        "version": "3.0",
        "few_shot": 0,
        "examples": len(QUESTIONS),
        "greater_is_better": {"acc": True, "brier_score": False},
    }
    damaged, healed = (found[stage]["own"] for stage in ("damaged", "healed"))
    assert (healed["acc,none"], healed["brier_score,none"]) == pytest.approx(by_hand(folder), rel=1e-5)
    assert damaged["brier_score,none"] != pytest.approx(healed["brier_score,none"]) and damaged["acc_stderr,none"] > 0
    capsys.readouterr()
    command = exported(capsys, folder)
    command[:1] = [sys.executable, "-m", "lm_eval"]
    done = subprocess.run([*command, "--output_path", tmp_path / "said"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    (said,) = (tmp_path / "said").rglob("results_*.json")
    assert read(said.parent, said.name)["results"]["own"]["brier_score,none"] == healed["brier_score,none"]


def by_hand(folder):
    """Of a kept decoder how often the right choice is the likelier one, and the Brier score, from scratch."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model, tokenizer = (of.from_pretrained(folder) for of in (AutoModelForCausalLM, AutoTokenizer))
    right, far = [], []
    for row in QUESTIONS:
        scores = []
        for choice in row["choices"]:
            start, ids = (tokenizer(text)["input_ids"] for text in (row["question"], f"{row['question']} {choice}"))
            with torch.no_grad():
                likely = model.eval()(torch.tensor([ids])).logits[0].log_softmax(-1)
            scores.append(sum(likely[place - 1, ids[place]].item() for place in range(len(start), len(ids))))
        shares = np.exp(scores) / np.exp(scores).sum()
        right.append(np.argmax(scores) == row["answer"])
        far.append(((shares - np.eye(2)[row["answer"]]) ** 2).sum())
    return np.mean(right), np.mean(far)


def test_one_process_alone_scores(monkeypatch):
    from transformers import TrainingArguments

    monkeypatch.setattr(TrainingArguments, "world_size", 2)
    with pytest.raises(UserError, match="--lm_eval works in one process; .*healbert export-lm-eval"):
        make_arguments(task_type="causal_lm", lm_eval="wikitext", use_cpu=True)
