"""The table of healing strategies: `--healing NAME`. A new one is a file in this folder, or a plugin."""

from ...utils.errors import UserError, check_choice
from ...utils.options import read_options
from ...utils.registry import table
from . import (  # noqa: F401  each registers its own
    continued,
    distill,
    full,
    linear_probe,
    longer,
    low_rank,
    only,
    phases,
    rates,
    start,
)
from .base import Strategy
from .combined import Combined


def _entry(kind, **attributes):
    """The class of a strategy, with what was given to ``register`` in place of its own attributes."""
    if not (isinstance(kind, type) and issubclass(kind, Strategy)):
        raise TypeError(f"{kind!r} is not a class derived from healbert.healing.strategies.base.Strategy")
    if kind.prepare is Strategy.prepare:
        raise TypeError("it does not say which parameters train; give it a method prepare(self, model, receipt)")
    unknown = [name for name in attributes if not hasattr(Strategy, name)]
    if unknown:
        raise TypeError(f"a strategy has no attribute '{unknown[0]}'")
    # A class of its own, so that one class can be registered twice, with other options.
    return type(kind.__name__, (kind,), attributes) if attributes else kind


STRATEGIES = table("strategy", _entry)


def strategy_names(healing):
    """The strategies that ``--healing`` names, with commas between them: a list, sorted, as their order means nothing.

    Raises:
        UserError: for one that is not known, or that is named twice.
    """
    names = [name.strip() for name in str(healing).split(",")]
    for name in names:
        check_choice("healing", name, STRATEGIES)
        if names.count(name) > 1:
            raise UserError(f"--healing {healing} names {name} twice")
    return sorted(names)


def healing_options(healing, options=None):
    """The values of all options of the strategies that are named, and what they declare.

    Args:
        healing: names as of `strategy_names`.
        options: what ``--healing_options`` holds: text such as "rank=8,alpha=16" (of several strategies
            "lora.rank=8"), a dict, or None.

    Returns:
        tuple: {strategy: {option: value}}, {strategy: {option: `Option`}}.

    Raises:
        UserError: for what is no option of them, or out of range.
    """
    declared = {name: STRATEGIES[name].options for name in strategy_names(healing)}
    return read_options("--healing_options", options, declared), declared


def make_strategy(healing, options=None):
    """The strategy of that name, or the combination of several.

    Args:
        healing: one of `STRATEGIES`, or several with commas between them.
        options: as of `healing_options`.

    Raises:
        UserError: for options that are none, and for strategies that contradict each other.
    """
    values, _ = healing_options(healing, options)
    parts = {name: STRATEGIES[name](**settings) for name, settings in values.items()}
    for name, part in parts.items():
        part.called = name
    return Combined(parts) if len(parts) > 1 else parts[name]
