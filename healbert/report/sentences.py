"""Verdicts in words that need no statistics to be read: a first line, and details to unfold."""

from ..analysis import shape as shapes
from ..analysis import verdict as reasons
from ..analysis.outcome import PAIRED
from ..analysis.statistics import ALPHA
from ..analysis.verdict import (
    BEYOND,
    BORNE_OUT,
    EQUIVALENT,
    INCONCLUSIVE,
    NOT_SHOWN,
    NOT_THERE,
    OPPOSITE,
    POOLED,
    SUPPORTED,
)
from ..analysis.views import LAST, UNCOLLAPSED
from .text import count, interval, number, p_value

# Effects by the metric's direction: (what is said of a positive effect, of a negative one). Claims by their letter;
# "trend" are those by level.
EFFECTS = {
    True: {
        "a": ("the healed models stay {} below the intact ones", "the healed models stay {} above the intact ones"),
        "c": ("bottom damage costs {} more than top damage", "bottom damage costs {} less than top damage"),
        "trend": ("each further quarter of damage costs {}", "each further quarter of damage adds {}"),
        "d": ("with mean tokens seeds scatter {} times as much as with [CLS]",) * 2,
        "e": ("with probing seeds scatter {} times as much as with fine-tuning",) * 2,
        "f": ("damage lowers the {1} of healed features by {0}", "damage raises the {1} of healed features by {0}"),
    },
    False: {
        "a": ("the healed models stay {} above the intact ones", "the healed models stay {} below the intact ones"),
        "c": ("bottom damage adds {} more than top damage", "bottom damage adds {} less than top damage"),
        "trend": ("each further quarter of damage adds {}", "each further quarter of damage takes away {}"),
    },
}
# By the metric's direction: what a curve does as damage grows where the claim is true, and where its opposite is.
WORSE, BETTER = {True: "fall", False: "rise"}, {True: "rises", False: "falls"}


# Why a verdict is inconclusive, as the end of its first line.
REASONS = {
    reasons.ONE_SEED: "one seed says nothing of others",
    reasons.ONE_COMMON_SEED: "only one seed is on every dataset",
    reasons.NO_COMMON_SEED: "no seed is on every dataset",
    reasons.NO_PAIR: "no seed has all of these scores",
    reasons.EQUAL_SEEDS: "the seeds do not differ at all, which says nothing of others",
    reasons.P_CORRECTED: "clear by itself, not after correction for {tests} tests",
    reasons.EQUAL_CORRECTED: "less than {margin} either way by itself, not after correction for {tests} tests",
    reasons.BELOW_MARGIN: "{margin} or more of what is claimed is ruled out, as much of the opposite is not",
    reasons.CHANCE: "chance could give as much",
}
EXCEPTIONS = {
    OPPOSITE: "the opposite {}",
    NOT_THERE: "not {}",
    NOT_SHOWN: "not shown {}",
    BEYOND: "more {}",
    BORNE_OUT: "borne out {}",
}
MOST_NAMED = 3  # in a first line


def first_line(verdict):
    """One short sentence: the verdict, the effect with its interval, and what a reader must not miss."""
    word = f"{verdict.verdict[0].upper()}{verdict.verdict[1:]}"
    if verdict.outcome is None:
        return f"{word}: nothing to compare yet."
    return f"{word}: {''.join(part(verdict) for part in (_effect, _shape, _reason, _exceptions, _depends))}."


def _effect(verdict):
    outcome = verdict.outcome
    spread = f" (95% interval {_interval(verdict, outcome)})" if outcome.interval else ""
    equal = f", less than {_margin(verdict)} either way" if verdict.verdict == EQUIVALENT else ""
    return f"{_said(verdict)}{spread}{equal}"


def _said(verdict):
    effect, metric, claim = verdict.outcome.effect, verdict.metric, verdict.claim
    either = EFFECTS[True] | EFFECTS[metric.greater_is_better]  # of what is no score, words are the same
    positive, negative = either["trend" if claim.trend else claim.letter[0]]
    words = positive if effect >= 0 else negative
    if claim.measure:
        return words.format(number(abs(effect)), metric.title)
    return words.format(number(effect, 2) if claim.ratio else f"{number(abs(effect))} {metric.title}")


def _interval(verdict, outcome):
    """Of an effect in the claim's direction as it is; of the opposite turned, as its words are."""
    low, high = outcome.interval
    if verdict.claim.ratio:
        return interval((low, high), lambda value: number(value, 2))
    return interval((low, high) if verdict.outcome.effect >= 0 else (-high, -low))


def _reason(verdict):
    if verdict.reason is None:
        return ""
    return f"; {REASONS[verdict.reason].format(tests=verdict.ruling.corrected, margin=_margin(verdict))}"


def _margin(verdict):
    return verdict.margin and f"{verdict.margin:.2g}"


def _shape(verdict):
    """What the curve over damaged levels looks like, if that can be told."""
    better = verdict.metric.greater_is_better
    shown = [_step(label) for label, part in verdict.parts.items() if part.sign > 0]
    against = [_step(label) for label, part in verdict.parts.items() if part.sign < 0]
    size = verdict.first and number(verdict.first.effect)
    words = {
        shapes.STEADY: f": a steady {WORSE[better]}",
        shapes.IN_PART: f": a {WORSE[better]} that is shown {_some(shown)}",
        shapes.STEP: f": a step of {size} with the least damage, then a plateau",
        shapes.NOT_MONOTONE: f": not monotone, the score {BETTER[better]} {_some(against)}",
        shapes.FLAT: ", shown for no single step" if verdict.verdict == SUPPORTED else "",
    }
    return words.get(verdict.shape) or ""


def _step(label):
    return f"from {label[0]} to {label[1]}"


def _some(texts):
    """A list in words, its end left out where it is long."""
    more = f" and {len(texts) - MOST_NAMED} more" if len(texts) > MOST_NAMED else ""
    return ", ".join(texts[:MOST_NAMED]) + more


def _exceptions(verdict):
    if verdict.claim.trend:  # its shape says them
        return ""
    found = []
    for how, words in EXCEPTIONS.items():
        labels = [label for label, one in verdict.exceptions.items() if one == how]
        found += [words.format(f"at {_some(labels)}")] if labels else []
    return f", but {'; '.join(found)}" if found else ""


def _depends(verdict):
    text = "; depends on the epoch that is chosen" if verdict.depends_on_epoch else ""
    return text + ("; depends on runs that collapsed" if verdict.depends_on_collapse else "")


def details(verdict):
    """What stands behind a first line, each thing once: a list of sentences."""
    if verdict.outcome is None:
        return [*_paper(verdict), *_notes(verdict)]
    return [
        *_how(verdict),
        *_exception_details(verdict),
        *_last(verdict),
        *_collapsed(verdict),
        *_check(verdict),
        *_sensitivity(verdict),
        *_means(verdict),
        *_paper(verdict),
        *_notes(verdict),
    ]


def _how(verdict):
    """What it rests on, and by which test."""
    outcome = verdict.outcome
    where = f"Over {count(verdict.datasets, 'dataset')}" if verdict.scope == POOLED else f"On {verdict.scope}"
    basis = f"; interval over {outcome.basis}" if outcome.basis else ""
    found = [f"{where}: {count(outcome.cells, 'score')} of {count(outcome.seeds, 'seed')}{basis}{_tested(verdict)}."]
    if outcome.by == PAIRED and outcome.not_fitted and outcome.over_seeds:
        found.append(f"The analysis is paired by seed: the mixed model cannot be fitted ({outcome.not_fitted}).")
    return found


def _tested(verdict):
    if verdict.ruling.p is None:
        return ""
    tests = "two one-sided tests" if verdict.verdict == EQUIVALENT else verdict.outcome.by
    corrected = f"corrected for {count(verdict.ruling.corrected, 'test')}"
    how = "exploratory, not corrected" if verdict.exploratory else corrected
    return f"; {tests}, p = {p_value(verdict.ruling.p)} ({how})".replace("= <", "<")


def _exception_details(verdict):
    labels = [label for label in verdict.parts if label in verdict.exceptions]
    if not labels:
        return []
    named = [f"{_step(label) if verdict.claim.trend else label} {_figure(verdict.parts[label])}" for label in labels]
    return [f"By itself: {', '.join(named)}; intervals hold for all {len(verdict.parts)} at once."]


def _figure(outcome):
    return f"{number(outcome.effect, sign=True)}" + (f" ({interval(outcome.interval)})" if outcome.interval else "")


def _last(verdict):
    if LAST not in verdict.rulings:  # a warning says so of all
        return []
    if not verdict.depends_on_epoch:
        return ["The last epoch's scores give the same verdict."]
    return [f"On the last epoch's scores: {_of_view(verdict, LAST)}."]


def _collapsed(verdict):
    if not verdict.collapsed:
        return []
    runs = f"{verdict.collapsed} of {count(verdict.runs, 'run')} collapsed"
    if UNCOLLAPSED not in verdict.rulings:  # of a claim of features
        return [f"{runs}."]
    left_out = verdict.rulings[UNCOLLAPSED].left_out
    return [f"{runs}; without them: {'; '.join([_of_view(verdict, UNCOLLAPSED), *left_out[:MOST_NAMED]])}."]


def _of_view(verdict, view):
    ruling = verdict.rulings[view]
    return ruling.verdict + (f", {_figure(ruling.outcome)}" if ruling.outcome else ", nothing to compare")


def _check(verdict):
    check = verdict.check
    if check is None or check.p is None:
        return []
    says = "disagrees" if verdict.check_disagrees else "agrees"
    if check.least_p is not None and check.least_p >= ALPHA:
        says = "so few runs cannot tell"
    return [f"Check by a test that assumes less, {check.name}: p = {p_value(check.p)} ({says}).".replace("= <", "<")]


def _sensitivity(verdict):
    """How small an effect could have been found, where none was."""
    if verdict.verdict != INCONCLUSIVE or not verdict.detectable or abs(verdict.outcome.effect) >= verdict.detectable:
        return []
    return [f"Four studies of five like this one find an effect of {number(verdict.detectable)}, before correction."]


def _means(verdict):
    if not verdict.means:
        return []
    return [f"Mean score by level: {', '.join(f'{level} {number(mean)}' for level, mean in verdict.means.items())}."]


def _paper(verdict):
    return [f"The paper: {verdict.paper}."] if verdict.paper else []


def _notes(verdict):
    return [f"Note: {'; '.join(verdict.notes)}."] if verdict.notes else []
