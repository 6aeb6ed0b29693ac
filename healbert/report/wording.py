"""Figures and verdicts in words that need no statistics to be read."""

import re

from .collect import ALL, INTACT
from .verdicts import FAILS, HOLDS, NEGLIGIBLE, POOLED

MINUS, PLUS_MINUS, DASH = "\u2212", "\u00b1", "\u2013"
NOT_COMPARED = "The paper's claims: not enough data; they need intact and damaged cells of the same seeds."
NO_GLYPH = "Some names have characters that the pictures' font lacks: boxes in figures/ stand for them."
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
WIDEST = 2.0  # a share's interval (1 is 100 percentage points), beyond which it is not told


def clean(text):
    """Text without characters that steer a terminal or turn the reading direction; a sign stands in their place."""
    return STEERING.sub("\ufffd", text)


def number(value, digits=3, sign=False):
    """A figure for reading, with a true minus sign; an en dash if it is missing."""
    if value is None:
        return DASH
    text = f"{value:{'+' if sign else ''}.{digits}f}"
    if float(text) == 0:
        text = text.lstrip("+-")
    return text.replace("-", MINUS)


def percent(value):
    return DASH if value is None else f"{100 * value:.1f}%".replace("-", MINUS)


def interval(pair, form=number):
    """``low to high``, or an en dash."""
    return DASH if pair is None else f"{form(pair[0])} to {form(pair[1])}"


def rate_text(rate):
    """A learning rate: 5e-5."""
    if not isinstance(rate, (int, float)):
        return DASH
    digits, exponent = f"{rate:.3e}".split("e")
    return f"{float(digits):g}e{int(exponent)}" if 0 < rate < 0.01 else f"{rate:g}"


def p_value(p):
    if p is None:
        return DASH
    return "< 0.0001" if p < 0.0001 else f"{p:.4f}" if p < 0.01 else f"{p:.3f}"


def count(n, one, many=None):
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def finding(verdict):
    """What the figures of a `Verdict` say, in full sentences."""
    if verdict.estimated is None:
        return f"There is nothing to compare yet: {'; '.join(verdict.notes) or 'no cells'}."
    where = f"Over {count(verdict.datasets, 'dataset')}" if verdict.scope == POOLED else f"On {verdict.scope}"
    return " ".join([f"{where}, {_effect(verdict)}.", _judgement(verdict), *verdict.rises])


def _effect(verdict):
    effect = verdict.estimated.effect
    size = f"{number(abs(effect))} weighted F1"
    up = effect >= 0
    if verdict.claim.letter == "a":
        text = f"the healed models stay {size} {'below' if up else 'above'} the intact ones"
    elif verdict.claim.trend:
        text = f"each further quarter of damage {'costs' if up else 'adds'} {size}"
    else:
        text = f"bottom damage costs {size} {'more' if up else 'less'} than top damage"
    spread = verdict.estimated.interval
    if spread is None:
        return f"{text}, from one seed"
    of_what = "" if effect >= 0 else ", counted in the claim's direction"
    return f"{text} (95% interval {interval(spread)}{of_what}, over {verdict.estimated.basis})"


def _judgement(verdict):
    estimated, test = verdict.estimated, verdict.test
    tested = f"{test.name}, {count(estimated.pairs, 'pair')}, p = {p_value(test.p)}"
    tested += f", corrected {p_value(verdict.p_corrected)}"
    tested = tested.replace("= <", "<")
    if verdict.verdict == HOLDS:
        return f"Chance of the seeds alone would seldom give such a result ({tested})."
    if verdict.verdict == FAILS:
        if estimated.interval[1] < 0:
            return f"This is the opposite of the claim ({tested})."
        return f"An effect of {NEGLIGIBLE} or more in the claim's direction can be ruled out ({tested})."
    return f"{_why_open(verdict)}{_wanted(verdict)}"


def _why_open(verdict):
    test, estimated = verdict.test, verdict.estimated
    if test.p is None:
        if estimated.error == 0:
            return "The seeds do not differ at all, so that nothing can be said of other seeds."
        pairs = count(estimated.pairs, "pair")
        return f"With {pairs} nothing can be said of how much seeds differ; two or more per dataset are needed."
    least = test.least_p
    if least is not None and least >= 0.05:
        return f"With so few pairs even a perfect result gives p = {p_value(least)} ({test.name})."
    name = f"{test.name}, {count(estimated.pairs, 'pair')}"
    if verdict.p_corrected < 0.05:
        found = f"The test over seeds finds it ({name}, corrected p = {p_value(verdict.p_corrected)})"
        return f"{found}, but the interval, which counts the choice of examples too, reaches zero."
    return f"Chance could give as much ({name}, p = {p_value(test.p)}, corrected {p_value(verdict.p_corrected)})."


def _wanted(verdict):
    if verdict.detectable is None:
        return ""
    return f" So many pairs find a true effect of {number(verdict.detectable)} in four cases of five."


def recovery_text(ratio):
    """A share (`statistics.Ratio`) with its interval, or why there is none."""
    if ratio is None:
        return DASH
    if ratio.value is None:
        return f"undefined: {share_note(ratio)}"
    return f"{percent(ratio.value)} ({'95% interval ' if told_interval(ratio) else ''}{share_note(ratio)})"


def told_interval(ratio):
    """A share's interval, or None where it is unbounded or so wide that it says nothing."""
    found = ratio.interval
    return found if found and found[1] - found[0] <= WIDEST else None


def share_note(ratio):
    """What to know beside a share: its interval, why there is none, or why the share itself is undefined."""
    if ratio.value is None:
        return f"the difference to divide by is {number(ratio.denominator)}"
    if ratio.denominator_interval is None:
        return "one seed, no interval"
    found = told_interval(ratio)
    return interval(found, percent) if found else "too few seeds for an interval"


def estimate_text(estimated):
    """A difference of scores (`statistics.Estimate`) with its interval."""
    if estimated.interval is None:
        return f"{number(estimated.effect)} (one seed, no interval)"
    over = f", over {estimated.basis} only" if estimated.basis in ("seeds", "examples") else ""
    return f"{number(estimated.effect)} (95% interval {interval(estimated.interval)}{over})"


LEAD = (  # (field of a `Cost`, its figure, how it is written, the sentence)
    (
        "drop",
        "effect",
        estimate_text,
        "Still lost (intact minus healed weighted F1, after the same training): {}.",
    ),
    (
        "kept",
        "value",
        recovery_text,
        "Of what all pretrained layers are worth (intact minus from scratch), the layers that survived kept {}.",
    ),
    (
        "recovery",
        "value",
        recovery_text,
        "Of the way from the damaged model's score before healing to the intact model's after the same training, "
        "healing covered {}.",
    ),
)


def lead(costs, dataset=None):
    """What damage cost and how far healing came: a list of up to three sentences.

    Args:
        costs: list of `contrasts.Cost`.
        dataset: the one to speak of; default: all together, or the only one.
    """
    wanted = [cost for cost in costs if cost.dataset == dataset]
    if dataset is None and not wanted:
        wanted = costs
    return [sentence for parts in LEAD if (sentence := _lead_sentence(wanted, *parts))]


def _lead_sentence(costs, name, figure, form, sentence):
    damaged = [cost for cost in costs if cost.damage != INTACT and not (name == "kept" and cost.damage == ALL)]
    known = [cost for cost in damaged if getattr(getattr(cost, name), figure, None) is not None]
    if not known:
        return ""

    def part(cost):
        where = f" on {cost.dataset}" if cost.dataset and len({c.dataset for c in known}) > 1 else ""
        return f"{form(getattr(cost, name))} with {cost.label} damaged{where}"

    ordered = sorted(known, key=lambda cost: getattr(getattr(cost, name), figure))
    ends = [part(ordered[0])] if len(known) == 1 else [f"from {part(ordered[0])},", f"to {part(ordered[-1])}"]
    return sentence.format(" ".join([*ends, _coverage(len(known), len(damaged))]).strip())


def _coverage(known, total):
    if known == total:
        return f"(least and most of {total} kinds of damage)" if total > 2 else ""
    return f"({known} of {count(total, 'kind')} of damage; the other {total - known} cannot be told)"
