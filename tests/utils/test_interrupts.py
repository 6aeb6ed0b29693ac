"""A signal that comes while something must not be broken into interrupts after it."""

import os
import signal

import pytest

from healbert.utils.interrupts import CTRL_C


@pytest.fixture
def ours():
    before = signal.signal(signal.SIGTERM, CTRL_C)
    yield
    signal.signal(signal.SIGTERM, before)
    CTRL_C.since = None


@pytest.mark.usefixtures("ours")
def test_what_is_held_back_comes_to_its_end():
    done = []
    with pytest.raises(KeyboardInterrupt), CTRL_C.held_back():
        with CTRL_C.held_back():
            os.kill(os.getpid(), signal.SIGTERM)
            done.append("inner")
        done.append("outer")
    assert done == ["inner", "outer"]


@pytest.mark.usefixtures("ours")
def test_without_a_signal_nothing_is_raised_and_later_ones_interrupt():
    with CTRL_C.held_back():
        pass
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGTERM)
        signal.sigtimedwait([], 1)
