"""The table of healing strategies: `--healing NAME`. A new one is a file in this folder, or a plugin."""

from ...utils.options import read_options
from ...utils.registry import table
from . import full, linear_probe  # noqa: F401  each registers its strategy
from .base import Strategy


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


def make_strategy(name, options=None):
    """The strategy of that name.

    Args:
        name: one of `STRATEGIES`.
        options: what ``--healing_options`` holds: text such as "rank=8,alpha=16", a dict, or None.

    Raises:
        UserError: for what is no option of the strategy, or out of range.
    """
    kind = STRATEGIES[name]
    return kind(**read_options("--healing_options", options, {name: kind.options})[name])
