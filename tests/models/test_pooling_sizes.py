"""Mean pooling on encoders whose output has another size than they say, whose pooler is called, or of several parts."""

import pytest
import torch
from helpers.classifiers import LABELS, batch_of
from helpers.small_models import small_model
from torch import nn
from transformers import AutoModelForSequenceClassification

from healbert import UserError
from healbert.models.pooling import MeanPoolingForSequenceClassification

TEXTS = [[5, 9, 33, 7, 90, 11, 8, 12], [64, 11, 7, 12]]
ENCODERS = {
    "opt": {"word_embed_proj_dim": 16},  # OPT-350m: the last hidden states are smaller than hidden_size
    "reformer": {},  # and here twice as large
    "layoutlm": {},
    "squeezebert": {},
    "albert": {},
    "canine": {},
    "modernvbert": {},
    "gemma3": {},
}


def pooled(name):
    encoder = small_model(name, head=False, **ENCODERS[name])
    torch.manual_seed(1)
    return MeanPoolingForSequenceClassification.around(encoder, **LABELS).eval()


@pytest.mark.parametrize("name", ENCODERS)
def test_the_head_fits_what_the_encoder_gives(name):
    model = pooled(name)
    with torch.no_grad():
        hidden = model.encoder(torch.tensor(TEXTS[:1])).last_hidden_state[0]  # (tokens, hidden)
        expected = hidden.mean(0) @ model.classifier.weight.T + model.classifier.bias
        found = model(**batch_of(TEXTS[:1], 0)).logits[0]
    assert torch.allclose(found, expected, atol=1e-5)
    assert not any("pooler" in parameter for parameter, _ in model.named_parameters())


@pytest.mark.parametrize("name", ENCODERS)
def test_what_was_saved_gives_the_same_logits(name, tmp_path):
    model = pooled(name)
    model.save_pretrained(tmp_path)
    again = AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
    with torch.no_grad():
        assert torch.equal(again(**batch_of(TEXTS, 0)).logits, model(**batch_of(TEXTS, 0)).logits)


def test_the_size_is_in_the_configuration_only_where_it_is_another():
    assert [pooled(name).config.encoder_size for name in ("opt", "reformer", "layoutlm")] == [16, 64, None]


def test_measuring_draws_nothing():
    encoder = small_model("reformer", head=False)
    torch.manual_seed(1)
    model = MeanPoolingForSequenceClassification.around(encoder, **LABELS)
    torch.manual_seed(1)
    expected = nn.init.normal_(torch.empty_like(nn.Linear(64, 3).weight), std=encoder.config.initializer_range)
    assert torch.equal(model.classifier.weight, expected)


@pytest.mark.parametrize("name", ["t5", "bart", "perceiver", "funnel"])
def test_encoders_without_a_state_for_each_token_are_refused(name):
    with pytest.raises(UserError, match="--pooling mean cannot use"):
        MeanPoolingForSequenceClassification.around(small_model(name, head=False), **LABELS)
