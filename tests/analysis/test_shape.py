"""What a curve over levels is called, by the signs of its steps."""

import types

import pytest

from healbert.analysis import shape


def step(sign, effect=0.1, interval=(-0.2, 0.2)):
    return types.SimpleNamespace(sign=sign, effect=effect, interval=interval, over_seeds=interval)


@pytest.mark.parametrize(
    ("signs", "found"),
    [
        ([], None),
        ([1], shape.ONE_STEP),
        ([1, 1], shape.STEADY),
        ([1, 0], shape.IN_PART),
        ([1, -1], shape.NOT_MONOTONE),
        ([-1], shape.NOT_MONOTONE),
        ([0], shape.FLAT),
    ],
)
def test_shape_by_the_signs_of_steps(signs, found):
    assert shape.shape(step(1), [step(sign) for sign in signs], step(0), 2.0) == found


def test_a_plateau_can_fall_by_less_than_half_of_the_first_step():
    steps = [step(0), step(0)]
    assert shape.shape(step(1, 0.5), steps, step(0, interval=(-0.1, 0.1)), 2.0) == shape.STEP
    assert shape.shape(step(1, 0.3), steps, step(0, interval=(-0.1, 0.1)), 2.0) == shape.FLAT
