"""Figures and verdicts in words that need no statistics to be read."""

from ..analysis.claims import NEGLIGIBLE
from ..analysis.collect import ALL, INTACT
from ..analysis.statistics.significance import ALPHA
from ..analysis.verdicts import HOLDS, OPEN, POOLED, SEEDS_FOR_SENSITIVITY
from .text import DASH, count, interval, number, p_value, percent

NOT_COMPARED = "The paper's claims: not enough data; they need intact and damaged runs of the same seeds."


NO_GLYPH = "Some names have characters that the pictures' font lacks: boxes in figures/ stand for them."


MOST_EXCEPTIONS = 3


WIDEST = 2.0  # a share's interval (1 is 100 percentage points), beyond which it is not told


def finding(verdict):
    """What the figures of a `Verdict` say, and why it is none other: a list of sentences."""
    if verdict.estimated is None:
        return [f"There is nothing to compare yet: {'; '.join(verdict.notes) or 'no cells'}."]
    where = f"Over {count(verdict.datasets, 'dataset')}" if verdict.scope == POOLED else f"On {verdict.scope}"
    return [
        f"{where}, {_effect(verdict)}.",
        _judgement(verdict),
        *_exceptions(verdict),
        *_few_to_hold(verdict),
        *_noted(verdict),
    ]


def remarks(verdict):
    """What to know beside a finding: what could have been found, and what it rests on; a list of sentences."""
    if verdict.estimated is None:
        return []
    seen = [*_levels_seen(verdict), *_sensitivity(verdict)] if verdict.verdict == OPEN else []
    return [*seen, *_assumptions(verdict)]


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
        return f"{text}, from one seed" if verdict.estimated.seeds == 1 else text
    of_what = "" if effect >= 0 else ", counted in the claim's direction"
    return f"{text} (95% interval {interval(spread)}{of_what}, over {verdict.estimated.basis})"


UNITS = {
    "pair": ("pair of runs", "pairs of runs"),
    "seed": ("seed averaged over datasets", "seeds averaged over datasets"),
    "block": ("block of a dataset and a seed", "blocks of a dataset and a seed"),
}


def _judgement(verdict):
    if verdict.verdict == OPEN:
        return _why_open(verdict)
    high = verdict.estimated.interval[1]
    whole = " over the whole encoder" if verdict.claim.trend else ""
    if verdict.verdict == HOLDS:
        text = f"Chance of the seeds alone would seldom give such a result ({_tested(verdict)})."
        small = f" It is small, though: an effect of {NEGLIGIBLE} or more{whole} can be ruled out."
        return text + small if high < verdict.claim.negligible else text
    if high < 0:
        return f"The whole interval lies on the other side: the opposite of the claim ({_tested(verdict)})."
    return f"An effect of {NEGLIGIBLE} or more{whole} in the claim's direction can be ruled out ({_tested(verdict)})."


def _tested(verdict):
    test = verdict.test
    text = f"{test.name}, {count(test.n, *UNITS[test.unit])}, p = {p_value(test.p)}"
    if verdict.tests > 1:
        text += f", after correction for {verdict.tests} tests {p_value(verdict.p_corrected)}"
    return text.replace("= <", "<")


def _assumptions(verdict):
    """What a verdict rests on that no figure shows: a list of sentences."""
    estimated, test, texts = verdict.estimated, verdict.test, []
    if not estimated.error:
        return texts
    if estimated.shared:
        share = "Runs of one seed share random draws, such as the damage, on every dataset and may err together"
        seeds = count(estimated.seeds, "seed")
        if test.unit == "seed":
            texts.append(f"{share}: each of the {seeds} counts once.")
        else:
            texts.append(
                f"{share}: p takes them as separate trials all the same, the interval counts each of the {seeds} once, "
                "and a claim holds only by both."
            )
    return texts


EXCEPTION = {  # by a claim's letter; without: a trend
    "a": "Yet with {what} damaged the healed models score {size} above the intact ones{spread}.",
    "c": "Yet at {what} bottom damage costs {size} less than top damage{spread}.",
    "": "Yet from {what} the score rises by {size}{spread}.",
}


def _exceptions(verdict):
    """What goes against a claim that otherwise seems true: up to four sentences."""
    texts, trend = [], verdict.claim.trend
    for what, found in verdict.exceptions[:MOST_EXCEPTIONS]:
        ends = found.interval if trend or not found.interval else (-found.interval[1], -found.interval[0])
        unsure = ": not certain" if ends and ends[0] <= 0 else ""
        texts.append(
            EXCEPTION["" if trend else verdict.claim.letter].format(
                what=" to ".join(what) if trend else what,
                size=number(abs(found.effect)),
                spread=f" (95% interval {interval(ends)}, over {found.basis}{unsure})" if found.error else "",
            )
        )
    more = len(verdict.exceptions) - MOST_EXCEPTIONS
    return texts + ([f"So it is in {count(more, 'more case')}."] if more > 0 else [])


def _noted(verdict):
    return [f"Note: {'; '.join(verdict.notes)}."] if verdict.notes else []


def _few_to_hold(verdict):
    if verdict.verdict != HOLDS or verdict.test.name != "paired t test":
        return []
    return [
        f"With {count(verdict.test.n, 'seed')} this rests on the t test, which assumes that differences between seeds "
        "scatter about normally; so few cannot show whether they do."
    ]


def _why_open(verdict):
    """Why neither verdict can be given: what the test says and what the interval says."""
    test, estimated = verdict.test, verdict.estimated
    if not estimated.error:
        return _no_spread(estimated)
    above = estimated.interval[0] > 0
    if test.least_p is not None and test.least_p >= ALPHA:
        seen = "The interval lies above zero, but with" if above else "With"
        return f"{seen} so few runs even a perfect result gives p = {p_value(test.least_p)} ({_tested(verdict)})."
    if verdict.p_corrected < ALPHA:
        return _disagreement(verdict, above)
    if test.p < ALPHA:
        zero = "The interval lies above zero, and" if above else "The interval includes zero;"
        if test.least_p is not None and test.p < 1.001 * test.least_p:
            alone = "is the smallest that so few runs can give: below 0.05 by itself,"
        else:
            alone = "is below 0.05 by itself,"
        return f"{zero} p {alone} not after correction for {verdict.tests} tests ({_tested(verdict)})."
    if not above:
        return f"Chance could give as much ({_tested(verdict)})."
    if verdict.claim.trend:
        return (
            "Over all levels the score tends to fall (the interval lies above zero), but from level to level not "
            f"steadily enough for a test that goes by their order ({_tested(verdict)})."
        )
    return f"The interval lies above zero, but a test that assumes less leaves room for chance ({_tested(verdict)})."


def _no_spread(estimated):
    if estimated.error == 0:
        return "The seeds do not differ at all, so that nothing can be said of other seeds."
    one = "One seed that all datasets have" if estimated.shared else "One seed"
    if estimated.seeds == 0:
        return "No seed has all these scores on every dataset, so that nothing can be said of how much seeds differ."
    return f"{one} says nothing of how much seeds differ; a claim needs two or more."


def _disagreement(verdict, above):
    """The test finds something; the interval does not, or the other way."""
    if verdict.test.direction < 0:
        found = "scores that rise" if verdict.claim.trend else "the opposite"
    else:
        found = "scores that fall" if verdict.claim.trend else "an effect"
    reasons = ["each seed once"] if verdict.estimated.shared and verdict.test.unit != "seed" else []
    reasons += ["the choice of examples too"] if verdict.estimated.over_both else []
    counts = f", which counts {' and '.join(reasons)}," if reasons else ""
    zero = "lies above zero" if above else "includes zero"
    return f"The test finds {found} ({_tested(verdict)}), but the interval{counts} {zero}."


def _levels_seen(verdict):
    """Mean scores by level where the trend is open, so that its shape can be seen: a sentence or none."""
    if not verdict.means:
        return []
    means = ", ".join(f"{level} {number(mean)}" for level, mean in verdict.means.items())
    return [f"Mean score by level: {means}."]


def _sensitivity(verdict):
    """How small an effect the test could have found: a sentence or none."""
    if not verdict.estimated.error:
        return []
    if verdict.estimated.seeds < SEEDS_FOR_SENSITIVITY:
        few = count(verdict.estimated.seeds, "seed")
        return [f"How small an effect could be found is not given: {few} cannot tell how much seeds differ."]
    if verdict.detectable is None:
        return []
    what = "a steady fall per further quarter" if verdict.claim.trend else "a true effect"
    text = f"With so many runs the {verdict.detectable_by}, before correction, finds {what} of "
    text += f"{number(verdict.detectable)} or more in four experiments of five."
    return [text.replace("the Page's", "Page's")]


def recovery_text(ratio):
    """A share (`statistics.Ratio`) with its interval, or why there is none."""
    if ratio is None:
        return DASH
    if ratio.value is None:
        return f"undefined: {share_note(ratio)}"
    return f"{percent(ratio.value)} ({'95% interval' if told_interval(ratio) else 'no interval:'} {share_note(ratio)})"


def told_interval(ratio):
    """A share's interval, or None where it is unbounded or so wide that it says nothing."""
    found = ratio.interval
    return found if found and found[1] - found[0] <= WIDEST else None


def share_note(ratio):
    """What to know beside a share: its interval, why there is none, or why the share itself is undefined."""
    if ratio.value is None:
        return f"the difference to divide by is {number(ratio.denominator)}"
    if ratio.denominator_interval is None:
        return few_seeds(ratio)
    found = told_interval(ratio)
    return interval(found, percent) if found else "too few seeds"


def few_seeds(found):
    """Why an `Estimate` or a `Ratio` has no interval over seeds."""
    if not found.shared:
        return "one seed"
    return f"{'only one' if found.seeds else 'no'} seed that all datasets have"


def estimate_text(estimated):
    """A difference of scores (`statistics.Estimate`) with its interval."""
    if estimated.over_seeds is None:
        return f"{number(estimated.effect)} (no interval over seeds: {few_seeds(estimated)})"
    over = ", over seeds only" if estimated.basis == "seeds" else ""
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
