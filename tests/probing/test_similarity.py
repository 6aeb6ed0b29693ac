"""CKA, distances and cosines against other ways to work them out."""

import itertools

import numpy as np
import pytest
import torch

from healbert.probing.similarity import cosine, distance, linear_cka, sums_of


def by_definition(first, second):
    """Debiased CKA, each HSIC as the mean over all ordered quadruples of different examples (Song et al. 2012)."""
    kernels = [states @ states.T for states in (first, second)]

    def hsic(k, m):
        terms = [
            k[i, j] * (m[i, j] + m[q, r] - 2 * m[i, q]) for i, j, q, r in itertools.permutations(range(len(first)), 4)
        ]
        return np.mean(terms)

    own = [hsic(kernel, kernel) for kernel in kernels]
    return hsic(*kernels) / np.sqrt(own[0] * own[1])


def biased(first, second):
    """Linear CKA by its feature-space form (Kornblith et al. 2019, equation 4)."""
    first, second = (states - states.mean(0) for states in (first, second))
    across = np.linalg.norm(first.T @ second) ** 2
    return across / np.linalg.norm(first.T @ first) / np.linalg.norm(second.T @ second)


@pytest.mark.parametrize("seed", range(3))
def test_cka_is_what_its_definition_gives(seed):
    rng = np.random.default_rng(seed)
    first = rng.normal(size=(8, 5)) + 3
    second = first[:, :3] + rng.normal(size=(8, 3))
    assert linear_cka(first, second) == pytest.approx(by_definition(first, second), rel=1e-9)


def test_cka_of_many_examples_is_as_without_the_correction():
    rng = np.random.default_rng(0)
    first = rng.normal(size=(3000, 6)) * [5, 4, 3, 2, 1, 1]
    second = first @ rng.normal(size=(6, 4)) + rng.normal(size=(3000, 4))
    assert linear_cka(first, second) == pytest.approx(biased(first, second), abs=3e-3)


def test_cka_knows_no_rotation_scale_or_shift():
    rng = np.random.default_rng(1)
    first = rng.normal(size=(40, 7))
    turned = 3 * first @ np.linalg.qr(rng.normal(size=(7, 7)))[0] - 5
    assert linear_cka(first, turned) == pytest.approx(1)
    assert linear_cka(first, turned) == pytest.approx(linear_cka(turned, first))


def test_cka_of_independent_features_is_0_where_the_uncorrected_is_near_1():
    rng = np.random.default_rng(2)
    pairs = [(rng.normal(size=(32, 400)), rng.normal(size=(32, 400))) for _ in range(20)]
    assert abs(np.mean([linear_cka(*pair) for pair in pairs])) < 0.02
    assert np.mean([biased(*pair) for pair in pairs]) > 0.9


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_cka_is_undefined_without_variation_or_finite_values(bad):
    states = np.random.default_rng(0).normal(size=(8, 3))
    assert linear_cka(states, np.full((8, 3), bad)) is None
    assert linear_cka(states, np.ones((8, 3))) is None


def test_distance_and_cosine_add_up_over_tensors():
    rng = torch.Generator().manual_seed(0)
    now, reference = ([torch.randn(4, 3, generator=rng), torch.randn(5, generator=rng)] for _ in range(2))
    sums = sum(sums_of(*pair) for pair in zip(now, reference, strict=True))
    a, b = (torch.cat([one.flatten() for one in tensors]).double().numpy() for tensors in (now, reference))
    assert distance(sums, sums[3]) == pytest.approx(np.linalg.norm(a - b) / np.linalg.norm(b))
    assert cosine(sums) == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_what_has_no_length_has_no_figures():
    nothing, some = torch.zeros(3), torch.ones(3)
    assert cosine(sums_of(nothing, some)) is None and cosine(sums_of(some, nothing)) is None
    assert distance(sums_of(some, nothing), 0.0) is None
    assert distance(sums_of(some * torch.inf, some), 3.0) is None and cosine(sums_of(some * torch.nan, some)) is None
