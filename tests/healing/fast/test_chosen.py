"""Which fast paths a run uses, and what it says of the others."""

import pytest
import torch
from helpers.fast import scene

from healbert.healing.fast import FAST_PATHS, fast_path_names
from healbert.healing.fast.chosen import PATHS, FastPaths
from healbert.healing.strategies import make_strategy
from healbert.utils.errors import UserError

SAME = {
    "all": "all",
    "none": "none",
    "vocabulary, packed,dropout,clipping": "all",
    "packed": "packed",
    " packed ,dropout": "dropout,packed",
}


@pytest.mark.parametrize("given, name", SAME.items())
def test_one_choice_has_one_name(given, name):
    assert fast_path_names(given) == name


@pytest.mark.parametrize("given", ["none,packed", "all,packed", "packed,packed"])
def test_a_choice_that_means_nothing_is_refused(given):
    with pytest.raises(UserError, match="--fast_paths .*: give all, none, or each of"):
        fast_path_names(given)


@pytest.mark.parametrize("given", ["paked", "", "packed,"])
def test_what_is_not_known_is_refused(given):
    with pytest.raises(UserError, match="fast path '.*' is not known.* clipping, dropout, packed, vocabulary"):
        fast_path_names(given)


def test_each_name_has_its_path():
    assert sorted(PATHS) == list(FAST_PATHS)


def test_those_that_are_asked_for_are_used_in_their_time(tiny_bert, tmp_path):
    given = scene(tiny_bert, tmp_path)
    rows = len(given.model.get_input_embeddings().weight)
    fast = FastPaths("all", given)
    assert fast.describe() == {"used": list(FAST_PATHS), "not_used": {}}
    assert len(given.model.get_input_embeddings().weight) == rows
    fast.begin_training()
    assert len(given.model.get_input_embeddings().weight) < rows
    fast.end_training()
    assert len(given.model.get_input_embeddings().weight) == rows
    assert given.trainer.clip is not None
    fast.end()
    assert given.trainer.clip is None
    assert given.model.config._attn_implementation == "sdpa"
    assert not given.model.bert.encoder._forward_hooks


def test_a_training_that_never_began_can_end(tiny_bert, tmp_path):
    given = scene(tiny_bert, tmp_path)
    before = given.model.get_input_embeddings().weight.clone()
    fast = FastPaths("vocabulary", given)
    fast.end_training()
    fast.end()
    assert torch.equal(given.model.get_input_embeddings().weight, before)


def test_what_is_not_used_has_its_reason(tiny_bert, tmp_path):
    fast = FastPaths("dropout,vocabulary", scene(tiny_bert, tmp_path, weight_decay=0.1))
    assert fast.describe() == {
        "used": ["dropout"],
        "not_used": {"vocabulary": "weight decay changes rows that do not occur"},
    }
    assert FastPaths("none", scene(tiny_bert, tmp_path)).describe() == {"used": [], "not_used": {}}


def test_a_linear_probe_uses_none(tiny_bert, tmp_path):
    fast = FastPaths("all", scene(tiny_bert, tmp_path, strategy=make_strategy("linear_probe")))
    assert fast.describe()["not_used"] == dict.fromkeys(FAST_PATHS, "features are fixed")
