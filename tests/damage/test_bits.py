"""Bits that flip and bits that are stuck, against Python's own packing of numbers."""

import numpy as np
import pytest
import torch
from helpers.methods import WEIGHT, bits, damaged, naive_flips
from scipy import stats

from healbert import CorruptionSpec
from healbert.damage.methods.bits import bits_of
from healbert.damage.methods.draws import distinct, shares, successes
from healbert.utils.errors import UserError


def flipped(found):
    """Which bits differ: an array of shape (values, width)."""
    return np.concatenate([bits(before) ^ bits(after) for before, after in found.values()])


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


class TestDraws:
    @pytest.mark.parametrize("rate", [0.003, 0.05, 0.5])
    def test_successes_are_independent_and_as_likely_as_said(self, rate):
        trials, repeats = 400, 500
        ours = [successes(trials, rate, generator(seed)).tolist() for seed in range(repeats)]
        naive = [naive_flips(trials, rate, seed) for seed in range(repeats)]
        assert all(found == sorted(set(found)) and set(found) <= set(range(trials)) for found in ours)
        assert stats.binomtest(sum(map(len, ours)), trials * repeats, rate).pvalue > 1e-4
        assert stats.ks_2samp([len(f) for f in ours], [len(f) for f in naive]).pvalue > 1e-4
        by_place = np.bincount(np.concatenate([np.array(f, dtype=int) for f in ours]), minlength=trials)
        assert stats.chisquare(by_place.reshape(20, -1).sum(1)).pvalue > 1e-4

    def test_ends(self):
        assert successes(50, 1.0, generator()).tolist() == list(range(50))
        assert len(successes(50, 0.0, generator())) == 0
        assert len(successes(10**12, 1e-300, generator())) == 0

    @pytest.mark.parametrize("count, total", [(3, 7), (5, 7), (7, 7), (0, 7)])
    def test_every_set_of_places_is_as_likely(self, count, total):
        found = [frozenset(distinct(count, total, generator(seed)).tolist()) for seed in range(700)]
        assert all(len(places) == count and places <= set(range(total)) for places in found)
        by_set = list({places: found.count(places) for places in found}.values())
        assert len(by_set) == 1 or stats.chisquare(by_set).pvalue > 1e-4

    def test_shares_of_tensors(self):
        counts = [shares(40, {"a": 100, "b": 300}, seed) for seed in range(200)]
        assert all(found["a"] + found["b"] == 40 for found in counts)
        mean = np.mean([found["a"] for found in counts])
        assert mean == pytest.approx(10, abs=4 * (10 * 0.75 * (360 / 399) / 200) ** 0.5)


class TestBitFlip:
    @pytest.mark.parametrize("rate", [1e-3, 0.2])
    def test_rate(self, rate):
        found, _ = damaged("bit_flip", {"rate": rate})
        differing = flipped(found)
        assert stats.binomtest(int(differing.sum()), differing.size, rate).pvalue > 1e-4
        assert stats.chisquare(differing.sum(0)).pvalue > 1e-4, "every bit as often"

    def test_number(self):
        found, _ = damaged("bit_flip", "flips=37")
        assert flipped(found).sum() == 37
        assert sum(not torch.equal(*pair) for pair in found.values()) > 1, "over all that is hit"
        counts = [np.flatnonzero(flipped(damaged("bit_flip", "flips=1", seed=seed)[0])) for seed in (0, 1)]
        assert counts[0] != counts[1]

    @pytest.mark.parametrize(
        "named, allowed",
        [("sign", {31}), ("exponent", set(range(23, 31))), ("mantissa", set(range(23))), ("0+30-31", {0, 30, 31})],
    )
    def test_given_bits(self, named, allowed):
        differing = flipped(damaged("bit_flip", {"rate": 0.02, "bits": named})[0])
        assert set(np.flatnonzero(differing.any(0))) == allowed
        assert stats.binomtest(int(differing.sum()), len(differing) * len(allowed), 0.02).pvalue > 1e-4

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
    def test_in_the_models_own_type(self, dtype):
        differing = flipped(damaged("bit_flip", "flips=25", dtype=dtype)[0])
        assert differing.shape[1] == 16 and differing.sum() == 25

    def test_as_if_stored_in_another_type(self):
        before, after = damaged("bit_flip", "flips=12,type=float16,bits=mantissa")[0][WEIGHT]
        rounded = before.half().float()
        assert (after == rounded).float().mean() > 0.99
        found, _ = damaged("bit_flip", "flips=12,type=float16,bits=mantissa")
        assert sum((a != b.half().float()).sum().item() for b, a in found.values()) in range(11, 13)

    def test_int8(self):
        before, after = damaged("bit_flip", "rate=0,type=int8")[0][WEIGHT]
        step = before.abs().max().item() / 127
        assert torch.allclose(after, (before / step).round() * step, atol=1e-6)
        found, _ = damaged("bit_flip", "rate=0.01,type=int8,bits=7")
        for name, (_, spoilt) in found.items():
            clean = damaged_clean(name)
            moved = ((spoilt - clean) / (clean_step(name))).round()
            assert set(moved.abs().unique().tolist()) <= {0, 128}, "the highest bit of int8 is worth -128"

    def test_neighbouring_bits(self):
        differing = flipped(damaged("bit_flip", "flips=30,width=3,bits=exponent")[0])
        rows = [np.flatnonzero(row).tolist() for row in differing if row.any()]
        assert all(row[-1] - row[0] <= 7 for row in rows)
        assert sum(row == list(range(row[0], row[0] + 3)) for row in rows) >= 25, "two upsets seldom meet"

    def test_not_finite_as_it_comes_or_clamped(self):
        found, receipt = damaged("bit_flip", "rate=0.5,bits=exponent")
        after = torch.cat([pair[1].flatten() for pair in found.values()])
        assert not after.isfinite().all() or after.abs().max() > 1e30
        found, _ = damaged("bit_flip", "rate=0.5,bits=exponent,nonfinite=clamp")
        for before, after in found.values():
            assert (
                after.isfinite().all() and after.min() >= min(before.min(), 0) and after.max() <= max(before.max(), 0)
            )

    @pytest.mark.parametrize(
        "options, message",
        [
            ("bits=40", "--corrupt_options bits: bits '40' are not all in float32"),
            ("type=float32,bits=32", "bits '32' are not all in float32: it has bits 0 to 31"),
            ("type=int8,bits=exponent", "bits 'exponent' are not known in int8: use any, sign, or numbers"),
            ("type=int4", "type 'int4' is not known"),
            ("rate=2", "rate 2 is out of range: 0 to 1"),
            ("width=9,bits=exponent", "bits 'exponent' of float32 hold no 9 neighbouring bits"),
            ("flips=100000000", "100000000 is more than half of the .* places that there are; use a rate"),
        ],
    )
    def test_refused(self, options, message):
        with pytest.raises(UserError, match=message.removeprefix("--corrupt_options bits: ")):
            damaged("bit_flip", options)

    def test_wrong_bits_are_refused_before_any_model(self):
        with pytest.raises(UserError, match="bits 'exponent' are not known in int8"):
            CorruptionSpec(level=1, method="bit_flip", options="type=int8,bits=exponent")


def damaged_clean(name):
    return damaged("bit_flip", "rate=0,type=int8")[0][name][1]


def clean_step(name):
    return damaged("bit_flip", "rate=0,type=int8")[0][name][0].abs().max().item() / 127


class TestStuckAt:
    @pytest.mark.parametrize("value", [0, 1])
    def test_bits_are_stuck(self, value):
        found, _ = damaged("stuck_at", {"value": value, "bits": "29+31", "share": 1})
        for before, after in found.values():
            expected = bits(before)
            expected[:, [29, 31]] = value
            assert np.array_equal(bits(after), expected)

    def test_share(self):
        found, _ = damaged("stuck_at", "share=0.1,bits=0")
        before = np.concatenate([bits(pair[0])[:, 0] for pair in found.values()])
        changed = flipped(found)[:, 0]
        assert not changed[before].any(), "what is 1 stays 1"
        assert stats.binomtest(int(changed.sum()), int((~before).sum()), 0.1).pvalue > 1e-4


def test_names_of_bits():
    assert bits_of("exponent", "bfloat16") == list(range(7, 15))
    assert bits_of("any", "int8") == list(range(8))
    assert bits_of("3-5+5+0", "float16") == [0, 3, 4, 5]
