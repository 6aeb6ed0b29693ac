"""Pruning and compression, against plain loops."""

import numpy as np
import pytest
import torch
from helpers.architectures import build
from helpers.methods import BIAS, NORM, WEIGHT, damaged, values_of

from healbert import CorruptionSpec, corrupt
from healbert.utils.errors import UserError


def maps(found):
    return [pair for pair in found.values() if pair[0].ndim == 2]


def smallest(values, count):
    """Places of the ``count`` smallest sizes, by Python's own stable sorting."""
    return set(sorted(range(len(values)), key=lambda place: abs(values[place]))[:count])


class TestMagnitude:
    @pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
    def test_of_each_tensor(self, share):
        for before, after in maps(damaged("magnitude_prune", {"share": share})[0]):
            gone = smallest(before.flatten().tolist(), round(share * before.numel()))
            expected = [0.0 if place in gone else value for place, value in enumerate(before.flatten().tolist())]
            assert after.flatten().tolist() == expected

    @pytest.mark.parametrize("share", [0.0, 0.3, 0.77, 1.0])
    def test_over_all(self, share):
        pairs = maps(damaged("magnitude_prune", {"share": share, "scope": "all"})[0])
        before, after = (torch.cat([pair[i].flatten() for pair in pairs]).tolist() for i in (0, 1))
        gone = smallest(before, round(share * len(before)))
        assert after == [0.0 if place in gone else value for place, value in enumerate(before)]

    def test_over_all_where_many_are_equal(self):
        """Ties go in depth order, so that the share is exact."""
        model = build("bert")
        for name, parameter in model.base_model.named_parameters():
            if parameter.ndim == 2:
                torch.nn.init.constant_(parameter, 0.5 if ".layer.2." in name else 0.25)
        corrupt(model, CorruptionSpec(level=1, method="magnitude_prune", options="share=0.5,scope=all"))
        after = [p for name, p in values_of(model).items() if ".layer." in name and p.ndim == 2]
        assert sum((p == 0).sum().item() for p in after) == sum(p.numel() for p in after) // 2

    def test_norms_and_biases_stay(self):
        found, _ = damaged("magnitude_prune")
        assert torch.equal(*found[NORM]) and torch.equal(*found[BIAS])


class TestRandom:
    @pytest.mark.parametrize("scope", ["tensor", "all"])
    def test_exactly_the_share(self, scope):
        pairs = maps(damaged("random_prune", {"share": 0.3, "scope": scope})[0])
        counts = [(int((after == 0).sum()), round(0.3 * after.numel())) for _, after in pairs]
        if scope == "tensor":
            assert all(found == wanted for found, wanted in counts)
        else:
            assert sum(found for found, _ in counts) == round(0.3 * sum(after.numel() for _, after in pairs))
        assert all(((after == 0) | (after == before)).all() for before, after in pairs)

    def test_has_nothing_to_do_with_size(self):
        before, after = damaged("random_prune", "share=0.5")[0][WEIGHT]
        gone = before.abs()[after == 0]
        assert gone.mean().item() == pytest.approx(before.abs().mean().item(), rel=0.06)


class TestPattern:
    @pytest.mark.parametrize("keep, of", [(2, 4), (1, 4), (0, 3), (3, 5), (4, 4), (5, 100)])
    def test_groups_keep_their_largest(self, keep, of):
        for before, after in maps(damaged("pattern_prune", {"keep": keep, "of": of})[0]):
            for row, pruned in zip(before.tolist(), after.tolist(), strict=True):
                for start in range(0, len(row), of):
                    group, left = row[start : start + of], pruned[start : start + of]
                    kept = sorted(range(len(group)), key=lambda i: -abs(group[i]))[:keep]
                    assert left == [value if i in kept else 0.0 for i, value in enumerate(group)]

    def test_refused(self):
        with pytest.raises(UserError, match="keep 5 of 4 weights cannot be"):
            CorruptionSpec(method="pattern_prune", options="keep=5")


class TestQuantize:
    @pytest.mark.parametrize("bits, scope", [(8, "channel"), (3, "channel"), (4, "tensor"), (2, "tensor")])
    def test_rounds_to_steps(self, bits, scope):
        largest = 2 ** (bits - 1) - 1
        for before, after in maps(damaged("quantize", {"bits": bits, "scope": scope})[0]):
            for row, rounded in zip(before, after, strict=True):
                step = (row if scope == "channel" else before).abs().max().item() / largest
                expected = [np.round(value / step) * step for value in row.tolist()]
                # A value that lies between two steps may go to either in float32.
                near = [abs(abs(v / step) % 1 - 0.5) < 1e-4 for v in row.tolist()]
                assert all(n or abs(a - e) < 1e-5 for a, e, n in zip(rounded.tolist(), expected, near, strict=True))

    def test_nothing_but_zeros(self):
        model = build("bert")
        torch.nn.init.zeros_(model.bert.encoder.layer[0].output.dense.weight)
        corrupt(model, CorruptionSpec(level=1, method="quantize"))
        assert (model.bert.encoder.layer[0].output.dense.weight == 0).all()


class TestLowRank:
    @pytest.mark.parametrize("options, kept", [("rank=5", 5), ("share=0.25", 8), ("rank=1", 1)])
    def test_is_the_nearest_of_its_rank(self, options, kept):
        for before, after in maps(damaged("low_rank", options)[0]):
            left, values, right = np.linalg.svd(before.double().numpy(), full_matrices=False)
            assert np.allclose(after.numpy(), (left[:, :kept] * values[:kept]) @ right[:kept], atol=1e-4)

    def test_all_values_kept_change_nothing(self):
        assert torch.equal(*damaged("low_rank", "share=1")[0][WEIGHT])
