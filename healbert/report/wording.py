"""Figures and verdicts in words that need no statistics to be read."""

from .verdicts import FAILS, HOLDS, NEGLIGIBLE, POOLED

MINUS, PLUS_MINUS, DASH = "\u2212", "\u00b1", "\u2013"


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
    """A recovery with its interval, or why there is none."""
    if ratio is None:
        return DASH
    if ratio.value is None:
        return f"undefined: the damage took {number(ratio.denominator)}" + (
            f" ({interval(ratio.denominator_interval)})" if ratio.denominator_interval else ""
        )
    if ratio.interval is None:
        return f"{percent(ratio.value)} (one seed, no interval)"
    return f"{percent(ratio.value)} ({interval(ratio.interval, percent)})"


def restored(costs):
    """One sentence on what healing brought back, over all datasets where there are several; "" if nothing is known."""
    pooled = [cost for cost in costs if cost.dataset is None] or costs
    known = [cost for cost in pooled if cost.recovery and cost.recovery.value is not None]
    if not known:
        return ""
    least, most = (pick(known, key=lambda cost: cost.recovery.value) for pick in (min, max))

    def part(cost):
        where = f" on {cost.dataset}" if cost.dataset and len({c.dataset for c in known}) > 1 else ""
        return f"{recovery_text(cost.recovery)} of what {cost.damage} damage took{where}"

    if least is most:
        return f"Healing restores {part(least)}."
    return f"Healing restores from {part(least)} to {part(most)}."
