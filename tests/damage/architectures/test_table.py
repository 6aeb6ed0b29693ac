"""Every architecture that classifies texts in transformers, and more, against what was read in its source."""

import pytest
from helpers.architecture_page import render
from helpers.architecture_table import check, table
from helpers.small import ROOT
from helpers.small_models import CLASSIFIERS

# One of each kind; the others are slow in all.
FAST = (
    *("albert", "bart", "bert", "canine", "doge", "funnel", "gemma", "gemma3", "gpt_oss", "mixtral", "modernvbert"),
    *("nemotron", "perceiver", "qwen3_next", "squeezebert", "t5", "xlm", "xlnet", "zamba", "zamba2", "llama4_text"),
)
NAMES = sorted({*CLASSIFIERS, *table()})


@pytest.mark.parametrize("name", [n if n in FAST else pytest.param(n, marks=pytest.mark.slow) for n in NAMES])
def test_what_was_read_in_the_source(name):
    check(name)


def test_no_architecture_is_untested():
    """An architecture that is new in transformers fails here until its source has been read."""
    assert [f"{name}: untested" for name in CLASSIFIERS if name not in table()] == []


def test_the_page_is_up_to_date():
    """It is written by write_page.py, which checks every row first; the tests above do so here."""
    assert (ROOT / "docs" / "architectures.md").read_text() == render(table())
