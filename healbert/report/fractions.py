"""What damage cost and how far healing came, in words: differences, fractions of them, the leading sentences."""

from ..analysis.collect import ALL, INTACT
from .text import DASH, count, interval, number, percent

WIDEST = 2.0  # a fraction's interval (1 is 100 percentage points), beyond which it is not shown


def recovery_text(ratio):
    """A fraction (`statistics.Ratio`) with its interval, or why there is none."""
    if ratio is None:
        return DASH
    if ratio.value is None:
        return f"undefined: {fraction_note(ratio)}"
    interval_or_none = "95% interval" if shown_interval(ratio) else "no interval:"
    return f"{percent(ratio.value)} ({interval_or_none} {fraction_note(ratio)})"


def shown_interval(ratio):
    """A fraction's interval, or None where it is unbounded or so wide that it says nothing."""
    found = ratio.interval
    return found if found and found[1] - found[0] <= WIDEST else None


def fraction_note(ratio):
    """What to know beside a fraction: its interval, why it has none, or why the fraction itself is undefined."""
    if ratio.value is None:
        return f"the difference to divide by is {number(ratio.denominator)}"
    if ratio.denominator_interval is None:
        return few_seeds(ratio)
    if ratio.interval is None:
        return "unbounded, as the difference to divide by may be zero"
    found = shown_interval(ratio)
    return interval(found, percent) if found else f"wider than {WIDEST * 100:.0f} points"


def few_seeds(found):
    """Why an `Estimate` or a `Ratio` has no interval over seeds."""
    if found.pairs > 1 and not found.shared:
        return "no seed is repeated on a dataset"
    if not found.shared:
        return "one seed"
    return "only one seed that all datasets have" if found.seeds else "no seed that all datasets have"


def estimate_text(estimated):
    """A difference of scores (`statistics.Estimate`) with its interval."""
    if estimated.over_seeds is None:
        return f"{number(estimated.effect)} (no interval over seeds: {few_seeds(estimated)})"
    over = ", over seeds only" if estimated.basis == "seeds" else ""
    return f"{number(estimated.effect)} (95% interval {interval(estimated.interval)}{over})"


def direction(metric):
    """A sentence on the sign of differences, with a space after it, where less of a metric is better; else ""."""
    if metric.greater_is_better:
        return ""
    return f"Smaller values of {metric.title} are better: in differences the sign is turned, so that worse is lost. "


def least_difference(metric):
    """From where on a difference is too small to divide by: "below 0.01"."""
    least = metric.smallest_difference
    return f"below {least:g}" if least else "zero or below"


LEAD = (  # (field of a `Cost`, its figure, how it is written, the sentence)
    (
        "lost",
        "effect",
        estimate_text,
        "Still lost (intact minus healed {title}, after the same training): {ends}.",
    ),
    (
        "retained",
        "value",
        recovery_text,
        "Of what all pretrained layers add (intact minus from scratch), the layers that stayed intact retained {ends}.",
    ),
    (
        "recovery",
        "value",
        recovery_text,
        "Of the way from the damaged model's score before healing to the intact model's after the same training, "
        "healing covered {ends}.",
    ),
)


def lead(costs, metric, dataset=None):
    """What damage cost and how far healing came: a list of up to three sentences.

    Args:
        costs: list of `contrasts.Cost`.
        metric: the `Metric` of their scores.
        dataset: the one to speak of; default: all together, or the only one.
    """
    wanted = [cost for cost in costs if cost.dataset == dataset]
    if dataset is None and not wanted:
        wanted = costs
    return [sentence for parts in LEAD if (sentence := _lead_sentence(wanted, metric, *parts))]


def _lead_sentence(costs, metric, name, figure, form, sentence):
    damaged = [cost for cost in costs if cost.damage != INTACT and not (name == "retained" and cost.damage == ALL)]
    known = [cost for cost in damaged if getattr(getattr(cost, name), figure, None) is not None]
    if not known:
        return ""

    def part(cost):
        where = f" on {cost.dataset}" if cost.dataset and len({c.dataset for c in known}) > 1 else ""
        return f"{form(getattr(cost, name))} with {cost.label} damaged{where}"

    ordered = sorted(known, key=lambda cost: getattr(getattr(cost, name), figure))
    ends = [part(ordered[0])] if len(known) == 1 else [f"from {part(ordered[0])},", f"to {part(ordered[-1])}"]
    told = " ".join([*ends, _coverage(len(known), len(damaged))]).strip()
    return sentence.format(title=metric.title, ends=told)


def _coverage(known, total):
    if known == total:
        return f"(least and most of {total} kinds of damage)" if total > 2 else ""
    return f"({known} of {count(total, 'kind')} of damage; the other {total - known} cannot be told)"
