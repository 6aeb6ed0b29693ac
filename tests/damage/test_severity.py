"""The strength that reaches a severity: against the receipt, and what is said where there is none."""

import copy
import math

import pytest
import torch
from helpers.architectures import build
from helpers.damage import differing, tensors_of
from helpers.methods import lively

from healbert import CorruptionSpec, corrupt, match_severity, register
from healbert.damage.methods import METHODS
from healbert.damage.severity import read_severity
from healbert.utils.errors import UserError
from healbert.utils.options import Option


def spec_of(method, **more):
    return CorruptionSpec(level=0.5, method=method, seed=3, **more)


def hashes(receipt):
    return [(entry["name"], entry["sha256_after"]) for entry in receipt.tensors]


@pytest.mark.parametrize(
    "method, target",
    [
        ("gaussian_noise", 0.003),
        ("gaussian_noise", 5),
        ("uniform_noise", 0.5),
        ("scale", 0.25),
        ("scale", 2.5),
        ("sign_flip", 0.7),
        ("magnitude_prune", 0.3),
        ("random_prune", 0.3),
        ("low_rank", 0.5),
        ("interpolate", 0.4),
        ("normal", 3),
    ],
)
def test_the_target_is_reached_and_is_what_that_strength_does(method, target):
    model = lively()
    receipt = match_severity(model, spec_of(method), f"l2={target}")
    found = receipt.summary["severity"]
    assert found["metric"] == "l2" and found["target"] == target and found["tries"] >= 1
    assert found["reached"] == receipt.summary["relative_l2"] == pytest.approx(target, rel=0.02)
    other = lively()
    same = corrupt(other, spec_of(method, strength=float(f"{found['strength']:g}")))
    assert hashes(same) == hashes(receipt) and same.spec == receipt.spec
    assert not differing(tensors_of(other), tensors_of(model))


def test_the_same_again():
    one, other = (match_severity(lively(), spec_of("sign_flip"), "l2=0.7") for _ in range(2))
    assert one.to_dict() == other.to_dict()


def test_undo_after_many_tries():
    model = lively(dtype=torch.bfloat16)
    before = tensors_of(model)
    receipt = match_severity(model, spec_of("gaussian_noise"), "l2=0.5")
    assert receipt.summary["severity"]["tries"] > 2 and differing(before, tensors_of(model))
    receipt.undo(model)
    assert not differing(before, tensors_of(model))


class TestEvaluation:
    def test_is_of_the_damaged_model_and_changes_nothing(self):
        """The figure is the distance of one weight from where it was: as `relative_l2` would be, by hand."""
        model = lively()
        name = "encoder.layer.0.intermediate.dense.weight"
        before, seen = model.base_model.get_parameter(name).detach().clone(), []

        def distance(damaged):
            assert damaged is model
            seen.append(((damaged.base_model.get_parameter(name) - before).norm() / before.norm()).item())
            return seen[-1]

        found = match_severity(model, spec_of("gaussian_noise"), "kl=0.3", distance).summary["severity"]
        assert seen[-1] == found["reached"] == pytest.approx(0.3, rel=0.02)
        assert len(seen) == found["tries"]
        left = ((model.base_model.get_parameter(name) - before).norm() / before.norm()).item()
        assert left == found["reached"]

    def test_that_is_no_number_is_too_much(self):
        def figure(model):
            moved = model.base_model.encoder.layer[0].intermediate.dense.weight.abs().max().item()
            return moved / 10 if moved < 20 else math.nan

        found = match_severity(lively(), spec_of("gaussian_noise"), "f1_drop=1.5", figure).summary["severity"]
        assert found["reached"] == pytest.approx(1.5, rel=0.02)

    def test_figures_may_go_up_and_down(self):
        """Of a curve that falls between rises, some strength that reaches the target is found."""

        def figure(model):
            moved = model.base_model.encoder.layer[0].intermediate.dense.weight.abs().max().item()
            return moved + 2 * math.sin(3 * moved)

        found = match_severity(lively(), spec_of("gaussian_noise"), "f1_drop=30", figure).summary["severity"]
        assert found["reached"] == pytest.approx(30, rel=0.02)

    def test_that_fails_leaves_the_model_intact(self):
        model = lively()
        before = tensors_of(model)
        with pytest.raises(ZeroDivisionError):
            match_severity(model, spec_of("gaussian_noise"), "kl=1", lambda _: 1 / 0)
        assert not differing(before, tensors_of(model))


class TestWholeNumbers:
    def test_one_that_reaches_it(self):
        exact = corrupt(lively(), spec_of("quantize", strength=3)).summary["relative_l2"]
        found = match_severity(lively(), spec_of("quantize"), f"l2={exact * 1.01}").summary["severity"]
        assert (found["strength"], found["reached"]) == (3, exact)

    def test_between_two(self):
        figures = [corrupt(lively(), spec_of("quantize", strength=n)).summary["relative_l2"] for n in (4, 3)]
        model = lively()
        before = tensors_of(model)
        expected = rf"quantize gives {figures[0]:.4g} at strength 4 and {figures[1]:.4g} at 3, and nothing between"
        with pytest.raises(UserError, match=expected):
            match_severity(model, spec_of("quantize"), f"l2={sum(figures) / 2}")
        assert not differing(before, tensors_of(model))

    def test_one_that_is_near_enough(self):
        figures = [corrupt(lively(), spec_of("quantize", strength=n)).summary["relative_l2"] for n in (4, 3)]
        found = match_severity(lively(), spec_of("quantize"), f"l2={figures[1] * 0.8},within=0.3").summary["severity"]
        assert (found["strength"], found["reached"], found["within"]) == (3, figures[1], 0.3)


def test_the_most_need_not_lie_at_the_end():
    """With the sign of every value changed, two layers of a network give what they gave."""

    def figure(model):
        weight = model.base_model.encoder.layer[0].intermediate.dense.weight
        share = float((weight.sign() != signs).float().mean())
        return 4 * share * (1 - share)

    model = lively()
    signs = model.base_model.encoder.layer[0].intermediate.dense.weight.detach().sign()
    found = match_severity(model, spec_of("sign_flip"), "kl=0.5", figure).summary["severity"]
    assert found["reached"] == pytest.approx(0.5, rel=0.02) and found["strength"] < 0.5


class TestOutOfReach:
    def test_beyond_the_end(self):
        with pytest.raises(UserError, match=r"nearest that random_prune comes is 1, at strength 1; .*strength 1$"):
            match_severity(lively(), spec_of("random_prune", parameters=r"dense\.weight"), "l2=3")

    def test_below_the_mildest(self):
        """The norms and biases become 1 and 0 however small the new weights are."""
        with pytest.raises(UserError, match="nearest that normal comes"):
            match_severity(lively(), spec_of("normal"), "l2=0.01")

    def test_a_jump(self):
        def figure(model):
            return float(model.base_model.encoder.layer[0].intermediate.dense.weight.abs().max() > 7)

        with pytest.raises(UserError, match=r"gives 0 at strength .* and 1 at .*, and nothing between") as caught:
            match_severity(lively(), spec_of("gaussian_noise"), "f1_drop=0.5", figure)
        low, high = (float(part.split(" ")[0]) for part in _numbers(str(caught.value)))
        assert low < high < 1.0002 * low

    def test_a_rate_of_any_power_of_ten(self):
        """Upsets of the lowest bit: the figure is how many there are."""
        model, counted = lively(), lively()

        def flipped(damaged):
            pairs = zip(damaged.parameters(), counted.parameters(), strict=True)
            return sum(int((a != b).sum()) for a, b in pairs)

        spec = spec_of("bit_flip", options="bits=0")
        found = match_severity(model, spec, "kl=2000", flipped).summary["severity"]
        assert found["reached"] == pytest.approx(2000, rel=0.02)
        values = sum(entry["count"] for entry in corrupt(copy.deepcopy(counted), spec).tensors)
        assert found["strength"] == pytest.approx(2000 / values, rel=0.1)


def _numbers(message):
    first, _, rest = message.partition("at strength ")[2].partition(" and 1 at ")
    return first, rest.replace(",", " ")


class TestIdle:
    def test_of_an_intact_model(self):
        model = lively()
        before = tensors_of(model)
        receipt = match_severity(model, CorruptionSpec(level=0), "kl=0.5")
        assert "severity" not in receipt.summary and not differing(before, tensors_of(model))

    @pytest.mark.filterwarnings("ignore:level")
    def test_where_the_level_comes_to_no_layer(self):
        assert "severity" not in match_severity(lively(), CorruptionSpec(level=0.01, method="scale"), "l2=1").summary


class TestRefused:
    @pytest.mark.parametrize(
        "target, said",
        [
            ("l2", "is not METRIC=TARGET, such as l2=0.5"),
            ("", "is not METRIC=TARGET"),
            ("f1_dorp=0.5", "severity metric 'f1_dorp' is not known; did you mean 'f1_drop'"),
            ("l2=abc", "'abc' is not a number"),
            ("l2=", "'' is not a number"),
            ("kl=nan", "not above 0 and finite"),
            ("l2=0.5,within=x", "'x' is not a number"),
            ("l2=0.5,within=0", "within is a share of the target, above 0 and below 1"),
            ("l2=0.5,within=1", "within is a share of the target, above 0 and below 1"),
            ("kl=inf", "not above 0 and finite"),
            ("kl=-1", "not above 0 and finite"),
            ("f1_drop=0", "not above 0 and finite; of no damage, use level 0"),
        ],
    )
    def test_targets(self, target, said):
        with pytest.raises(UserError, match=said) as caught:
            read_severity(target)
        assert "\n" not in str(caught.value)

    def test_a_method_without_strength(self):
        with pytest.raises(UserError, match="method 'zero' has no strength .methods that have one: normal, bit_flip"):
            match_severity(build("bert"), CorruptionSpec(level=1, method="zero"), "l2=0.5")

    @pytest.mark.parametrize("more", [{"strength": 0.1}, {"options": "std=0.2"}])
    def test_a_strength_that_is_given(self, more):
        with pytest.raises(UserError, match="finds the strength .std of gaussian_noise.; leave it out"):
            match_severity(build("bert"), spec_of("gaussian_noise", **more), "l2=0.5")

    def test_no_evaluation(self):
        with pytest.raises(UserError, match="severity kl needs evaluate"):
            match_severity(build("bert"), spec_of("gaussian_noise"), "kl=0.5")


def test_a_plugins_method():
    """What it declares is enough: its range, and where it does nothing."""

    @register("method", "shrink_of_a_test", options={"to": Option(0.9, least=0, most=1)}, strength="to", mildest=1)
    def shrink(original, module, generator, to):
        return original * to

    spec = spec_of("shrink_of_a_test", components="ffn_in", parameters="weight")
    found = match_severity(lively(), spec, "l2=0.35").summary["severity"]
    assert found["strength"] == pytest.approx(0.65, abs=0.01)


def test_every_method_with_a_strength_says_where_it_is_mildest():
    """A step away from there moves less than the default does, or no more."""
    for name in (name for name in METHODS if METHODS[name].strength and name != "shrink_of_a_test"):
        method = METHODS[name]
        option = method.options[method.strength]
        mildest = option.least if method.mildest is None else method.mildest
        most, least = (
            corrupt(lively(), spec_of(name, strength=s)).summary["relative_l2"] for s in (option.default, mildest)
        )
        assert least < most or (name, least) == ("bit_flip", 0), name
