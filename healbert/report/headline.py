"""The one sentence on top of a report: what the verdicts of a group of runs come to."""

import math

from ..analysis.evidence import EQUAL_SEEDS, NO_COMMON_SEED, ONE_COMMON_SEED, ONE_SEED
from ..analysis.runs import INTACT
from ..analysis.statistics.intervals import ROUNDING
from ..analysis.verdict import CONTRADICTED, EQUIVALENT, POOLED, SUPPORTED
from .sentences import REASONS

NOTHING = "Nothing to compare yet: the claims need intact and damaged runs of the same seeds."
# The claims that it is made of, and what they are about.
ABOUT = {
    "a": "healing",
    "b, bottom": "damage from the bottom",
    "b, top": "damage from the top",
    "c": "bottom against top",
}
MOST_NAMED = 2  # exceptions
THESE_RUNS = (ONE_SEED, ONE_COMMON_SEED, NO_COMMON_SEED, EQUAL_SEEDS)  # reasons that leave effects of these runs alone


def headline(verdicts, costs, dataset=None):
    """What a group of runs shows, in one sentence that holds whatever its verdicts are.

    Args:
        verdicts: list of `Verdict` of one group.
        costs: list of `contrasts.Cost` of the same.
        dataset: the one to speak of; default: all together, or the only one.
    """
    scope = dataset or (POOLED if any(verdict.scope == POOLED for verdict in verdicts) else None)
    here = [verdict for verdict in verdicts if scope in (None, verdict.scope) and verdict.outcome is not None]
    found = {verdict.claim.letter: verdict for verdict in here if verdict.claim.letter in ABOUT}
    if not found:
        return NOTHING
    costs = [cost for cost in costs if cost.dataset == (None if scope == POOLED else scope or cost.dataset)]
    start = _these_runs(found)
    parts = [_healed(found.get("a"), costs, start), _where(found.get("c"), start), *_extent(found, start)]
    parts += _depends(found)
    text = start + "; ".join(part for part in parts if part)
    return f"{text[0].upper()}{text[1:]}."


def lacking(damages):
    """What runs of these damages lack where none of them can be compared."""
    if INTACT not in damages:
        return "no intact runs with these settings"
    return "no damaged runs" if damages == [INTACT] else "no intact and damaged runs of the same seeds"


def _these_runs(found):
    """How the sentence starts where nothing can be said of other runs: not at all where something can."""
    reasons = {verdict.reason for verdict in found.values()}
    if not reasons <= set(THESE_RUNS):
        return ""
    first = next(reason for reason in THESE_RUNS if reason in reasons)
    return f"in these runs alone ({REASONS[first]}), "


def _healed(verdict, costs, alone):
    """Claim (a): does healing bring everything back?"""
    if verdict is None:
        return ""
    title, effect = verdict.metric.title, verdict.outcome.effect
    if alone and _none(effect):
        parts = [part.effect for part in verdict.parts.values()]
        return f"healed models score as intact ones{'' if all(map(_none, parts)) else ' on average'}"
    if alone and effect > 0 or verdict.verdict == SUPPORTED:
        return f"{_gap(costs, verdict)}{_lost(verdict)}{_exceptions(verdict)}"
    if verdict.verdict == EQUIVALENT:
        within = f"healed models are within {verdict.margin:g} {title} of intact ones{_exceptions(verdict)}"
        return f"healing brings the score back{' on average' if verdict.exceptions else ''}: {within}"
    mean = f"on average {brief(effect)} {title}"
    if alone or verdict.verdict == CONTRADICTED:
        return f"healed models do better than intact ones, {mean}{_exceptions(verdict)}"
    side = "worse" if effect > 0 else "better"
    return f"whether healing brings everything back is open: healed models are {mean} {side} ({_why(verdict)})"


def _none(effect):
    """Whether an effect is none at all, but for rounding."""
    return abs(effect) < ROUNDING


def _gap(costs, verdict):
    """How far healing came, in per cent of the way from the damaged model to the intact one, if all is known.

    Over several datasets costs are of damages that all of them have, and what is lost may be of more.
    """
    ratios = [cost.recovery for cost in costs if cost.damage != INTACT]
    values = [ratio.value for ratio in ratios if ratio is not None and ratio.value is not None]
    if not values or len(values) < max(len(ratios), len(verdict.parts)) or not all(0 <= value <= 1 for value in values):
        return "healing does not bring everything back: "
    ends = dict.fromkeys(f"{min(100 * value, 99 if value < 1 else 100):.0f}" for value in (min(values), max(values)))
    return f"healing closes {' to '.join(ends)}% of the gap between damaged and intact, not all: "


def _lost(verdict):
    """The range of what stays lost."""
    parts = [part.effect for part in verdict.parts.values()] or [verdict.outcome.effect]
    least, most = min(parts), max(parts)
    smallest = brief(least, most)
    ends = dict.fromkeys((smallest, brief(most))) if least > 0 and float(smallest) else [f"up to {brief(most)}"]
    return f"{' to '.join(ends)} {verdict.metric.title} stays lost"


def _where(verdict, alone):
    """Claim (c): bottom against top."""
    if verdict is None:
        return ""
    effect = verdict.outcome.effect
    if alone and _none(effect):
        return "bottom and top damage cost the same"
    if alone or verdict.verdict in (SUPPORTED, CONTRADICTED):
        more, less = ("bottom", "top") if effect >= 0 else ("top", "bottom")
        return f"{more} damage costs {brief(effect)} more than {less}{_exceptions(verdict)}"
    if verdict.verdict == EQUIVALENT:
        return f"bottom and top damage cost the same within {verdict.margin:g}{_exceptions(verdict)}"
    return "whether bottom damage costs more than top is open"


def _extent(found, alone):
    """Claims (b): more damage, worse score; what is open is left to their badges."""
    trends = {letter.partition(", ")[2]: found[letter] for letter in ("b, bottom", "b, top") if letter in found}
    if alone:
        return []
    words = {
        SUPPORTED: "more damage{} costs more",
        CONTRADICTED: "more damage{} costs less",
        EQUIVALENT: "how much is damaged{} hardly matters",
    }
    texts = []
    for kind, text in words.items():
        regions = [region for region, verdict in trends.items() if verdict.verdict == kind]
        if regions:
            exceptions = "; ".join(filter(None, (_exceptions(trends[region]) for region in regions)))
            texts.append(text.format("" if len(regions) == len(trends) > 1 else f" from the {regions[0]}") + exceptions)
    return texts


def caveats(verdict):
    """What to know beside a verdict's one word, in a few: a list of texts."""
    told = ["with exceptions"] if verdict.exceptions else []
    told += ["depends on the epoch"] if verdict.depends_on_epoch else []
    return told + (["depends on collapsed runs"] if verdict.depends_on_collapse else [])


def _exceptions(verdict):
    """Which parts do not bear out what is said of the whole, in brackets; of many how many."""
    labels = list(verdict.exceptions)
    if not labels:
        return ""
    if len(labels) > MOST_NAMED:
        return f" (not borne out at {len(labels)} of {len(verdict.parts)} places)"
    named = " and ".join(f"from {label[0]} to {label[1]}" if verdict.claim.trend else f"at {label}" for label in labels)
    return f" (not borne out {named})"


def _depends(found):
    """What the last epoch's scores give another verdict on; a list of one text, or of none."""
    named = [ABOUT[letter] for letter, verdict in found.items() if verdict.depends_on_epoch]
    return [f"the last epoch's scores give another verdict on {' and on '.join(named)}"] if named else []


def _why(verdict):
    margin = verdict.margin and f"{verdict.margin:g}"
    return REASONS[verdict.reason].format(tests=verdict.ruling.corrected, margin=margin)


def brief(value, largest=None):
    """The size of an effect in two significant digits (of ``largest``, where several stand together): 0.045, 0.24."""
    size = abs(value)
    place = math.floor(math.log10(abs(largest or value))) if largest or value else 0
    return f"{size:.{min(10, max(0, 1 - place))}f}"
