"""Several strategies at once: their names and options, what they are together, what is refused."""

import itertools

import pytest
import torch
from helpers.architectures import build

from healbert import UserError, make_arguments
from healbert.healing.strategies import STRATEGIES, make_strategy, strategy_names
from healbert.healing.strategies.base import Strategy
from healbert.healing.strategies.combined import Combined
from healbert.publish.card import _healing
from healbert.utils.registry import register

ALLOWED = (
    *("lora,damaged_only", "lora,intact_only", "dora,damaged_only", "lora,layerwise_decay", "lora,damaged_rate"),
    *("lora,gradual_unfreezing", "lora,two_phase", "lora,longer", "layerwise_decay,mixout", "mixout,l2_to_start"),
    *("damaged_only,norms_only", "bias_only,norms_only", "intact_only,l2_to_start", "linear_probe,longer"),
    *("layerwise_decay,damaged_rate,two_phase,mixout,longer", "damaged_only,gradual_unfreezing", "intact_only,mixout"),
)
CONTRADICT = {
    "damaged_only,intact_only": "one trains what was hit, the other all but that",
    "lora,dora": "both put an adapter on the same weights",
    "lora,norms_only": "an adapter stands in for weights of linear maps, which that leaves frozen",
    "lora,bias_only": "an adapter stands in for",
    "dora,mixout": "the weights that it would hold are frozen",
    "lora,l2_to_start": "the weights that it would hold are frozen",
    "mixout,bias_only": "it trains no weight of a linear map",
    "damaged_rate,intact_only": "nothing that was hit trains",
    "two_phase,damaged_only": "its second phase would train nothing more",
    "two_phase,intact_only": "its first phase would train the head alone",
    "two_phase,gradual_unfreezing": "both say when a layer begins to train",
}


@pytest.mark.parametrize("healing", ALLOWED)
def test_combinations_that_make_sense(healing):
    strategy = make_arguments(healing=healing).run.strategy()
    assert isinstance(strategy, Combined) and set(strategy.names) == set(healing.split(","))


@pytest.mark.parametrize("healing, why", CONTRADICT.items())
def test_contradictions_are_refused_with_the_reason_in_either_order(healing, why):
    for order in (healing, ",".join(reversed(healing.split(",")))):
        with pytest.raises(UserError, match=f"contradict each other: {why}.*; leave one out"):
            make_arguments(healing=order)


@pytest.mark.parametrize("other", [name for name in STRATEGIES if name != "full"])
def test_full_goes_with_nothing_and_a_linear_probe_with_longer_alone(other):
    with pytest.raises(UserError, match="full trains everything as it is"):
        make_arguments(healing=f"{other},full")
    if other not in ("linear_probe", "longer"):
        with pytest.raises(UserError, match="a linear probe trains one layer"):
            make_arguments(healing=f"linear_probe,{other}")


def test_contradiction_may_depend_on_the_options():
    make_arguments(healing="gradual_unfreezing,intact_only")
    with pytest.raises(UserError, match="from=damaged begins with what does not train"):
        make_arguments(healing="gradual_unfreezing,intact_only", healing_options="gradual_unfreezing.from=damaged")
    make_arguments(healing="mixout,damaged_only", healing_options="mixout.of=all")


def test_every_pair_is_allowed_or_refused_in_words():
    for pair in itertools.combinations(STRATEGIES, 2):
        try:
            make_strategy(",".join(pair))
        except UserError as error:
            assert "contradict each other" in str(error)


@pytest.mark.parametrize("healing, message", [("lora,lora", "names lora twice"), ("lora,ful", "did you mean 'full'")])
def test_names_that_cannot_be(healing, message):
    with pytest.raises(UserError, match=message):
        make_arguments(healing=healing)


# Options and the run's name.


def test_options_are_named_after_their_strategy():
    arguments = make_arguments(healing="lora,longer", healing_options="lora.rank=4, longer.patience=1")
    settings = arguments.run.strategy().settings
    assert (settings["lora.rank"], settings["longer.patience"], settings["lora.alpha"]) == (4, 1, 16.0)
    alone = make_arguments(healing="lora", healing_options="lora.rank=4").run.strategy()
    assert alone.settings == make_strategy("lora", "rank=4").settings


@pytest.mark.parametrize("given", ["rank=4", "lora.patience=4", "dora.rank=4"])
def test_options_of_none_of_them_are_refused(given):
    with pytest.raises(UserError, match=f"'{given.partition('=')[0]}' is no option here"):
        make_arguments(healing="lora,longer", healing_options=given)


def test_order_does_not_make_another_run_and_options_at_their_defaults_add_nothing():
    first = make_arguments(healing="lora, damaged_only")
    second = make_arguments(healing="damaged_only,lora", healing_options="lora.rank=8")
    assert first.name() == second.name() and first.run.healing == second.run.healing
    identity = make_arguments(healing="damaged_only,lora", healing_options="lora.rank=4").identity()
    assert identity["healing_options"] == {"lora.rank": 4}
    assert identity["settings"]["healing"] == second.run.healing
    assert "healing_options" not in first.identity()


def test_versions_are_those_of_each_part(monkeypatch):
    monkeypatch.setattr(STRATEGIES["damaged_only"], "version", 3)
    found = make_arguments(healing="lora,damaged_only", fast_paths="none").identity()
    assert found["versions"] == {"healing damaged_only": 3}


def test_card_says_what_each_does():
    assert _healing("longer,lora") == (f"{STRATEGIES['longer'].says}; {STRATEGIES['lora'].says}")


def test_names_come_in_an_order_that_a_new_strategy_does_not_change():
    assert strategy_names("lora, longer,damaged_only") == ["damaged_only", "longer", "lora"]


# Together.


class Recording(Strategy):
    """Says what it was asked."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.seen = []

    def prepare(self, model, receipt):
        model.requires_grad_(True)

    def on_epoch(self, trainer, epoch):
        self.seen.append(("epoch", epoch))

    def on_step(self, trainer, step):
        self.seen.append(step)

    def loss(self, trainer, model, inputs, outputs, loss):
        return loss + 1

    def stops(self, trainer):
        return trainer == "stop"

    def finish(self, model):
        self.seen.append("finish")


class OwnGroups(Recording):
    def optimizer_groups(self, model, training):
        return "groups"


class OwnSave(Recording):
    def save(self, trainer, model, tokenizer, folder):
        self.seen.append(folder)


class OwnTrainer(Recording):
    def trainer_parts(self, model, tokenizer, splits, read):
        return {}, splits


@pytest.fixture
def plugins(monkeypatch):
    monkeypatch.setattr(STRATEGIES, "_registered", dict(STRATEGIES._registered))
    monkeypatch.setattr(STRATEGIES, "_made", dict(STRATEGIES._made))
    for name, kind in {
        "recording": Recording,
        "own_groups": OwnGroups,
        "own_save": OwnSave,
        "own_trainer": OwnTrainer,
    }.items():
        register("strategy", name)(kind)


def test_each_sees_what_happens_and_adds_its_share(plugins):
    strategy = make_strategy("recording,own_save,damaged_only")
    strategy.on_epoch(None, 2)
    strategy.on_step(None, 7)
    assert strategy.loss(None, None, None, None, torch.tensor(1.0)) == 3
    assert [strategy.stops(trainer) for trainer in ("stop", "go on")] == [True, False]
    strategy.finish(None)
    strategy.save(None, None, None, "folder")
    seen = [part.seen for part in strategy.parts if isinstance(part, Recording)]
    assert seen == [[("epoch", 2), 7, "finish", "folder"], [("epoch", 2), 7, "finish"]]
    strategy.seed = 5
    assert {part.seed for part in strategy.parts} == {5}


def test_plugins_train_what_all_parts_train(plugins):
    model = build("bert")
    make_strategy("recording,norms_only").prepare(model, None)
    trains = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert trains == {n for n, _ in model.named_parameters() if "LayerNorm" in n or n.startswith("classifier.")}


@pytest.mark.parametrize(
    "healing, why",
    [
        ("own_groups,layerwise_decay", "each arranges the learning rates"),
        ("own_save,lora", "each says how the model is saved"),
        (
            "own_trainer,longer",
            "own_trainer says itself what is trained, and goes with no other; name it alone",
        ),
    ],
)
def test_two_that_decide_the_same_are_refused(plugins, healing, why):
    with pytest.raises(UserError, match=why):
        make_strategy(healing)
    assert make_strategy("own_groups,damaged_only").optimizer_groups(None, None) == "groups"
