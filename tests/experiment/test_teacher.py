"""Where a teacher comes from: found beside the run, made once however many want it, checked, and named."""

import json
import os
import pathlib
import shutil
import signal

import pytest
import torch
from helpers.runs import read, run_with, state_of
from helpers.small import make_rows, save_tiny_bert, write_csv
from helpers.sweeps import wait_for
from helpers.teachers import start_run, teacher_of
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer

from healbert import UserError, make_arguments, run_experiment
from healbert.arguments.teacher import teacher_arguments
from healbert.cli.ls import ls
from healbert.results.listing import list_runs
from healbert.results.read import load_results
from healbert.results.schema import TEACHERS


@pytest.fixture
def settings(run_flags):
    return run_flags | {"healing": "distill", "num_train_epochs": 1, "disable_tqdm": True}


def test_teacher_is_the_intact_run_of_the_same_settings(settings):
    arguments = make_arguments(**settings, save_total_limit=3, push_to_hub=True)
    intact = make_arguments(**settings | {"healing": "full", "corrupt_level": 0.0, "save_model": True})
    assert teacher_arguments(arguments).name() == intact.name()
    assert teacher_arguments(arguments).identity() == intact.identity()
    assert not teacher_arguments(arguments).training.push_to_hub and arguments.training.push_to_hub
    assert teacher_arguments(intact) is None


def test_teacher_is_made_once_and_is_not_counted_as_a_run(settings, tmp_path, capsys):
    first = run_with(settings)
    folder = teacher_of(settings)
    assert first["healing"]["teacher"]["scores"] == read(folder)["metrics"]["healed"]
    assert (folder / "model.safetensors").exists() and not list(folder.glob("checkpoint-*"))
    before = state_of(folder)
    second = run_with(settings | {"output_dir": str(tmp_path / "second"), "corrupt_level": 0.25})
    assert state_of(folder) == before and second["healing"]["teacher"] == first["healing"]["teacher"]
    assert len(load_results(tmp_path)) == 2
    assert [row["run"] for row in list_runs(tmp_path)] == [f"{TEACHERS}/{folder.name}", "run", "second"]
    assert len(load_results(folder)) == 1, "asked for by name"
    capsys.readouterr()
    ls([str(tmp_path)])
    assert ".teachers: 1 intact, for others to learn from" in capsys.readouterr().out


def test_intact_run_beside_that_kept_its_model_teaches(settings, tmp_path):
    intact = settings | {"healing": "full", "corrupt_level": 0.0, "save_model": True}
    name = make_arguments(**intact).name()
    run_with(intact | {"output_dir": str(tmp_path / name)})
    before = state_of(tmp_path / name)
    assert run_with(settings)["healing"]["teacher"]["name"] == name
    assert not (tmp_path / TEACHERS).exists() and state_of(tmp_path / name) == before


def test_intact_run_without_its_model_stays_as_it_is(settings, tmp_path):
    intact = settings | {"healing": "full", "corrupt_level": 0.0}
    folder = tmp_path / make_arguments(**intact).name()
    run_with(intact | {"output_dir": str(folder)})
    before = state_of(folder)
    run_with(settings)
    assert state_of(folder) == before and teacher_of(settings).is_dir()
    assert read(teacher_of(settings))["metrics"] == read(folder)["metrics"]


def test_teacher_that_diverged_teaches_nobody(settings):
    settings |= {"learning_rate": 1e30, "max_grad_norm": 0.0}
    with pytest.raises(UserError, match=r"the teacher in .*\.teachers/.* diverged, so that nothing can be learnt"):
        run_with(settings)
    assert read(teacher_of(settings))["status"] == "diverged"


def test_teacher_whose_place_is_taken_is_refused_and_left_alone(settings):
    folder = teacher_of(settings)
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_text("mine")
    with pytest.raises(UserError, match=r"the teacher in .* cannot be fine-tuned: .* not of a HealBERT run"):
        run_with(settings)
    assert (folder / "model.safetensors").read_text() == "mine"
    shutil.rmtree(folder.parent)
    folder.parent.write_text("mine")
    with pytest.raises(UserError, match=r"\.teachers, where teachers are kept, cannot be written"):
        run_with(settings)


@pytest.mark.slow
def test_two_processes_make_one_teacher_and_a_killed_one_is_taken_up(settings, tmp_path):
    settings |= {"num_train_epochs": 12}
    others = [settings | {"output_dir": str(tmp_path / name)} for name in ("one", "two")]
    folder = teacher_of(settings)
    first = start_run(others[0])
    wait_for(lambda: list(folder.glob("checkpoint-*/healbert_manifest.json")))
    second = start_run(others[1] | {"corrupt_level": 0.25})
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    output, _ = second.communicate(timeout=300)
    assert second.returncode == 0, output
    assert read(folder)["resumed_from"].startswith("checkpoint-")
    first = start_run(others[0])
    assert first.wait(timeout=300) == 0
    assert not list(folder.parent.glob("*.lock"))
    clean = settings | {"output_dir": str(tmp_path / "elsewhere" / "one")}
    run_with(clean)
    assert read(clean["output_dir"])["metrics"] == read(tmp_path / "one")["metrics"]


@pytest.mark.slow
def test_who_comes_second_waits_and_says_so(settings):
    import filelock

    folder = teacher_of(settings)
    folder.parent.mkdir()
    with filelock.FileLock(folder.with_name(f"{folder.name}.lock")):  # as another process that fine-tunes it
        second = start_run(settings)
        said = next(line for line in second.stdout if "teacher" in line)
        assert said == f"waiting for the teacher in {folder}, which another process is fine-tuning\n"
        assert not folder.exists() and second.poll() is None
    output, _ = second.communicate(timeout=300)
    assert second.returncode == 0 and read(folder)["status"] == "completed", output


# A teacher that is named.


@pytest.fixture
def classifier(run_flags, tmp_path):
    folder = tmp_path / "classifier"
    run_with(run_flags | {"corrupt_level": 0.0, "save_model": True, "output_dir": str(folder), "num_train_epochs": 1})
    return folder


def test_named_teacher_teaches_and_its_content_is_part_of_the_run(settings, classifier, tmp_path):
    settings |= {"teacher": str(classifier)}
    told = run_with(settings)["healing"]["teacher"]
    assert (told["kind"], told["name"], told["scores"]) == ("given", str(classifier), None)
    assert not (tmp_path / TEACHERS).exists()
    name = make_arguments(**settings).name()
    moved = shutil.copytree(classifier, tmp_path / "copies" / "classifier")
    assert make_arguments(**settings | {"teacher": str(moved)}).name() == name
    weights = load_file(moved / "model.safetensors")
    save_file({**weights, "classifier.bias": weights["classifier.bias"] + 1}, moved / "model.safetensors")
    assert make_arguments(**settings | {"teacher": str(moved)}).name() != name
    with pytest.raises(UserError, match="holds a run of other settings: .*content of the teacher"):
        run_with(settings | {"teacher": str(moved)})


def other_labels(classifier, settings):
    config = json.loads((classifier / "config.json").read_text())
    config["id2label"], config["label2id"] = {"0": "good", "1": "bad"}, {"good": 0, "bad": 1}
    (classifier / "config.json").write_text(json.dumps(config))


def other_tokenizer(classifier, settings):
    tokenizer = AutoTokenizer.from_pretrained(classifier)
    tokenizer.add_tokens(["zebra"])
    tokenizer.save_pretrained(classifier)


def other_case(classifier, settings):
    path = classifier / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"do_lower_case": False}))


def no_head(classifier, settings):
    weights = load_file(classifier / "model.safetensors")
    kept = {name: value for name, value in weights.items() if not name.startswith("classifier.")}
    save_file(kept, classifier / "model.safetensors", metadata={"format": "pt"})


def not_finite(classifier, settings):
    weights = load_file(classifier / "model.safetensors")
    weights["classifier.bias"] = weights["classifier.bias"] * float("nan")
    save_file(weights, classifier / "model.safetensors", metadata={"format": "pt"})


def few_positions(classifier, settings):
    name, path = "bert.embeddings.position_embeddings.weight", classifier / "config.json"
    weights = load_file(classifier / "model.safetensors")
    save_file(weights | {name: weights[name][:8].clone()}, classifier / "model.safetensors", metadata={"format": "pt"})
    path.write_text(json.dumps(json.loads(path.read_text()) | {"max_position_embeddings": 8}))


def no_folder(classifier, settings):
    shutil.rmtree(classifier)


def other_depth(classifier, settings):
    shallow = save_tiny_bert(classifier.parent / "shallow", num_hidden_layers=2)
    more = {"healing": "full", "corrupt_level": 0.0, "save_model": True, "overwrite_output_dir": True}
    run_experiment(make_arguments(**settings | more | {"model_name_or_path": shallow, "output_dir": str(classifier)}))
    settings["healing_options"] = "of=hidden"


REFUSED = {
    other_labels: "has other labels than the task: good, bad there, bad, good here, in this order",
    other_tokenizer: "has another tokenizer than the model: 88 entries there, 87 here, of which 'zebra' is 87 there",
    other_case: "it cuts 'The Café .* otherwise, though it has the same vocabulary",
    no_head: "is no saved classifier: it lacks 2 weights",
    not_finite: "the teacher's logits are not finite",
    few_positions: "texts of 17 tokens are too long for --teacher .*classifier; use --max_seq_length 8 or less",
    no_folder: "model folder .* does not exist",
    other_depth: "the teacher has 2 layers and the model 4 before its damage",
}


@pytest.mark.parametrize("spoil, message", REFUSED.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_teacher_that_does_not_fit_is_refused_with_what_differs(settings, classifier, spoil, message):
    spoil(classifier, settings)
    with pytest.raises(UserError, match=message):
        run_with(settings, teacher=str(classifier))
    assert not (pathlib.Path(settings["output_dir"]) / "results.json").exists()


WITHOUT_USE = {
    "--teacher goes with --healing distill, not with full": {"healing": "full"},
    "--teacher names the teacher, and so does teacher=pretrained": {"healing_options": "of=hidden,teacher=pretrained"},
}


@pytest.mark.parametrize("message, more", WITHOUT_USE.items())
def test_teacher_without_use_is_refused(settings, message, more):
    with pytest.raises(UserError, match=message):
        make_arguments(**settings | {"teacher": "anything"} | more)


def test_data_of_another_task_in_a_sweep_is_found_before_it_runs(settings, classifier, tmp_path):
    from healbert.sweep.check import check_runs
    from healbert.sweep.plan import make_plan
    from healbert.sweep.sweep_file import Sweep

    words = {name: ["word"] for name in ("x", "y", "z")}
    files = {f"{split}_file": write_csv(tmp_path / f"{split}.csv", make_rows(30, words=words)) for split in ("train",)}
    base = {k: v for k, v in settings.items() if k not in ("output_dir", "validation_file")} | files
    plan = make_plan(Sweep(base=base | {"validation_fraction": 0.3, "teacher": str(classifier)}), tmp_path / "sweep")
    with pytest.raises(UserError, match="1 of 1 run cannot run .*has other labels than the task"):
        check_runs(plan.runs)


def test_model_that_learnt_loads_alone_and_predicts_the_same(settings, tmp_path):
    from helpers.runs import logits
    from transformers import AutoModelForSequenceClassification

    run_with(settings, save_model=True)
    folder = shutil.move(tmp_path / "run", tmp_path / "moved")
    shutil.rmtree(tmp_path / TEACHERS)
    model, tokenizer = AutoModelForSequenceClassification.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    lines = pathlib.Path(settings["validation_file"]).read_text().splitlines()[1:]
    texts = [line.rpartition(",")[0] for line in lines]
    with torch.no_grad():
        found = [model.eval()(**tokenizer([text], return_tensors="pt")).logits.numpy()[0] for text in texts]
    assert abs(logits(folder) - found).max() < 1e-4
