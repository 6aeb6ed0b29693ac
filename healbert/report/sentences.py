"""Figures and verdicts in words that need no statistics to be read."""

from ..analysis import verdict as reasons
from ..analysis.verdict import HOLDS, OPEN, POOLED, SEEDS_FOR_SENSITIVITY
from .text import count, interval, number, p_value

NOT_COMPARED = "The paper's claims: not enough data; they need intact and damaged runs of the same seeds."


NO_GLYPH = "Some names have characters that the pictures' font lacks: boxes in figures/ stand for them."


MOST_EXCEPTIONS = 3


# Effects by the metric's direction: (what is said of a positive effect, of a negative one). Claims by their letter;
# "trend" are those by level.
EFFECTS = {
    True: {
        "a": ("the healed models stay {} below the intact ones", "the healed models stay {} above the intact ones"),
        "c": ("bottom damage costs {} more than top damage", "bottom damage costs {} less than top damage"),
        "trend": ("each further quarter of damage costs {}", "each further quarter of damage adds {}"),
    },
    False: {
        "a": ("the healed models stay {} above the intact ones", "the healed models stay {} below the intact ones"),
        "c": ("bottom damage adds {} more than top damage", "bottom damage adds {} less than top damage"),
        "trend": ("each further quarter of damage adds {}", "each further quarter of damage takes away {}"),
    },
}
EXCEPTIONS = {
    True: {
        "a": "Yet with {what} damaged the healed models score {size} above the intact ones{spread}.",
        "c": "Yet at {what} bottom damage costs {size} less than top damage{spread}.",
        "trend": "Yet from {what} the score rises by {size}{spread}.",
    },
    False: {
        "a": "Yet with {what} damaged the healed models score {size} below the intact ones{spread}.",
        "c": "Yet at {what} bottom damage adds {size} less than top damage{spread}.",
        "trend": "Yet from {what} the score falls by {size}{spread}.",
    },
}
# By the metric's direction: what scores do as damage grows where the claim is true, and where its opposite is.
WORSE, BETTER = {True: "fall", False: "rise"}, {True: "rise", False: "fall"}


# Why a verdict is open. {interval} says where the interval lies, {tested} names the test and its p.
REASONS = {
    reasons.EQUAL_SEEDS: "The seeds do not differ at all, so that nothing can be said of other seeds.",
    reasons.NO_COMMON_SEED: (
        "No seed has all these scores on every dataset, so that nothing can be said of how much seeds differ."
    ),
    reasons.ONE_COMMON_SEED: (
        "One seed that all datasets have says nothing of how much seeds differ; a claim needs two or more."
    ),
    reasons.ONE_SEED: "One seed says nothing of how much seeds differ; a claim needs two or more.",
    reasons.TOO_FEW_RUNS: "{interval}; with so few runs even a perfect result gives p = {least} ({tested}).",
    reasons.TEST_AGAINST_INTERVAL: "The test finds {found} ({tested}), but {counting} {zero}.",
    reasons.SMALLEST_P_CORRECTED: (
        "{interval}; p is the smallest that so few runs can give: below 0.05 by itself, not after correction for "
        "{tests} tests ({tested})."
    ),
    reasons.P_CORRECTED: "{interval}; p is below 0.05 by itself, not after correction for {tests} tests ({tested}).",
    reasons.CHANCE: "Chance could give as much ({tested}).",
    reasons.UNSTEADY: (
        "Over all levels the score tends to {worse} (the interval lies above zero), but from level to level not "
        "steadily enough for a test that goes by their order ({tested})."
    ),
    reasons.INTERVAL_ALONE: "{interval}, but a test that assumes less leaves room for chance ({tested}).",
}


def finding(verdict):
    """What the figures of a `Verdict` say, and why it is none other: a list of sentences."""
    if verdict.estimated is None:
        return [f"There is nothing to compare yet: {'; '.join(verdict.notes) or 'no runs'}."]
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
    effect, metric = verdict.estimated.effect, verdict.metric
    positive, negative = EFFECTS[metric.greater_is_better][_form(verdict.claim)]
    text = (positive if effect >= 0 else negative).format(f"{number(abs(effect))} {metric.title}")
    spread = verdict.estimated.interval
    if spread is None:
        return f"{text}, from one seed" if verdict.estimated.seeds == 1 else text
    of_what = "" if effect >= 0 else ", counted in the claim's direction"
    return f"{text} (95% interval {interval(spread)}{of_what}, over {verdict.estimated.basis})"


def _form(claim):
    return "trend" if claim.trend else claim.letter


UNITS = {
    "pair": ("pair of runs", "pairs of runs"),
    "seed": ("seed averaged over datasets", "seeds averaged over datasets"),
    "block": ("block of a dataset and a seed", "blocks of a dataset and a seed"),
}


def _judgement(verdict):
    if verdict.verdict == OPEN:
        return _why_open(verdict)
    high, least = verdict.estimated.interval[1], f"{verdict.metric.smallest_difference:g}"
    whole = " over the whole encoder" if verdict.claim.trend else ""
    if verdict.verdict == HOLDS:
        text = f"Chance of the seeds alone would seldom give such a result ({_tested(verdict)})."
        small = f" It is small, though: an effect of {least} or more{whole} can be ruled out."
        return text + small if high < verdict.claim.negligible(verdict.metric) else text
    if high < 0:
        return f"The whole interval lies on the other side: the opposite of the claim ({_tested(verdict)})."
    return f"An effect of {least} or more{whole} in the claim's direction can be ruled out ({_tested(verdict)})."


def _tested(verdict):
    test = verdict.test
    text = f"{test.name}, {count(test.n, *UNITS[test.unit])}, p = {p_value(test.p)}"
    if verdict.tests > 1:
        text += f", after correction for {verdict.tests} tests {p_value(verdict.p_corrected)}"
    return text.replace("= <", "<")


def _assumptions(verdict):
    """What a verdict rests on that no figure shows: a list of sentences."""
    estimated = verdict.estimated
    if not estimated.error or not estimated.shared:
        return []
    together = "Runs of one seed share random draws, such as the damage, on every dataset and may err together"
    seeds = count(estimated.seeds, "seed")
    if verdict.test.unit == "seed":
        return [f"{together}: each of the {seeds} counts once."]
    return [
        f"{together}: p takes them as separate trials all the same, the interval counts each of the {seeds} once, "
        "and a claim holds only by both."
    ]


def _exceptions(verdict):
    """What goes against a claim that otherwise seems true: up to four sentences."""
    texts, trend = [], verdict.claim.trend
    for what, found in verdict.exceptions[:MOST_EXCEPTIONS]:
        ends = found.interval if trend or not found.interval else (-found.interval[1], -found.interval[0])
        unsure = ": not certain" if ends and ends[0] <= 0 else ""
        texts.append(
            EXCEPTIONS[verdict.metric.greater_is_better][_form(verdict.claim)].format(
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
    """Why neither verdict can be given, by its `reason`: what the test says and what the interval says."""
    reason, metric = verdict.reason, verdict.metric
    if not verdict.estimated.error:
        return REASONS[reason]
    zero = "lies above zero" if verdict.estimated.interval[0] > 0 else "includes zero"
    return REASONS[reason].format(
        interval=f"The interval {zero}",
        zero=zero,
        tested=_tested(verdict),
        tests=verdict.tests,
        least=p_value(verdict.test.least_p),
        worse=WORSE[metric.greater_is_better],
        found=_found(verdict),
        counting=_counting(verdict),
    )


def _found(verdict):
    """What the test finds, whatever the interval says."""
    against = verdict.test.direction < 0
    if verdict.claim.trend:
        return f"scores that {(BETTER if against else WORSE)[verdict.metric.greater_is_better]}"
    return "the opposite" if against else "an effect"


def _counting(verdict):
    """The interval, and what it takes into account that the test does not."""
    counted = []
    if verdict.estimated.shared and verdict.test.unit != "seed":
        counted.append("each seed once")
    if verdict.estimated.over_both:
        counted.append("the choice of examples too")
    return f"the interval, which counts {' and '.join(counted)}," if counted else "the interval"


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
