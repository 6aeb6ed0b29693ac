"""Which tensors each strategy changes, bit by bit: in whole runs, and in one step on every architecture."""

import pytest
import torch
from helpers.classifiers import TEXTS, batch_of, classifier, every_architecture, every_head, pad_of
from helpers.healing import STILL, changed, changed_by_healing, parameters_of, trainable
from torch import nn

from healbert import CorruptionSpec, corrupt
from healbert.healing.places import head_names
from healbert.healing.strategies import STRATEGIES, make_strategy

HIT = ("bert.encoder.layer.0.", "bert.encoder.layer.1.")  # of the tiny BERT's four layers, at level 0.5


def is_hit(name):
    return name.startswith(HIT)


def is_head(name):
    return name.startswith("classifier.")


def is_norm(name):
    return "LayerNorm" in name


def is_bias(name):
    return name.endswith(".bias") and not is_head(name)


def is_map(name):
    """Weights of the linear maps in the layers."""
    return name.startswith("bert.encoder.layer.") and name.endswith(".weight") and not is_norm(name)


def every(name):
    return True


# --healing, its options -> which tensors of the saved model differ from the damaged one's, but the head's, which do.
CHANGES = {
    ("damaged_only", None): is_hit,
    ("intact_only", None): lambda name: not is_hit(name),
    ("norms_only", None): is_norm,
    ("bias_only", None): is_bias,
    ("lora", None): is_map,
    ("lora", "targets=query+output.dense"): lambda name: name.endswith(("query.weight", "output.dense.weight")),
    ("lora", "rank=3,keep=adapter"): lambda name: False,  # the base beside the adapter is as it was damaged
    ("dora", "rank=2"): is_map,
    ("layerwise_decay", None): every,
    ("damaged_rate", None): every,
    ("damaged_rate", "factor=0"): lambda name: not is_hit(name),
    ("gradual_unfreezing", "every=2"): every,
    ("two_phase", "share=0.5"): every,
    ("mixout", None): every,
    ("l2_to_start", None): every,
    ("longer", "max_epochs=2,patience=1"): every,
    ("lora,damaged_only", "lora.rank=4"): lambda name: is_map(name) and is_hit(name),
    ("lora,intact_only", "lora.rank=4"): lambda name: is_map(name) and not is_hit(name),
    ("norms_only,damaged_only", None): lambda name: is_norm(name) and is_hit(name),
    ("norms_only,bias_only", None): lambda name: is_norm(name) and is_bias(name),
    ("layerwise_decay,mixout", None): every,
    ("gradual_unfreezing,damaged_only", "gradual_unfreezing.every=2"): is_hit,
    ("mixout,damaged_only", "mixout.of=all"): is_hit,
    ("longer,linear_probe", "longer.max_epochs=2"): lambda name: False,
    ("distill", None): every,
    ("distill", "of=hidden,teacher=pretrained,weight=0.9"): every,
    ("damaged_only,distill", "distill.weight=0.9"): is_hit,
    ("distill,lora", "lora.rank=2"): is_map,
    ("continued_pretraining", "text_epochs=2"): every,
    ("continued_pretraining,damaged_only", None): is_hit,
    ("continued_pretraining,lora", None): is_map,
}


@pytest.fixture
def settings(run_flags):
    # At a low rate a step could be rounded away and look as if its tensor were frozen. The others are settings of
    # Trainer that reach into how parameters are grouped and stepped.
    more = {"save_model": True, "disable_tqdm": True, "num_train_epochs": 1, "learning_rate": 0.01}
    more |= {"weight_decay": 0.1, "warmup_steps": 2, "lr_scheduler_type": "cosine", "optim": "adamw_torch"}
    return run_flags | more | {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 2}


@pytest.mark.slow
@pytest.mark.parametrize("healing, options", CHANGES, ids=lambda value: str(value))
def test_a_run_changes_what_its_strategy_trains_and_nothing_else(settings, text_file, healing, options):
    settings |= {"heal_text": text_file} if "continued_pretraining" in healing else {}
    found, names = changed_by_healing(settings | {"healing": healing, "healing_options": options})
    expected = {name for name in names if CHANGES[healing, options](name) or is_head(name)}
    assert found <= expected
    assert found >= {name for name in expected if not name.endswith(STILL)}


def test_every_strategy_is_tried_above():
    assert set(STRATEGIES) - {"full", "linear_probe"} <= {name for name, _ in CHANGES}


@pytest.mark.parametrize("healing", ["damaged_only", "lora,damaged_only"])
def test_of_a_model_without_damage_the_head_alone_trains(settings, healing):
    settings |= {"healing": healing, "corrupt_level": 0.0}
    assert changed_by_healing(settings)[0] == {"classifier.weight", "classifier.bias"}


def test_damage_of_single_tensors_is_what_trains(settings):
    settings |= {"healing": "damaged_only", "corrupt_level": 0.1, "corrupt_unit": "parameter"}
    found, names = changed_by_healing(settings)
    encoder = {name for name in found if not is_head(name)}
    below = {name for name in names if name.startswith("bert.encoder.layer.0.")}
    assert encoder and encoder < below, "a part of the first layer"


@pytest.mark.parametrize("healing, moves", [("damaged_only", set()), ("intact_only", {"0", "1"})])
def test_layers_that_were_taken_out_are_not_taken_for_those_that_have_their_numbers(healing, moves):
    model = classifier("bert", "cls")
    receipt = corrupt(model, CorruptionSpec(level=0.5, method="drop_layers"))
    make_strategy(healing).prepare(model, receipt)
    layers = {name.split(".")[3] for name in trainable(model) if name.startswith("bert.encoder.layer.")}
    assert layers == moves and head_names(model) <= trainable(model)


def test_tensors_of_which_a_part_was_hit_train():
    model = classifier("modernbert", "cls")  # its queries, keys and values are one tensor
    receipt = corrupt(model, CorruptionSpec(level=1, components="query"))
    make_strategy("damaged_only").prepare(model, receipt)
    encoder = trainable(model) - head_names(model)
    assert encoder and all(name.endswith("attn.Wqkv.weight") for name in encoder)


# One step on every architecture.


def one_step(model, healing, options=None):
    """The parameters, and those that a step of gradient descent changed; those that should, by their marks."""
    strategy = make_strategy(healing, options)
    level = 1 if model.base_model.config.model_type == "albert" else 0.5  # its layers share their parameters
    strategy.prepare(model, corrupt(model, CorruptionSpec(level=level)))
    before = parameters_of(model)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1.0)
    model(**batch_of(TEXTS[:1], pad_of(model)), labels=torch.tensor([0])).loss.backward()
    optimizer.step()
    return before, changed(before, parameters_of(model)), trainable(model)


@every_head
@every_architecture
@pytest.mark.parametrize("healing", ["damaged_only", "intact_only", "norms_only", "lora", "dora"])
def test_on_every_architecture_the_head_trains_and_frozen_parts_stay(name, pooling, healing):
    model = classifier(name, pooling)
    head = head_names(model)
    before, found, marked = one_step(model, healing, "rank=2" if healing in ("lora", "dora") else None)
    assert head and head <= marked < set(before) and found <= marked
    encoder = marked - head
    assert len(found & encoder) > len(encoder) / 4, "most of what is marked is trained"


@every_architecture
def test_damaged_and_intact_share_out_the_encoder(name):
    marks = []
    for healing in ("damaged_only", "intact_only"):
        model = classifier(name, "mean")
        marks.append(one_step(model, healing)[2])
    assert marks[0] & marks[1] == head_names(model)
    assert marks[0] | marks[1] == {parameter for parameter, _ in model.named_parameters()}


@every_architecture
def test_norms_are_found_by_what_they_are(name):
    model = classifier(name, "mean")
    make_strategy("norms_only").prepare(model, None)
    owners = {id(p): m for m in model.modules() for p in m.parameters(recurse=False)}
    kinds = {type(owners[id(p)]).__name__ for n, p in model.named_parameters() if n in trainable(model)}
    assert kinds - {"Linear"} and all("Norm" in kind for kind in kinds - {"Linear"})


def test_biases_of_a_model_that_has_none_are_refused():
    from healbert.utils.errors import UserError

    class Bare(nn.Module):
        """A model of one map without a bias, and a head."""

        base_model_prefix = "encoder"

        def __init__(self):
            super().__init__()
            self.encoder, self.head = nn.Linear(3, 3, bias=False), nn.Linear(3, 2)

        @property
        def base_model(self):
            return self.encoder

    with pytest.raises(UserError, match="bias_only has nothing to train: Bare has none"):
        make_strategy("bias_only").prepare(Bare(), None)


@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
@pytest.mark.parametrize(
    "name", "damaged_only intact_only norms_only lora layerwise_decay two_phase mixout l2_to_start".split()
)
def test_models_that_write_texts_have_a_head_unless_it_is_their_embeddings(name, tied):
    from transformers import AutoModelForSeq2SeqLM, SwitchTransformersConfig, T5Config

    sizes = {"vocab_size": 40, "d_model": 16, "d_kv": 8, "d_ff": 24, "num_layers": 2, "num_heads": 2}
    sizes |= {"num_decoder_layers": 2, "decoder_start_token_id": 0, "tie_word_embeddings": tied}
    model = AutoModelForSeq2SeqLM.from_config((T5Config if tied else SwitchTransformersConfig)(**sizes))
    head = set() if tied else {"lm_head.weight"}
    assert head_names(model) == head
    receipt, strategy = corrupt(model, CorruptionSpec(level=0.5)), make_strategy(name)
    model = strategy.prepare(model, receipt) or model
    strategy.rate_factors(model)
    trains = trainable(model)
    assert trains and all(any(part in name for name in trains) for part in head or {""})
    if name == "damaged_only":
        assert trains == {tensor["name"] for tensor in receipt.tensors} | head
