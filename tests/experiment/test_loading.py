"""What a run loads: a head that does not fit is said to be new."""

import pytest
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from healbert import make_arguments
from healbert.experiment.loading import LoadCache, load

SENTENCE = "does not fit this task's outputs; a new one is drawn"


@pytest.mark.parametrize("classes", [2, 3])
def test_a_head_of_other_classes_is_warned_of(tiny_bert, csv_files, tmp_path, recwarn, classes):
    AutoModelForSequenceClassification.from_pretrained(tiny_bert, num_labels=classes).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(tiny_bert).save_pretrained(tmp_path)
    load(make_arguments(model_name_or_path=str(tmp_path), **csv_files, use_cpu=True), LoadCache(0))
    assert any(SENTENCE in str(warning.message) for warning in recwarn) == (classes == 3)


@pytest.mark.parametrize("flags", [{"task_type": "masked_lm"}, {"also_evaluate": "masked_lm"}, {}])
def test_tokens_that_hide_others_have_rows(tiny_bert, csv_files, tmp_path, flags):
    rows = AutoModelForSequenceClassification.from_pretrained(tiny_bert).config.vocab_size
    tokenizer = AutoTokenizer.from_pretrained(tiny_bert)
    tokenizer.add_tokens([f"unheard{number}" for number in range(rows + 1 - len(tokenizer))])
    tokenizer.save_pretrained(tmp_path)
    names = {"model_name_or_path": tiny_bert, "tokenizer_name": str(tmp_path)}
    model = load(make_arguments(**names, **csv_files, **flags, use_cpu=True), LoadCache(0))[2]
    assert model.get_input_embeddings().num_embeddings == rows + bool(flags)


def test_a_model_without_a_head_is_none_of_that(tiny_bert, csv_files, recwarn):
    load(make_arguments(model_name_or_path=tiny_bert, **csv_files, use_cpu=True), LoadCache(0))
    assert not any(SENTENCE in str(warning.message) for warning in recwarn)
