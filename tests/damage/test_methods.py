"""Methods and regions that a plugin adds: what they see, what they say of norms and biases, what is refused."""

import pytest
import torch
from helpers.architectures import build

from healbert import CorruptionSpec, corrupt, register
from healbert.damage.methods import METHODS
from healbert.damage.methods.base import Method
from healbert.utils.errors import UserError
from healbert.utils.options import Option
from healbert.utils.registry import table


@pytest.fixture
def forgotten():
    """Takes out of the tables what a test put in."""
    kept = {kind: dict(table(kind)._registered) for kind in ("method", "region")}
    yield
    for kind, entries in kept.items():
        table(kind)._registered, table(kind)._made = entries, {}


def add(function, **attributes):
    register("method", "mine", **attributes)(function)


def scaled(original, module, generator, factor):
    return original * factor


FACTOR = {"factor": Option(0.5, "what values are multiplied by", least=0, most=2)}


def layer_of(model, index=0):
    return {name: p.detach().clone() for name, p in model.base_model.encoder.layer[index].named_parameters()}


@pytest.mark.usefixtures("forgotten")
class TestPluginMethods:
    def test_sees_the_original_values_and_its_options(self):
        add(scaled, options=FACTOR, norms="method", biases="method")
        model = build("bert")
        before = layer_of(model)
        receipt = corrupt(model, CorruptionSpec(level=0.25, method="mine", options="factor=0.25"))
        assert all(torch.equal(after, before[name] * 0.25) for name, after in layer_of(model).items())
        assert receipt.to_dict()["spec"]["options"] == {"factor": 0.25}

    def test_default_of_an_option(self):
        add(scaled, options=FACTOR)
        assert CorruptionSpec(method="mine").options == {"factor": 0.5}

    @pytest.mark.parametrize("rules, norm, bias", [({}, 1.0, 0.0), ({"norms": "keep", "biases": "keep"}, None, None)])
    def test_norms_and_biases_become_what_it_says(self, rules, norm, bias):
        add(lambda original, module, generator: original + 1, **rules)
        model = build("bert")
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter)
        before = layer_of(model)
        corrupt(model, CorruptionSpec(level=0.25, method="mine"))
        after = layer_of(model)
        for name, expected in (("output.LayerNorm.weight", norm), ("output.dense.bias", bias)):
            wanted = before[name] if expected is None else torch.full_like(before[name], expected)
            assert torch.equal(after[name], wanted)
        assert torch.equal(after["output.dense.weight"], before["output.dense.weight"] + 1)

    def test_draws_from_the_generator_of_its_tensor_alone(self):
        add(lambda original, module, generator: torch.rand(original.shape, generator=generator))
        state = torch.get_rng_state()
        first, second = (corrupt(build("bert"), CorruptionSpec(level=level, method="mine")) for level in (0.25, 0.5))
        after = {entry["name"]: entry["sha256_after"] for entry in second.tensors}
        assert all(after[entry["name"]] == entry["sha256_after"] for entry in first.tensors)
        torch.set_rng_state(state)

    def test_cannot_change_the_original_in_place(self):
        def careless(original, module, generator):
            original.zero_()
            return original

        add(careless)
        receipt = corrupt(build("bert"), CorruptionSpec(level=0.25, method="mine"))
        assert all(entry["std_before"] > 0 for entry in receipt.tensors if entry["name"].endswith("dense.weight"))

    @pytest.mark.parametrize(
        "function, message",
        [
            (lambda original, module, generator: original[:1], r"method 'mine' gave \(1, \d+\) for .* has shape"),
            (lambda original, module, generator: None, "method 'mine' gave NoneType for"),
            (lambda original, module, generator: original / 0, "method 'mine' gave values for .* not finite"),
        ],
        ids=["shape", "nothing", "not finite"],
    )
    def test_values_that_cannot_be_are_refused(self, function, message):
        add(function)
        with pytest.raises(UserError, match=message):
            corrupt(build("bert"), CorruptionSpec(level=0.25, method="mine"))

    def test_options_are_checked(self):
        add(scaled, options=FACTOR)
        with pytest.raises(UserError, match="'factr' is no option here; did you mean 'factor'"):
            CorruptionSpec(method="mine", options="factr=1")
        with pytest.raises(UserError, match="--corrupt_options factor 3 is out of range: 0 to 2, default 0.5"):
            CorruptionSpec(method="mine", options={"factor": 3})

    def test_unknown_rule_is_refused(self):
        add(scaled, norms="two")
        with pytest.raises(UserError, match="rule for norms 'two' is not known"):
            METHODS["mine"]

    def test_name_that_is_taken_is_refused(self):
        with pytest.raises(UserError, match="method 'kaiming_uniform' is there already"):
            register("method", "kaiming_uniform")(scaled)


@pytest.mark.usefixtures("forgotten")
class TestPluginRegions:
    def test_region_gives_the_layers(self):
        register("region", "every_second")(lambda stack, spec: list(range(0, len(stack.layers), 2)))
        receipt = corrupt(build("bert"), CorruptionSpec(level=0.5, region="every_second"))
        assert receipt.summary["layers_hit"] == [0, 2]

    @pytest.mark.parametrize("layers", [[4], [-1], [1, 1]])
    def test_layers_that_cannot_be_are_refused(self, layers):
        register("region", "odd")(lambda stack, spec: layers)
        with pytest.raises(UserError, match=r"region 'odd' names layers .* each must be one of 0 to 3, once"):
            corrupt(build("bert"), CorruptionSpec(level=0.5, region="odd"))

    def test_goes_by_whole_layers(self):
        register("region", "odd")(lambda stack, spec: [0])
        with pytest.raises(UserError, match="goes by whole layers"):
            corrupt(build("bert"), CorruptionSpec(level=0.5, region="odd", unit="parameter"))


def test_a_method_is_what_it_was_registered_as():
    assert isinstance(METHODS["kaiming_uniform"], Method)
    assert (METHODS["kaiming_uniform"].norms, METHODS["kaiming_uniform"].biases) == ("one", "zero")
