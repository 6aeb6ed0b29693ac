"""What two runs that were named say beside each other, in sentences."""

from ..analysis.predictions import classes_of
from .text import count, interval, number, p_value


def comparison(pair):
    """Sentences on a `Pair`; an empty list of None."""
    if pair is None:
        return []
    a, b = pair.runs
    left_out = f"; {pair.beyond:,} more, which one of them alone predicted, are left out" if pair.beyond else ""
    found = [
        f"A is {a.name}, B is {b.name}.",
        f"Both predicted {count(len(pair.ids), 'example')}{left_out}.",
        f"{a.metric.capital} of A minus that of B on them: {_signed(pair.difference)} "
        f"(95% interval {interval(pair.interval, _signed)}).",
    ]
    if classes_of(a):
        both, a_alone, b_alone, neither = pair.counts
        found.append(
            f"A alone is right on {a_alone:,} of them, B alone on {b_alone:,}, both on {both:,}, neither on {neither:,}"
            f" (McNemar's exact test: p {_p(pair.p)})."
        )
    return [*found, "This speaks of these two runs: what other seeds would give, it does not say."]


def _signed(value):
    return number(value, 4, sign=True)


def _p(p):
    text = p_value(p)
    return text if text.startswith("<") else f"= {text}"
