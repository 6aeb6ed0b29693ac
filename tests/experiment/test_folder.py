"""A finished run is reported from disk; what is not ours or of other settings is refused and kept."""

import json

import pytest
from helpers.runs import read, run_with, state_of

from healbert import UserError
from healbert.experiment.folder import _remove_run
from healbert.healing.checkpoints import prune


def test_same_run_is_reported_from_disk(run, settings):
    before = state_of(run)
    assert run_with(settings, output_dir=str(run)) == read(run)
    assert state_of(run) == before


@pytest.mark.parametrize("kept", [True, False])
def test_checkpoints_that_a_kill_left_go_with_the_next_report(run_copy, settings, kept):
    (run_copy / "checkpoint-12").mkdir()
    results = read(run_copy)
    results["config"]["save_model"] = kept
    (run_copy / "results.json").write_text(json.dumps(results))
    assert run_with(settings, output_dir=str(run_copy)) == results
    assert (run_copy / "checkpoint-12").exists() == kept


def test_what_only_has_the_name_of_a_checkpoint_is_kept(run_copy, settings, tmp_path):
    (run_copy / "checkpoint-12").mkdir()
    (run_copy / "checkpoint-12" / "thesis.md").write_text("mine")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "optimizer.pt").write_text("mine")
    (run_copy / "checkpoint-13").symlink_to(tmp_path / "elsewhere")
    (run_copy / "checkpoint-14").mkdir()
    (run_copy / "checkpoint-14" / "model.safetensors").write_text("cut short")
    assert run_with(settings, output_dir=str(run_copy))["status"] == "completed"
    assert (run_copy / "checkpoint-12" / "thesis.md").exists() and (tmp_path / "elsewhere" / "optimizer.pt").exists()
    assert not (run_copy / "checkpoint-14").exists()


def test_checkpoint_of_the_run_that_is_replaced_is_not_lost(run_copy, settings):
    (run_copy / "checkpoint-12").mkdir()
    (run_copy / "checkpoint-12" / "trainer_state.json").write_text("{}")
    before = state_of(run_copy)
    named = {"resume_from_checkpoint": str(run_copy / "checkpoint-12"), "overwrite_output_dir": True}
    with pytest.raises(UserError, match="lies in .* whose run --overwrite_output_dir removes; choose another"):
        run_with(settings, output_dir=str(run_copy), **named)
    assert state_of(run_copy) == before


def test_a_kill_while_a_run_is_replaced_leaves_one_that_can_be_made_again(run_copy, settings, monkeypatch):
    def killed(folder):
        raise KeyboardInterrupt

    monkeypatch.setattr("healbert.experiment.folder.remove_checkpoints", killed)
    with pytest.raises(KeyboardInterrupt):
        _remove_run(run_copy)
    left = {path.name for path in run_copy.iterdir()}
    assert "settings.json" in left and not left & {"results.json", "predictions.parquet", "model.safetensors"}
    monkeypatch.undo()
    (run_copy / "checkpoint-12").mkdir()  # not yet removed
    done = run_with(settings, output_dir=str(run_copy), overwrite_output_dir=True)
    assert done["status"] == "completed"


@pytest.mark.parametrize("more", [{"save_total_limit": 3}, {"report_to": "none"}, {"preprocessing_num_workers": 1}])
def test_settings_without_effect_on_results_do_not_matter(run, settings, more):
    assert run_with(settings, output_dir=str(run), **more) == read(run)


@pytest.mark.parametrize(
    "more, named",
    [
        ({"corrupt_level": 0.25}, ["corrupt_level (0.5 there, 0.25 now)"]),
        ({"learning_rate": 5e-5, "seed": 3}, ["learning_rate (0.001 there, 5e-05 now)", "seed (42 there, 3 now)"]),
        ({"selection": "dev"}, ["selection (best_eval there, dev now)"]),
        ({"max_train_samples": 10}, ["max_train_samples"]),
    ],
)
@pytest.mark.parametrize("finished", [True, False], ids=["finished", "interrupted"])
def test_run_of_other_settings_is_refused(run_copy, settings, more, named, finished):
    if not finished:
        (run_copy / "results.json").unlink()
    before = state_of(run_copy)
    with pytest.raises(UserError) as caught:
        run_with(settings, output_dir=str(run_copy), **more)
    for part in (*named, "--overwrite_output_dir", str(run_copy)):
        assert part in str(caught.value)
    assert state_of(run_copy) == before


@pytest.mark.parametrize("name, content", [("thesis.tex", "dear"), ("results.json", "{}"), ("settings.json", "[]")])
def test_folder_of_other_files_is_refused(settings, tmp_path, name, content):
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match="another --output_dir"):
        run_with(settings, output_dir=str(tmp_path))
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [(name, content)]


@pytest.mark.parametrize("below", ["", "/run", "x" * 300])
def test_file_in_place_of_the_folder_is_refused(settings, tmp_path, below):
    (tmp_path / "file").write_text("dear")
    with pytest.raises(UserError, match="--output_dir"):
        run_with(settings, output_dir=f"{tmp_path}/file{below}")
    assert (tmp_path / "file").read_text() == "dear"


def test_overwriting_replaces_the_run_and_nothing_else(run_copy, settings):
    (run_copy / "notes.txt").write_text("mine")
    results = run_with(settings, output_dir=str(run_copy), num_train_epochs=1, overwrite_output_dir=True)
    assert len(results["metrics"]["per_epoch"]) == 1
    assert read(run_copy)["config"]["num_train_epochs"] == 1
    assert (run_copy / "notes.txt").read_text() == "mine"
    again = run_with(settings, output_dir=str(run_copy), num_train_epochs=1)
    assert again == read(run_copy)


def leave(folder, names):
    """Puts somebody's files into a folder; returns what is there."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("dear")
    return state_of(folder)


EDITORS = '{"editor.fontSize": 12, "config": {}, "identity": {}}'


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize(
    "names, settings_file",
    [
        (["checkpoint-500/model.safetensors"], None),
        (["log.txt", "results.json", "tensorboard/events"], None),
        (["model.safetensors", "config.json", "checkpoint-500/optimizer.pt"], EDITORS),
        (["log.txt", "model-00001-of-00002.safetensors"], '{"healbert": true}'),
    ],
)
def test_files_of_something_else_are_named_and_kept(settings, tmp_path, names, settings_file, overwrite):
    if settings_file:
        (tmp_path / "settings.json").write_text(settings_file)
    before = leave(tmp_path, names)
    with pytest.raises(UserError, match="not of a HealBERT run") as caught:
        run_with(settings, output_dir=str(tmp_path), overwrite_output_dir=overwrite)
    assert all(name.partition("/")[0] in str(caught.value) for name in names)
    assert "--overwrite_output_dir" not in str(caught.value)
    assert state_of(tmp_path) == before


ALIKE = ["vocab_of_my_thesis.docx", "tokenizer_notes.md", "model_old.safetensors", "checkpoint-best-backup/x"]


def test_files_that_only_look_like_those_of_a_run_are_kept(settings, tmp_path):
    run_with(settings, output_dir=str(tmp_path), num_train_epochs=1)
    leave(tmp_path, [*ALIKE, "checkpoint-7-backup/x"])
    run_with(settings, output_dir=str(tmp_path), num_train_epochs=1)  # a finished run removes what checkpoints are left
    run_with(settings, output_dir=str(tmp_path), num_train_epochs=1, corrupt_level=1, overwrite_output_dir=True)
    assert all((tmp_path / name).read_text() == "dear" for name in ALIKE)


def test_overwriting_leaves_no_model_of_the_earlier_run(settings, tmp_path):
    more = {"output_dir": str(tmp_path / "run"), "num_train_epochs": 1}
    run_with(settings, save_model=True, **more)
    run_with(settings, corrupt_level=1, overwrite_output_dir=True, **more)
    assert not (tmp_path / "run" / "model.safetensors").exists()


def test_pruning_leaves_what_only_has_the_name_of_a_checkpoint(tmp_path):
    for name, file in {
        "checkpoint-1": "optimizer.pt",
        "checkpoint-2": "optimizer.pt",
        "checkpoint-3": "thesis",
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / file).touch()
    prune(tmp_path, 1, [])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-2", "checkpoint-3"]
