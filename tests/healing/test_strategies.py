"""Healing strategies as a table: what each trains, bit by bit, its options, how it saves, what is refused."""

import subprocess
import sys

import pytest
import torch
from helpers.architectures import build
from helpers.classifiers import classifier, every_architecture, every_head
from helpers.healing import STILL, changed_by_healing, trainable
from helpers.small import ROOT, save_bare_gpt2
from safetensors.torch import load_file
from torch import nn

from healbert import UserError, make_arguments, run_experiment
from healbert.damage.apply import corrupt
from healbert.damage.spec import CorruptionSpec
from healbert.healing.head import classification_layer
from healbert.healing.strategies import STRATEGIES, make_strategy
from healbert.healing.strategies.base import Strategy
from healbert.healing.strategies.full import Full
from healbert.publish.card import _healing
from healbert.utils.options import Option
from healbert.utils.registry import Table, register, table


@pytest.fixture
def plugin(monkeypatch):
    """A `register` for strategies that are forgotten when the test ends."""
    monkeypatch.setattr(STRATEGIES, "_registered", dict(STRATEGIES._registered))
    monkeypatch.setattr(STRATEGIES, "_made", dict(STRATEGIES._made))
    return lambda name, **attributes: register("strategy", name, **attributes)


def test_fast_paths_are_part_of_a_name_where_features_change_whatever_the_strategy_is_called(plugin):
    plugin("still", fixed_features=True)(Norms)
    plugin("soft_linear_probe")(Norms)
    for healing, same in (("still", True), ("soft_linear_probe", False)):
        names = {make_arguments(healing=healing, fast_paths=paths).name() for paths in ("clipping", "packed")}
        assert (len(names) == 1) is same


@every_head
@every_architecture
def test_built_in_strategies_mark_what_trains(name, pooling):
    model = classifier(name, pooling)
    every = {parameter_name for parameter_name, _ in model.named_parameters()}
    layer = {id(parameter) for parameter in classification_layer(model).parameters()}
    make_strategy("linear_probe").prepare(model, None)
    assert trainable(model) == {n for n, p in model.named_parameters() if id(p) in layer} < every
    make_strategy("full").prepare(model, None)
    assert trainable(model) == every


def test_table_holds_the_built_in_strategies():
    assert STRATEGIES is table("strategy") and {"full", "linear_probe"} <= set(STRATEGIES)
    assert [STRATEGIES[name].fixed_features for name in ("full", "linear_probe")] == [False, True]
    assert all(STRATEGIES[name].version == 1 for name in STRATEGIES)


def test_table_is_read_without_torch():
    code = "import sys, healbert.healing.strategies; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60).returncode == 0


def test_card_says_what_the_strategy_says_or_else_its_name(plugin):
    plugin("told", says="Its norms alone were trained")(Norms)
    plugin("silent_one")(Norms)
    assert _healing("told") == "Its norms alone were trained"
    assert (_healing("silent_one"), _healing("of_a_plugin")) == (r"silent\_one", r"of\_a\_plugin")


@pytest.mark.parametrize("name, nearest", [("linear-probe", "linear_probe"), ("ful", "full")])
def test_unknown_healing_is_refused_with_the_nearest(name, nearest):
    with pytest.raises(UserError, match=f"healing '{name}' is not known; did you mean '{nearest}'"):
        make_arguments(healing=name)


# Whole runs.


class Norms(Strategy):
    """The norms inside and outside the layers."""

    def prepare(self, model, receipt):
        for module in model.modules():
            module.requires_grad_(isinstance(module, nn.LayerNorm))


class HeadAndNorms(Norms):
    """The classification layer as well."""

    def prepare(self, model, receipt):
        super().prepare(model, receipt)
        classification_layer(model).requires_grad_(True)


class DamagedAlone(Strategy):
    """What the receipt says was hit, and the head."""

    def prepare(self, model, receipt):
        hit = {tensor["name"] for tensor in receipt.tensors}
        for name, parameter in model.base_model.named_parameters():
            parameter.requires_grad_(name in hit)


@pytest.fixture(scope="module")
def models(tiny_bert, tmp_path_factory):
    return {"bert": tiny_bert, "gpt2": save_bare_gpt2(tmp_path_factory.mktemp("gpt2"))}


@pytest.fixture
def settings(run_flags):
    return run_flags | {"save_model": True, "disable_tqdm": True, "num_train_epochs": 1}


HEADS = {
    ("bert", "cls"): {"classifier.weight", "classifier.bias"},
    ("bert", "mean"): {"classifier.weight", "classifier.bias"},
    ("gpt2", "cls"): {"score.weight"},
}


@pytest.mark.parametrize("model, pooling", HEADS, ids="-".join)
def test_linear_probe_changes_the_classification_layer_alone(settings, models, model, pooling):
    settings |= {"healing": "linear_probe", "model_name_or_path": models[model], "pooling": pooling}
    changed, every = changed_by_healing(settings | {"learning_rate": 0.05})
    assert changed == HEADS[model, pooling] < every


def test_full_healing_changes_every_tensor(settings):
    changed, every = changed_by_healing(settings)
    assert changed | {name for name in every if name.endswith(STILL)} == every


def test_strategy_of_a_plugin_trains_exactly_what_it_marks(settings, plugin):
    plugin("head_and_norms")(HeadAndNorms)
    changed, every = changed_by_healing(settings | {"healing": "head_and_norms"})
    assert changed == {name for name in every if "LayerNorm" in name or name.startswith("classifier.")}
    assert len(changed) == 2 * (1 + 2 * 4) + 2  # weight and bias: of the embeddings, two in each of 4 layers, the head


def test_strategy_of_a_plugin_sees_what_was_damaged(settings, plugin):
    plugin("damaged_alone")(DamagedAlone)
    changed, every = changed_by_healing(settings | {"healing": "damaged_alone"})
    below = {name for name in every if name.startswith(("bert.encoder.layer.0.", "bert.encoder.layer.1."))}
    expected = below | {"classifier.weight", "classifier.bias"}
    assert changed | {name for name in below if name.endswith(STILL)} == expected < every


def test_strategy_that_leaves_nothing_to_train_is_refused(settings, plugin):
    @plugin("nothing")
    class Nothing(Strategy):
        def prepare(self, model, receipt):
            model.requires_grad_(False)

    with pytest.raises(UserError, match="strategy nothing leaves no parameter to train"):
        run_experiment(make_arguments(**settings, healing="nothing"))


# Options, attributes.


class Scaled(Full):
    options = {"rate": Option(2.0, "times the learning rate", least=0.0), "whole": Option(default=False)}


def test_options_reach_the_strategy(plugin):
    plugin("scaled")(Scaled)
    arguments = make_arguments(healing="scaled", healing_options="rate=3,whole=true")
    assert arguments.run.strategy().settings == {"rate": 3.0, "whole": True}
    assert make_strategy("scaled").settings == {"rate": 2.0, "whole": False}
    assert Scaled(rate=5).settings == {"rate": 5.0, "whole": False}


OPTIONS = {
    "near miss": ({"healing": "scaled", "healing_options": "rat=3"}, "'rat' is no option here; did you mean 'rate'"),
    "out of range": ({"healing": "scaled", "healing_options": "rate=-1"}, "rate -1 is out of range: 0 or more"),
    "none here": ({"healing_options": "rate=3"}, "--healing_options: 'rate' is no option here .known: full has none"),
    "no value": ({"healing": "scaled", "healing_options": "rate"}, "'rate' is not NAME=VALUE"),
}


@pytest.mark.parametrize("flags, message", OPTIONS.values(), ids=OPTIONS.keys())
def test_options_that_cannot_be_used_are_refused(plugin, flags, message):
    plugin("scaled")(Scaled)
    with pytest.raises(UserError, match=message):
        make_arguments(**flags)


def test_attributes_given_with_the_name_are_the_entrys_alone(plugin):
    plugin("half", options={"rate": Option(0.5)}, version=2)(Scaled)
    plugin("scaled")(Scaled)
    assert make_strategy("half").settings == {"rate": 0.5} and STRATEGIES["half"].version == 2
    assert make_strategy("scaled").settings == {"rate": 2.0, "whole": False} and STRATEGIES["scaled"].version == 1


WRONG = {
    "a function": (lambda model: model, {}, "is not a class derived from .*Strategy"),
    "another class": (nn.Linear, {}, "is not a class derived from"),
    "no prepare": (type("Empty", (Strategy,), {}), {}, "does not say which parameters train"),
    "unknown attribute": (Norms, {"option": {}}, "a strategy has no attribute 'option'"),
}


@pytest.mark.parametrize("thing, attributes, message", WRONG.values(), ids=WRONG.keys())
def test_entry_that_is_no_strategy_is_refused(thing, attributes, message):
    entries = Table("strategy", STRATEGIES.entry)
    entries.add("mine", thing, **attributes)
    with pytest.raises(UserError, match=f"strategy 'mine' cannot be registered so: .*{message}"):
        entries["mine"]


# Saving, and what the trainer is made of.


def test_strategy_saves_the_healed_model_its_own_way(settings, plugin):
    @plugin("rounding")
    class Rounding(Full):
        def save(self, trainer, model, tokenizer, folder):
            with torch.no_grad():
                model.classifier.bias.fill_(0.25)
            super().save(trainer, model, tokenizer, folder)

    run_experiment(make_arguments(**settings, healing="rounding"))
    saved = load_file(f"{settings['output_dir']}/model.safetensors")
    assert saved["classifier.bias"].tolist() == [0.25, 0.25]


def test_strategy_owns_what_the_trainer_is_made_of():
    model = build("bert")
    full = make_strategy("full")
    full.prepare(model, None)
    splits = {"train": "rows"}
    parts, same = full.trainer_parts(model, "tokenizer", splits, None)
    assert parts == {"model": model, "processing_class": "tokenizer", "strategy": full} and same is splits


@pytest.mark.parametrize("name", sorted(set(STRATEGIES) - {"continued_pretraining", "distill"}))
def test_a_strategy_says_whether_the_damage_says_what_trains(name):
    trains = []
    for layer in (0, 1):
        model = classifier("bert", "cls")
        receipt = corrupt(model, CorruptionSpec(layers=str(layer)))
        make_strategy(name).prepare(model, receipt)
        trains.append(trainable(model))
    assert (trains[0] != trains[1]) == STRATEGIES[name].by_damage
