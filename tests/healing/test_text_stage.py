"""Training on text before the task: what is masked, which head, what is left behind, and that it is taken up again."""

import json
import pathlib
import shutil

import numpy as np
import pytest
import torch
from helpers.runs import logits, read, run_with
from helpers.small import save_bare_gpt2
from safetensors.torch import load_file
from transformers import AutoModelForMaskedLM, AutoModelForSequenceClassification, AutoTokenizer, BertForMaskedLM

from healbert import UserError, make_arguments
from healbert.healing import text_stage
from healbert.healing.language_model import IGNORED, mask_tokens, with_language_head
from healbert.healing.trainer import Diverged
from healbert.models.loading import load_model
from healbert.results.schema import TEXT_STAGE


@pytest.fixture
def settings(run_flags, text_file):
    more = {"save_model": True, "disable_tqdm": True, "healing": "continued_pretraining", "heal_text": text_file}
    return run_flags | more | {"healing_options": "text_epochs=3", "num_train_epochs": 1}


def masked(ids, tokenizer, share=0.15, seed=0):
    return mask_tokens(ids, tokenizer, share, torch.Generator().manual_seed(seed))


def test_tokens_are_hidden_as_bert_hides_them(tiny_bert):
    tokenizer = AutoTokenizer.from_pretrained(tiny_bert)
    ids = torch.from_numpy(np.random.default_rng(0).integers(0, len(tokenizer), size=(400, 50)))
    found, labels = masked(ids, tokenizer)
    special = torch.isin(ids, torch.tensor([0, 2, 3, 4]))  # padding, [CLS], [SEP], [MASK]
    chosen = labels != IGNORED
    assert not chosen[special].any() and (labels[chosen] == ids[chosen]).all()
    assert (found[~chosen] == ids[~chosen]).all()
    assert chosen[~special].float().mean().item() == pytest.approx(0.15, abs=0.01)
    hidden = (found[chosen] == tokenizer.mask_token_id).float().mean().item()
    kept = (found[chosen] == ids[chosen]).float().mean().item()
    assert hidden == pytest.approx(0.8, abs=0.02) and kept == pytest.approx(0.1, abs=0.02)


def test_draw_is_seeded_and_hides_one_token_at_least(tiny_bert):
    tokenizer, ids = AutoTokenizer.from_pretrained(tiny_bert), torch.tensor([[2, 40, 41, 3], [2, 42, 3, 0]])
    assert all(torch.equal(a, b) for a, b in zip(masked(ids, tokenizer), masked(ids, tokenizer), strict=True))
    for seed in range(20):
        _, labels = masked(ids, tokenizer, 0.01, seed)
        assert (labels != IGNORED).sum() >= 1 and labels[0, 0] == labels[1, 3] == IGNORED
    nothing = torch.tensor([[2, 3, 0, 0]])
    found, labels = masked(nothing, tokenizer)
    assert torch.equal(found, nothing) and (labels == IGNORED).all(), "there is nothing to hide"


def damaged(folder):
    arguments = make_arguments(model_name_or_path=str(folder))
    model = load_model(arguments.model, ["a", "b"], 0)
    with torch.no_grad():
        for parameter in model.bert.parameters():
            parameter += 0.01
    return model, arguments.sources.model


def test_head_is_the_checkpoints_or_new_and_tied_to_the_embeddings(tiny_bert, tmp_path):
    plain = BertForMaskedLM.from_pretrained(tiny_bert)
    with torch.no_grad():
        plain.cls.predictions.transform.dense.weight.fill_(0.5)
    plain.save_pretrained(tmp_path / "masked")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(pathlib.Path(tiny_bert) / name, tmp_path / "masked")
    for folder, known in ((tmp_path / "masked", True), (tiny_bert, False)):
        model, source = damaged(folder)
        language, found = with_language_head(model, "masked", source, 0)
        assert found is known and type(language) is type(AutoModelForMaskedLM.from_config(language.config))
        assert language.bert is model.bert
        assert language.cls.predictions.decoder.weight is model.bert.embeddings.word_embeddings.weight
        assert bool((language.cls.predictions.transform.dense.weight == 0.5).all()) is known
        again, _ = with_language_head(*[damaged(folder)[0], "masked", source, 0])
        for name, value in language.cls.state_dict().items():
            assert torch.equal(value, again.cls.state_dict()[name]), name


def test_no_head_is_left_and_the_model_predicts_what_it_predicted(settings, tmp_path):
    results = run_with(settings)
    told, folder = results["healing"]["text"], tmp_path / "run"
    assert told["objective"] == "masked" and told["head"] == "new" and told["examples"] == 40
    assert told["epochs"] == 3 and told["steps"] == 15 and told["loss_last"] < told["loss_first"]
    assert not (folder / TEXT_STAGE).exists()
    assert {n for n in load_file(folder / "model.safetensors") if not n.startswith("bert.")} == {
        "classifier.weight",
        "classifier.bias",
    }
    moved = shutil.move(folder, tmp_path / "elsewhere")
    model, tokenizer = AutoModelForSequenceClassification.from_pretrained(moved), AutoTokenizer.from_pretrained(moved)
    lines = pathlib.Path(settings["validation_file"]).read_text().splitlines()[1:]
    texts = [line.rpartition(",")[0] for line in lines]
    with torch.no_grad():
        found = np.concatenate([model.eval()(**tokenizer([text], return_tensors="pt")).logits for text in texts])
    assert np.allclose(found, logits(moved), atol=1e-4)


def test_texts_of_words_that_the_model_has_no_rows_for(settings, tiny_bert, tmp_path):
    model, words = shutil.copytree(tiny_bert, tmp_path / "model"), tmp_path / "words.txt"
    tokenizer = AutoTokenizer.from_pretrained(model)
    rows = json.loads((model / "config.json").read_text())["vocab_size"]
    unheard = [f"unheard{number}" for number in range(rows + 1 - len(tokenizer))]  # in no text of the task
    tokenizer.add_tokens(unheard)
    tokenizer.save_pretrained(model)
    results = run_with(settings, model_name_or_path=str(model))
    assert results["model"]["resized_embeddings"] == {"from": rows, "to": rows + 1}, "tokens are replaced by any"
    words.write_text("a film of unheard0\n" * 8)
    taught = {"healing": "distill", "healing_options": None, "heal_text": str(words), "output_dir": str(tmp_path / "b")}
    with pytest.raises(UserError, match=f"has no embedding of token id {rows}; name another: --teacher"):
        run_with(settings, model_name_or_path=str(model), **taught)


def test_a_decoder_is_trained_to_predict_the_next_token(settings, tmp_path):
    text = tmp_path / "decoder.txt"
    text.write_text("go good go\na\ngo a go\ngood good go a\n" * 5)  # "a" is one token, after which nothing follows
    more = {"model_name_or_path": save_bare_gpt2(tmp_path / "gpt2"), "heal_text": str(text)}
    told = run_with(settings, **more)["healing"]["text"]
    assert told["objective"] == "causal" and told["examples"] == 15 and told["loss_last"] < told["loss_first"]


CASES = {"masked": ("continued_pretraining", "text_epochs=3"), "hidden": ("distill", "of=hidden,text_epochs=3")}


@pytest.mark.slow
@pytest.mark.parametrize("healing, options", CASES.values(), ids=CASES.keys())
def test_stage_that_was_interrupted_goes_on_from_its_last_epoch(settings, tmp_path, monkeypatch, healing, options):
    settings |= {"healing": healing, "healing_options": options}
    whole = run_with(settings)

    class Killed(Exception):
        pass

    steps = []

    def loss_until(trainer, *args, real=text_stage.TextTrainer.compute_loss, **kwargs):
        steps.append(trainer.state.global_step)
        if trainer.state.global_step == 8:  # in the second epoch of five steps each
            raise Killed
        return real(trainer, *args, **kwargs)

    monkeypatch.setattr(text_stage.TextTrainer, "compute_loss", loss_until)
    again = settings | {"output_dir": str(tmp_path / "again")}
    with pytest.raises(Killed):
        run_with(again)
    assert [path.name for path in (tmp_path / "again" / TEXT_STAGE).iterdir()] == ["checkpoint-5"]
    monkeypatch.undo()
    results = run_with(again)
    assert results["metrics"] == whole["metrics"]
    times = {"seconds": 0}
    assert results["healing"]["text"] | times == whole["healing"]["text"] | times
    assert (logits(again["output_dir"]) == logits(settings["output_dir"])).all()
    assert not (tmp_path / "again" / TEXT_STAGE).exists() and steps[-1] == 8


def test_run_that_was_killed_in_the_task_keeps_what_the_texts_gave(settings, tmp_path, monkeypatch):
    settings |= {"num_train_epochs": 2}
    whole = run_with(settings)

    class Killed(Exception):
        pass

    from healbert.healing.strategies.continued import ContinuedPretraining

    def on_epoch(self, trainer, epoch):
        if epoch == 1:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(ContinuedPretraining, "on_epoch", on_epoch)
        with pytest.raises(Killed):
            run_with(settings, output_dir=str(tmp_path / "again"))
    results = run_with(settings, output_dir=str(tmp_path / "again"))
    assert results["resumed_from"] == "checkpoint-12" and results["metrics"] == whole["metrics"]
    assert results["healing"]["text"]["loss_last"] == whole["healing"]["text"]["loss_last"]


def test_loss_that_becomes_infinite_on_the_texts_is_a_result(settings, monkeypatch):
    def diverge(*_, **__):
        raise Diverged

    monkeypatch.setattr(text_stage.TextTrainer, "compute_loss", diverge)
    results = run_with(settings)
    assert results["status"] == "diverged" and results["metrics"]["healed"] is None


def test_somebody_elses_files_where_the_stage_was_stay(settings, tmp_path):
    place = tmp_path / "run" / TEXT_STAGE
    run_with(settings)
    place.mkdir()
    (place / "notes.md").write_text("mine")
    run_with(settings, overwrite_output_dir=True)
    assert [path.name for path in place.iterdir()] == ["notes.md"]
    shutil.rmtree(place)
    place.write_text("mine")
    with pytest.raises(UserError, match="text_stage is a file"):
        run_with(settings, overwrite_output_dir=True)
    assert json.loads((tmp_path / "run" / "results.json").read_text())["status"] == "completed"


def test_rate_of_the_stage_is_its_own(settings):
    run_with(settings, healing_options="text_learning_rate=0,text_epochs=1")
    slow = read(settings["output_dir"])["metrics"]
    run_with(settings, healing_options="text_learning_rate=0.05,text_epochs=1", overwrite_output_dir=True)
    assert read(settings["output_dir"])["metrics"] != slow
