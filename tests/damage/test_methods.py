"""Methods and regions that a plugin adds: what they see, what they say of norms and biases, what is refused."""

import numpy as np
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

    @pytest.mark.parametrize("dtype, values", [(torch.float32, float("nan")), (torch.float16, 1e6)])
    def test_what_is_finite_must_stay_so_in_the_models_type(self, dtype, values):
        """One value that is not finite does not excuse its neighbours, and float16 overflows where float32 does not."""

        def spoil(original, module, generator):
            return torch.full_like(original, values) if original.isnan().any() else original

        add(spoil)
        model = build("bert").to(dtype)
        model.bert.encoder.layer[0].output.dense.weight.data[0, 0] = float("nan")
        with pytest.raises(UserError, match=f"output.dense.weight that are not finite in {str(dtype)[6:]}"):
            corrupt(model, CorruptionSpec(level=0.25, method="mine"))

    def test_what_was_not_finite_may_stay_so(self):
        add(lambda original, module, generator: original.clone())
        model = build("bert")
        model.bert.encoder.layer[0].output.dense.weight.data[0, 0] = float("nan")
        corrupt(model, CorruptionSpec(level=0.25, method="mine"))
        assert model.bert.encoder.layer[0].output.dense.weight[0, 0].isnan()

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

    @pytest.mark.parametrize("layers", [[4], [-1], [1, 1], [0.0], [True], ["0"], None, 2.5])
    def test_layers_that_cannot_be_are_refused(self, layers):
        register("region", "odd")(lambda stack, spec: layers)
        with pytest.raises(UserError, match=r"region 'odd' names .* each must be one of 0 to 3, once"):
            corrupt(build("bert"), CorruptionSpec(level=0.5, region="odd"))

    def test_no_layers_at_all_are_refused(self):
        register("region", "odd")(lambda stack, spec: [])
        model = build("bert")
        with pytest.raises(UserError, match="region 'odd' names no layers at level 0.5"):
            corrupt(model, CorruptionSpec(level=0.5, region="odd"))
        with pytest.warns(UserWarning, match="0 layers are damaged"):  # less than half a layer: a rounding
            corrupt(model, CorruptionSpec(level=0.1, region="odd"))

    @pytest.mark.parametrize("layers", [np.array([2, 0]), range(0, 4, 2), (2, 0), {0, 2}])
    def test_any_collection_of_indices_will_do(self, layers):
        register("region", "odd")(lambda stack, spec: layers)
        receipt = corrupt(build("bert"), CorruptionSpec(level=0.5, region="odd"))
        assert receipt.summary["layers_hit"] == [0, 2]
        assert [t["name"].split(".")[2] for t in receipt.tensors] == ["0"] * 16 + ["2"] * 16

    def test_goes_by_whole_layers(self):
        register("region", "odd")(lambda stack, spec: [0])
        with pytest.raises(UserError, match="goes by whole layers"):
            corrupt(build("bert"), CorruptionSpec(level=0.5, region="odd", unit="parameter"))


def test_a_method_is_what_it_was_registered_as():
    assert isinstance(METHODS["kaiming_uniform"], Method)
    assert (METHODS["kaiming_uniform"].norms, METHODS["kaiming_uniform"].biases) == ("one", "zero")
