"""Fractions of differences in words: their intervals, and why there is none."""

from .text import interval, number, percent

WIDEST = 2.0  # a fraction's interval (1 is 100 percentage points), beyond which it is not shown


def shown_interval(ratio):
    """A fraction's interval, or None where it is unbounded or so wide that it says nothing."""
    found = ratio.interval
    return found if found and found[1] - found[0] <= WIDEST else None


def fraction_note(ratio):
    """What to know beside a fraction: its interval, why it has none, or why the fraction itself is undefined."""
    if ratio.value is None:
        return f"the difference to divide by is {number(ratio.denominator)}"
    if ratio.denominator_interval is None or ratio.equal:
        return few_seeds(ratio)
    if ratio.interval is None:
        return "unbounded, as the difference to divide by may be zero"
    found = shown_interval(ratio)
    return interval(found, percent) if found else f"wider than {WIDEST * 100:.0f} points"


def few_seeds(found):
    """Why an `Estimate` or a `Ratio` has no interval over seeds."""
    if found.equal:
        return "the seeds do not differ"
    if found.pairs > 1 and not found.shared:
        return "no seed is repeated on a dataset"
    if not found.shared:
        return "one seed"
    return "only one seed that all datasets have" if found.seeds else "no seed that all datasets have"


def direction(metric):
    """A sentence on the sign of differences, with a space after it, where less of a metric is better; else ""."""
    if metric.greater_is_better:
        return ""
    return f"Smaller values of {metric.title} are better: in differences the sign is turned, so that worse is lost. "


def least_difference(metric):
    """From where on a difference is too small to divide by: "below 0.01"."""
    least = metric.smallest_difference
    return f"below {least:g}" if least else "zero or below"
