"""Methods that give values by a formula: each against the formula, written another way."""

import math

import numpy as np
import pytest
import torch
from helpers.architectures import build
from helpers.methods import BIAS, NORM, WEIGHT, damaged, drawn

from healbert import CorruptionSpec, corrupt
from healbert.damage.methods import METHODS
from healbert.utils.errors import UserError

LAYERS = 4


def maps(found):
    return {name: pair for name, pair in found.items() if pair[0].ndim == 2}


class TestRandomInitialisation:
    def test_normal(self):
        found, _ = damaged("normal", "std=0.3")
        after = torch.cat([pair[1].flatten() for pair in maps(found).values()])
        assert after.std() == pytest.approx(0.3, rel=0.02) and abs(after.mean()) < 5 * 0.3 / len(after) ** 0.5
        expected = torch.empty(64, 32).normal_(0, 1, generator=drawn(WEIGHT)) * 0.3
        assert torch.allclose(found[WEIGHT][1], expected)

    def test_xavier_uniform(self):
        found, _ = damaged("xavier_uniform", "gain=2")
        bound = 2 * math.sqrt(6 / (64 + 32))
        after = found[WEIGHT][1]
        assert after.abs().max() <= bound and after.abs().max() > 0.98 * bound
        assert after.std() == pytest.approx(bound / math.sqrt(3), rel=0.05)

    @pytest.mark.parametrize("path, size", [(WEIGHT, 32), (WEIGHT.replace("intermediate", "output"), 32)])
    def test_orthogonal(self, path, size):
        """Orthonormal along the shorter side, and what numpy's QR makes of the same draw, signs as of torch."""
        after = damaged("orthogonal", "gain=3")[0][path][1].double().numpy()
        tall = after if after.shape[0] >= after.shape[1] else after.T
        assert np.allclose(tall.T @ tall, 9 * np.eye(size), atol=1e-4)
        draw = torch.empty(after.shape).normal_(0, 1, generator=drawn(path)).double().numpy()
        q, r = np.linalg.qr(draw if draw.shape[0] >= draw.shape[1] else draw.T)
        assert np.allclose(tall, 3 * q * np.sign(np.diag(r)), atol=1e-5)

    @pytest.mark.parametrize("method", ["normal", "xavier_uniform", "orthogonal", "zero", "constant"])
    def test_norms_are_one_and_biases_zero(self, method):
        found, _ = damaged(method)
        assert (found[NORM][1] == 1).all() and (found[BIAS][1] == 0).all()


class TestNoise:
    @pytest.mark.parametrize("path", [WEIGHT, NORM, BIAS])
    def test_gaussian_in_units_of_each_tensor(self, path):
        before, after = damaged("gaussian_noise", "std=0.5")[0][path]
        noise = torch.empty(before.shape).normal_(0, 1, generator=drawn(path))
        unit = math.sqrt(np.mean((before.numpy() - before.numpy().mean()) ** 2))
        assert torch.allclose(after, before + 0.5 * unit * noise, atol=1e-6)

    def test_gaussian_absolute(self):
        before, after = damaged("gaussian_noise", "std=0.5,relative=false")[0][WEIGHT]
        assert (after - before).std() == pytest.approx(0.5, rel=0.05)

    def test_uniform(self):
        before, after = damaged("uniform_noise", "width=0.5,relative=false")[0][WEIGHT]
        assert 0.49 < (after - before).abs().max() <= 0.5
        assert (after - before).std() == pytest.approx(0.5 / math.sqrt(3), rel=0.05)

    def test_no_noise_changes_nothing(self):
        found, receipt = damaged("gaussian_noise", "std=0")
        assert all(torch.equal(*pair) for pair in found.values())
        assert all(entry["sha256_before"] == entry["sha256_after"] for entry in receipt.tensors)


class TestPlainValues:
    def test_zero_and_constant(self):
        assert (damaged("zero")[0][WEIGHT][1] == 0).all()
        assert (damaged("constant", "value=-2.5")[0][WEIGHT][1] == -2.5).all()

    @pytest.mark.parametrize("path", [WEIGHT, NORM, BIAS])
    def test_scale(self, path):
        before, after = damaged("scale", "factor=0.25")[0][path]
        assert torch.equal(after, before / 4)

    def test_sign_flip(self):
        assert all(torch.equal(after, -before) for before, after in damaged("sign_flip")[0].values())
        found, _ = damaged("sign_flip", "share=0.25")
        changed = torch.cat([(a != b).flatten() for a, b in found.values()]).float().mean().item()
        assert all(torch.equal(before.abs(), after.abs()) for before, after in found.values())
        assert changed == pytest.approx(0.25, abs=0.02)


class TestOrder:
    def test_shuffled_entries(self):
        before, after = damaged("shuffle")[0][WEIGHT]
        assert sorted(before.flatten().tolist()) == sorted(after.flatten().tolist())
        assert (before == after).float().mean() < 0.01

    @pytest.mark.parametrize("what, dimension", [("rows", 0), ("columns", 1)])
    def test_rows_and_columns(self, what, dimension):
        before, after = damaged("shuffle", f"what={what}")[0][WEIGHT]
        lines = [sorted(map(tuple, t.movedim(dimension, 0).tolist())) for t in (before, after)]
        assert lines[0] == lines[1] and not torch.equal(before, after)

    def test_norms_and_biases_stay(self):
        found, _ = damaged("shuffle")
        assert torch.equal(*found[NORM]) and torch.equal(*found[BIAS])


def layer(found, index, stage):
    start = f"encoder.layer.{index}."
    return {name.removeprefix(start): pair[stage] for name, pair in found.items() if name.startswith(start)}


def same(first, second):
    return all(torch.equal(first[name], second[name]) for name in first)


class TestLayersInOtherPlaces:
    def test_reverse(self):
        found, _ = damaged("reverse_layers")
        assert all(same(layer(found, i, 1), layer(found, LAYERS - 1 - i, 0)) for i in range(LAYERS))

    def test_permute(self):
        found, receipt = damaged("permute_layers", seed=3)
        sources = [
            next(j for j in range(LAYERS) if same(layer(found, i, 1), layer(found, j, 0))) for i in range(LAYERS)
        ]
        assert sorted(sources) == list(range(LAYERS)) and sources != list(range(LAYERS))
        assert receipt.to_dict() == damaged("permute_layers", seed=3)[1].to_dict()
        others = {tuple(t["sha256_after"] for t in damaged("permute_layers", seed=s)[1].tensors) for s in range(6)}
        assert len(others) > 1

    @pytest.mark.parametrize("seed", range(4))
    def test_two_layers_always_change_places(self, seed):
        found, _ = damaged("permute_layers", level=0.5, seed=seed)
        assert same(layer(found, 0, 1), layer(found, 1, 0)) and same(layer(found, 1, 1), layer(found, 0, 0))
        assert same(layer(found, 2, 1), layer(found, 2, 0))

    def test_repeat(self):
        found, _ = damaged("repeat_layer", "source=1", level=0.5, region="top")
        assert all(same(layer(found, i, 1), layer(found, 3, 0)) for i in (2, 3))

    def test_refused(self):
        with pytest.raises(UserError, match="source 2 is not there: 2 layers are hit"):
            damaged("repeat_layer", "source=2", level=0.5)
        with pytest.raises(UserError, match="'reverse_layers' moves whole layers; leave out .*embeddings"):
            damaged("reverse_layers", embeddings=True)
        with pytest.raises(UserError, match="'reverse_layers' cannot be used: layers 0, 1, 2, 3 are not alike"):
            corrupt(build("modernbert"), CorruptionSpec(level=1, method="reverse_layers"))


def test_every_strength_is_a_number():
    for name, method in METHODS.items():
        if method.strength:
            default = method.options[method.strength].default
            assert isinstance(default, (int, float)) and not isinstance(default, bool), name


@pytest.mark.parametrize("method", [name for name in METHODS if not METHODS[name].donor and not METHODS[name].drops])
def test_same_bits_again(method):
    first, again = (damaged(method, level=0.5)[1].to_dict() for _ in range(2))
    assert first == again


@pytest.mark.parametrize("method", [n for n in METHODS if METHODS[n].prepare is None and not METHODS[n].drops])
def test_more_damage_contains_less(method):
    less, more = (
        {entry["name"]: entry["sha256_after"] for entry in damaged(method, level=level)[1].tensors}
        for level in (0.5, 1)
    )
    assert less.items() <= more.items()
