"""The damage, tensor by tensor, and the receipt, recomputed with numpy from copies of our own."""

import copy
import hashlib
import json
import math
import warnings

import numpy as np
import pytest
import torch
import transformers
from helpers.architectures import ARCHITECTURES, LAYERS, NAMES, UNSHARED, build, in_layers
from torch import nn
from transformers import AutoModel

from healbert.damage.apply import corrupt
from healbert.damage.methods import METHODS
from healbert.damage.regions import REGIONS
from healbert.damage.spec import UNITS, CorruptionSpec
from healbert.models.layers import find_layers
from healbert.utils.errors import UserError

every = pytest.mark.parametrize("name", NAMES)
GOLDEN = [0.11531606316566467, 0.10126941651105881, 0.18470065295696259, -0.1702783703804016]
regions = pytest.mark.parametrize("region", REGIONS)


def tensors_of(model):
    """Copies of all parameters and buffers of a model, by name."""
    return {name: t.detach().clone() for name, t in [*model.named_parameters(), *model.named_buffers()]}


def base_parameters(model):
    return dict(model.base_model.named_parameters())


def differing(before, after):
    """Names of the tensors whose bits differ."""
    assert list(before) == list(after)
    return {name for name in before if as_bytes(before[name]) != as_bytes(after[name])}


def as_bytes(tensor):
    return tensor.detach().contiguous().flatten().view(torch.uint8).numpy().tobytes()


def damaged(model, **spec):
    """A damaged copy of ``model``, and its receipt."""
    model = copy.deepcopy(model)
    return model, corrupt(model, CorruptionSpec(**spec))


def damaged_bits(model, **spec):
    """What the damage wrote: a dict from the paths inside the base model to SHA-256."""
    model, receipt = damaged(model, **spec)
    named = base_parameters(model)
    return {t["name"]: hashlib.sha256(as_bytes(named[t["name"]])).hexdigest() for t in receipt.tensors}


def half(name):
    """The level that damages the first half of the layers; all where they are shared."""
    return 0.5 if name in UNSHARED else 1.0


def half_indices(name, region):
    layers = ARCHITECTURES[name].layers
    count = math.ceil(layers / 2)
    return range(count) if region == "bottom" else range(layers - count, layers)


def assert_damaged(path, values, fan_in_dimension):
    """Checks one damaged tensor by the rules of the paper."""
    if path.endswith("bias"):
        assert torch.equal(values, torch.zeros_like(values)), path
    elif any(part in path.lower() for part in ("norm", "ln_")):
        assert torch.equal(values, torch.ones_like(values)), path
    else:
        bound = math.sqrt(6 / values.shape[fan_in_dimension])
        deviation, root = bound / math.sqrt(3), math.sqrt(values.numel())
        assert (1 - 10 / values.numel()) * bound < values.abs().max() <= bound, path
        # One sigma of the spread of n uniform values is 0.45 / sqrt(n) of it; of their mean, spread / sqrt(n).
        assert values.std().item() == pytest.approx(deviation, rel=5 * 0.45 / root), path
        assert abs(values.mean()) < 5 * deviation / root, path


# ---------------------------------------------------------------- what is hit, and with what


@every
@regions
def test_the_right_tensors_are_replaced_by_the_right_values(name, region):
    architecture, model = ARCHITECTURES[name], build(name)
    before = tensors_of(model)
    receipt = corrupt(model, CorruptionSpec(level=half(name), region=region))
    expected = in_layers(architecture, base_parameters(model), half_indices(name, region))
    assert [t["name"] for t in receipt.tensors] == expected
    prefix = model.base_model_prefix
    assert differing(before, tensors_of(model)) == {f"{prefix}.{path}" for path in expected}
    for path in expected:
        assert_damaged(path, base_parameters(model)[path].detach(), architecture.fan_in)


@every
@regions
def test_level_0_changes_nothing(name, region):
    model = build(name)
    before = tensors_of(model)
    receipt = corrupt(model, CorruptionSpec(level=0, region=region, embeddings=True, pooler=True))
    assert differing(before, tensors_of(model)) == set()
    assert receipt.tensors == []
    assert (receipt.summary["layers_hit"], receipt.summary["fraction_of_encoder"]) == ([], 0)


@pytest.mark.parametrize("name", UNSHARED)
@pytest.mark.parametrize("unit", UNITS)
@regions
def test_damage_is_nested(name, unit, region):
    model, smaller = build(name), {}
    for level in (0.25, 0.5, 0.75, 1.0):
        larger = damaged_bits(model, level=level, region=region, unit=unit)
        assert smaller.items() < larger.items()
        smaller = larger


@every
@pytest.mark.parametrize("unit", UNITS)
def test_all_of_the_bottom_is_all_of_the_top(name, unit):
    model = build(name)
    bottom, _ = damaged(model, level=1, region="bottom", unit=unit)
    top, _ = damaged(model, level=1, region="top", unit=unit)
    assert differing(tensors_of(bottom), tensors_of(top)) == set()
    assert differing(tensors_of(model), tensors_of(top)) == {
        f"{model.base_model_prefix}.{path}"
        for path in in_layers(ARCHITECTURES[name], base_parameters(model), range(LAYERS))
    }


@every
def test_same_bits_with_and_without_a_head(name):
    with_head = damaged_bits(build(name, head=True), level=half(name))
    assert with_head == damaged_bits(build(name, head=False, seed=1), level=half(name))


@pytest.mark.parametrize("name", ["bert", "gpt2"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_same_bits_in_other_types_up_to_the_cast(name, dtype):
    model = build(name)
    single, receipt = damaged(model, level=0.5)
    other, _ = damaged(copy.deepcopy(model).to(dtype), level=0.5)
    for path in [t["name"] for t in receipt.tensors]:
        values = base_parameters(other)[path]
        assert values.dtype == dtype
        assert torch.equal(values, base_parameters(single)[path].to(dtype))


def test_the_values_are_those_of_earlier_versions():
    """Results on disk name a seed: its values must not change from one version of the code to the next."""
    model, _ = damaged(build("bert"), level=0.25, seed=7)
    values = base_parameters(model)["encoder.layer.0.attention.self.query.weight"][0, :4].tolist()
    assert values == pytest.approx(GOLDEN, rel=1e-6)


def test_the_values_depend_on_seed_and_path_alone():
    model = build("bert")
    bits = damaged_bits(model, level=1, seed=3)
    weights = {n for n in bits if n.endswith("weight") and "LayerNorm" not in n}
    assert len(weights) == 6 * LAYERS
    other = damaged_bits(model, level=1, seed=4)
    assert {n for n in bits if bits[n] != other[n]} == weights
    assert len({bits[n] for n in weights}) == len(weights)
    assert damaged_bits(build("bert", seed=9), level=1, seed=3) == bits


def test_damage_twice_is_damage_once():
    once, _ = damaged(build("bert"), level=0.5)
    twice, receipt = damaged(once, level=0.5)
    assert differing(tensors_of(once), tensors_of(twice)) == set()
    assert {t["relative_l2"] for t in receipt.tensors} <= {0.0, None}


def test_damage_neither_uses_nor_moves_the_global_generator():
    model = build("bert")
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = damaged_bits(model, level=0.5, embeddings=True)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    assert damaged_bits(model, level=0.5, embeddings=True) == first


def test_parameters_stay_the_same_objects():
    model = build("bert")
    model.requires_grad_(False)
    before = [(id(p), p.data_ptr()) for p in model.parameters()]
    corrupt(model, CorruptionSpec(level=1))
    assert [(id(p), p.data_ptr()) for p in model.parameters()] == before
    assert not any(p.requires_grad for p in model.parameters())


@every
def test_embeddings_and_pooler_only_when_asked(name):
    architecture, model = ARCHITECTURES[name], build(name)
    encoder = in_layers(architecture, base_parameters(model), half_indices(name, "bottom"))
    options = {"embeddings": list(architecture.embeddings), "pooler": list(architecture.pooler)}
    for flag, expected in options.items():
        before = tensors_of(model.base_model)
        after, receipt = damaged(model, level=half(name), **{flag: True})
        assert sorted(t["name"] for t in receipt.tensors) == sorted(encoder + expected)
        assert differing(before, tensors_of(after.base_model)) == {*encoder, *expected}
        for path in expected:
            assert_damaged(path, base_parameters(after)[path].detach(), fan_in_dimension=1)


# ---------------------------------------------------------------- levels that no whole number of layers reaches


@pytest.mark.parametrize("level, count, effective", [(0.25, 2, "0.3333"), (0.75, 5, "0.8333"), (0.05, 0, "0")])
@regions
def test_layers_are_rounded_half_up_with_a_warning(level, count, effective, region):
    model = build("bert", num_hidden_layers=6)
    with pytest.warns(UserWarning, match=f"{count} layers are damaged, an effective level of {effective}$"):
        receipt = corrupt(model, CorruptionSpec(level=level, region=region))
    hit = range(count) if region == "bottom" else range(6 - count, 6)
    assert receipt.summary["layers_hit"] == list(hit)
    assert (receipt.summary["requested_level"], receipt.summary["fraction_of_encoder"]) == (level, count / 6)


@pytest.mark.parametrize("level", [0, 0.25, 0.5, 1])
def test_no_warning_where_the_level_is_exact(level):
    model = build("bert")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        corrupt(model, CorruptionSpec(level=level))
    assert not caught


@pytest.mark.parametrize("name", ["bert", "albert", "gpt2", "modernbert"])
@pytest.mark.parametrize("level", [0.001, 0.1, 0.25, 0.37, 0.5, 0.9, 1])
@regions
def test_unit_parameter_comes_as_near_as_whole_tensors_allow(name, level, region):
    model = build(name)
    names = in_layers(ARCHITECTURES[name], base_parameters(model), range(LAYERS))
    names = names if region == "bottom" else names[::-1]
    sizes = [base_parameters(model)[path].numel() for path in names]
    shares = [sum(sizes[:count]) / sum(sizes) for count in range(len(sizes) + 1)]
    receipt = corrupt(model, CorruptionSpec(level=level, region=region, unit="parameter"))
    hit = [t["name"] for t in receipt.tensors]
    assert set(hit) == set(names[: len(hit)])
    assert receipt.summary["fraction_of_encoder"] == pytest.approx(shares[len(hit)], abs=1e-12)
    assert abs(shares[len(hit)] - level) == pytest.approx(min(abs(share - level) for share in shares), abs=1e-12)


# ---------------------------------------------------------------- models that cannot be damaged as asked


@regions
def test_shared_layers_refuse_a_level_between(region):
    model = build("albert")
    before = tensors_of(model)
    with pytest.raises(UserError, match=r"level 0.5 cannot be applied: .* 1 group\(s\) .* 4 times"):
        corrupt(model, CorruptionSpec(level=0.5, region=region))
    assert differing(before, tensors_of(model)) == set()


def test_shared_groups_allow_a_level_that_hits_whole_groups():
    receipt = corrupt(build("albert", num_hidden_groups=2), CorruptionSpec(level=0.5))
    assert (receipt.summary["layers_hit"], receipt.summary["fraction_of_encoder"]) == ([0], 0.5)


def test_one_module_in_place_of_every_layer_refuses_a_level_between():
    """Half of the list is all of the encoder here, so the receipt could not be true."""
    model = build("bert")
    model.bert.encoder.layer = nn.ModuleList([model.bert.encoder.layer[0]] * LAYERS)
    with pytest.raises(UserError, match="share"):
        corrupt(model, CorruptionSpec(level=0.5))


def test_a_refused_model_is_left_whole():
    model = build("bert")
    model.bert.encoder.layer[1].scale = nn.Parameter(torch.full((32,), 0.1))
    before = tensors_of(model)
    with pytest.raises(UserError, match="no rule for encoder.layer.1.scale"):
        corrupt(model, CorruptionSpec(level=0.5))
    assert differing(before, tensors_of(model)) == set()


@pytest.mark.parametrize("unit", UNITS)
def test_meta_device_is_refused(unit):
    with torch.device("meta"):
        model = AutoModel.from_config(transformers.BertConfig(**ARCHITECTURES["bert"].options))
    with pytest.raises(UserError, match="holds no values in this process"):
        corrupt(model, CorruptionSpec(level=0.5, unit=unit))


# ---------------------------------------------------------------- the receipt


def statistics(before, after):
    """An entry of the receipt in float64: its numbers alone."""
    x, y = (np.frombuffer(as_bytes(t.double()), dtype=np.float64) for t in (before, after))
    lengths = np.sqrt((x**2).sum()), np.sqrt((y**2).sum())
    return {
        "count": x.size,
        "mean_before": x.mean(),
        "mean_after": y.mean(),
        "std_before": x.std(),
        "std_after": y.std(),
        "relative_l2": np.sqrt(((y - x) ** 2).sum()) / lengths[0] if lengths[0] else None,
        "cosine": (x * y).sum() / lengths[0] / lengths[1] if all(lengths) else None,
    }


@every
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_every_entry_of_the_receipt(name, dtype):
    model = build(name).to(dtype)
    before = tensors_of(model.base_model)
    receipt = corrupt(model, CorruptionSpec(level=half(name), embeddings=True, pooler=True))
    after = tensors_of(model.base_model)
    assert receipt.tensors
    for entry in receipt.tensors:
        path = entry.pop("name")
        assert entry.pop("shape") == list(before[path].shape)
        assert entry.pop("sha256_before") == hashlib.sha256(as_bytes(before[path])).hexdigest()
        assert entry.pop("sha256_after") == hashlib.sha256(as_bytes(after[path])).hexdigest()
        expected = statistics(before[path], after[path])
        assert set(entry) == set(expected)
        for field, value in expected.items():
            near = None if value is None else pytest.approx(value, rel=1e-5, abs=1e-6)
            assert entry[field] == near, (path, field)


def test_an_entry_of_a_tensor_that_was_zero():
    model = build("bert")
    model.bert.encoder.layer[0].output.dense.weight.data.zero_()
    receipt = corrupt(model, CorruptionSpec(level=0.25))
    entry = next(t for t in receipt.tensors if t["name"] == "encoder.layer.0.output.dense.weight")
    assert (entry["relative_l2"], entry["cosine"], entry["std_before"]) == (None, None, 0)
    assert entry["std_after"] > 0


@every
def test_totals_of_the_receipt(name):
    architecture, model = ARCHITECTURES[name], build(name)
    named = base_parameters(model)
    hit = in_layers(architecture, named, half_indices(name, "top"))
    scalars = sum(named[path].numel() for path in hit)
    encoder = sum(named[path].numel() for path in in_layers(architecture, named, range(LAYERS)))
    assert corrupt(model, CorruptionSpec(level=half(name), region="top")).summary == {
        "layers_hit": list(half_indices(name, "top")),
        "num_layers": architecture.layers,
        "layer_repeats": LAYERS // architecture.layers,
        "layer_stack": architecture.stack,
        "tensors": len(hit),
        "scalars": scalars,
        "fraction_of_encoder": scalars / encoder,
        "fraction_of_model": scalars / sum(p.numel() for p in model.parameters()),
        "requested_level": half(name),
        "untouched_tensors": len(tensors_of(model)) - len(hit),
        "untouched_bit_identical": True,
    }


def test_embeddings_count_for_the_model_but_not_for_the_encoder():
    model = build("bert")
    plain, more = (damaged(model, level=0.5, embeddings=flag)[1].summary for flag in (False, True))
    assert more["fraction_of_encoder"] == plain["fraction_of_encoder"] == 0.5
    assert more["fraction_of_model"] > plain["fraction_of_model"]


@pytest.mark.parametrize("kind", ["parameter", "buffer"])
def test_an_untouched_tensor_that_changes_is_reported(kind):
    """A tensor outside the damage shares its memory with one inside."""
    model = build("bert")
    weight = model.bert.encoder.layer[0].attention.self.query.weight
    if kind == "parameter":
        model.bert.pooler.alias = nn.Parameter(weight.data)
    else:
        model.bert.pooler.register_buffer("alias", weight.data)
    with pytest.raises(RuntimeError, match="tensors outside the damage changed: bert.pooler.alias$"):
        corrupt(model, CorruptionSpec(level=0.25))
    assert corrupt(model, CorruptionSpec(level=0.25, region="top")).summary["untouched_bit_identical"]


def test_the_receipt_is_json():
    spec = CorruptionSpec(level=0.5, region="top", seed=5, pooler=True)
    record = corrupt(build("bert"), spec).to_dict()
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert CorruptionSpec(**record["spec"]) == spec
    assert record["versions"] == {"torch": torch.__version__, "transformers": transformers.__version__}


# ---------------------------------------------------------------- the spec


def test_the_default_method_is_in_the_table():
    assert CorruptionSpec().method in METHODS
    values = torch.full((8, 4), math.nan)
    METHODS[CorruptionSpec().method](values, nn.Linear(4, 8), torch.Generator().manual_seed(0))
    assert values.abs().max() <= math.sqrt(6 / 4)


@pytest.mark.parametrize(
    "field, value, message",
    [
        ("level", 1.5, r"level 1.5 is not a fraction from 0 to 1$"),
        ("level", -0.1, r"level -0.1 is not a fraction"),
        ("level", math.nan, r"level nan is not a fraction"),
        ("level", math.inf, r"level inf is not a fraction from 0 to 1$"),
        ("level", 50, r"level 50 is not a fraction from 0 to 1; did you mean 0.5\?"),
        ("level", 25, r"did you mean 0.25\?"),
        ("region", "botom", r"region 'botom' is not known; did you mean 'bottom'\? \(known: bottom, top\)"),
        ("unit", "layers", r"unit 'layers' is not known; did you mean 'layer'\?"),
        ("method", "kaiming", r"method 'kaiming' is not known; did you mean 'kaiming_uniform'\?"),
        ("method", "zzz", r"method 'zzz' is not known \(known: kaiming_uniform"),
        ("seed", -1, r"seed -1 is negative"),
    ],
)
def test_refused_specs(field, value, message):
    with pytest.raises(UserError, match=message):
        CorruptionSpec(**{field: value})


def test_a_model_without_a_stack_is_refused():
    with pytest.raises(UserError, match="no stack of layers"):
        corrupt(nn.Linear(3, 3), CorruptionSpec(level=0.5))


def test_the_stack_of_the_damage_is_the_one_that_is_found():
    model = build("bert")
    stack = find_layers(model)
    corrupt(model, CorruptionSpec(level=0.25))
    assert torch.equal(stack.layers[0].output.LayerNorm.weight, torch.ones(32))
    assert not torch.equal(stack.layers[1].output.LayerNorm.weight, torch.ones(32))
