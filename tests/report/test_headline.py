"""The one sentence on top of a report, over combinations of verdicts."""

import itertools
import types

import pytest

from healbert.analysis.claims import CLAIMS
from healbert.analysis.evidence import EQUAL_SEEDS, NO_COMMON_SEED, ONE_COMMON_SEED, ONE_SEED
from healbert.analysis.metric import Metric
from healbert.analysis.outcome import MIXED, Outcome, outcome_of
from healbert.analysis.runs import INTACT, Damage
from healbert.analysis.verdict import (
    BEYOND,
    BORNE_OUT,
    CONTRADICTED,
    EQUIVALENT,
    INCONCLUSIVE,
    SUPPORTED,
    Ruling,
    Verdict,
)
from healbert.analysis.verdicts import correct
from healbert.report.headline import NOTHING, brief, caveats, headline, lacking
from healbert.report.sentences import REASONS, first_line

F1 = Metric("classification", "f1_weighted", "weighted F1", True, (0, 1))
LETTERS = ("a", "b, bottom", "b, top", "c")
# Effect and standard error that give each of the verdicts.
MADE = {
    SUPPORTED: (0.08, 0.005),
    CONTRADICTED: (-0.08, 0.005),
    EQUIVALENT: (0.0003, 0.0004),
    INCONCLUSIVE: (0.02, 0.02),
}


HALF = Damage(0.5, "top")
SHORT = "0.24 0.045 0.0030 1.3 12 130 0.0".split()


def known(effect, error):
    return outcome_of(effect, error, 10, by=MIXED, cells=12, seeds=3)


def one_seed(effect, lack=ONE_SEED):
    return Outcome(effect, MIXED, cells=2, seeds=1, lack=lack)


def verdict(letter, found, parts=(), scope="all datasets"):
    claim = next(claim for claim in CLAIMS if claim.letter == letter)
    parts = {f"top {i}": part for i, part in enumerate(parts)}
    group = types.SimpleNamespace(metric=F1)
    made = Verdict(
        group, claim, scope, 2, rulings={"chosen epoch": Ruling(found, 0.01 / 4 if claim.trend else 0.01)}, parts=parts
    )
    correct([made])
    return made


def cost(recovery, dataset=None, damage=HALF):
    ratio = types.SimpleNamespace(value=recovery)
    return types.SimpleNamespace(dataset=dataset, damage=damage, recovery=ratio)


def test_the_usual_finding():
    found = [verdict(letter, known(0.08, 0.005)) for letter in LETTERS]
    found[0] = verdict("a", known(0.1, 0.005), [known(0.02, 0.001), known(0.15, 0.01)])
    costs = [cost(0.9), cost(0.55), cost(None, damage=INTACT)]
    assert headline(found, costs[:2]) == (
        "Healing closes 55 to 90% of the gap between damaged and intact, not all: 0.02 to 0.15 weighted F1 stays lost; "
        "bottom damage costs 0.080 more than top; more damage costs more."
    )


@pytest.mark.parametrize("kinds", itertools.product(MADE, repeat=3), ids=" ".join)
def test_every_combination_says_no_more_than_its_verdicts(kinds):
    a, trend, c = kinds
    found = [verdict("a", known(*MADE[a])), verdict("c", known(*MADE[c]))]
    found += [verdict(letter, known(*(x / 8 for x in MADE[trend]))) for letter in ("b, bottom", "b, top")]
    assert [v.verdict for v in found] == [a, c, trend, trend]
    text = headline(found, [])
    assert text[0].isupper() and text.endswith(".") and "{" not in text and "None" not in text and len(text) < 300
    assert ("stays lost" in text) == (a == SUPPORTED)
    assert ("brings the score back" in text) == (a == EQUIVALENT)
    assert ("healed models do better than intact ones" in text.lower()) == (a == CONTRADICTED)
    assert ("whether healing brings everything back is open" in text.lower()) == (a == INCONCLUSIVE)
    assert ("bottom damage costs 0.080 more than top" in text) == (c == SUPPORTED)
    assert ("top damage costs 0.080 more than bottom" in text) == (c == CONTRADICTED)
    assert ("cost the same within 0.01" in text) == (c == EQUIVALENT)
    assert ("whether bottom damage costs more than top is open" in text) == (c == INCONCLUSIVE)
    assert ("more damage costs more" in text) == (trend == SUPPORTED)
    assert ("more damage costs less" in text) == (trend == CONTRADICTED)
    assert ("hardly matters" in text) == (trend == EQUIVALENT)


def test_one_seed_speaks_of_these_runs_alone():
    found = [verdict("a", one_seed(0.1), [one_seed(0.04), one_seed(0.2)]), verdict("c", one_seed(-0.03))]
    found.append(verdict("b, top", one_seed(0.02)))
    assert headline(found, []) == (
        "In these runs alone (one seed says nothing of others), healing does not bring everything back: "
        "0.04 to 0.20 weighted F1 stays lost; top damage costs 0.030 more than bottom."
    )
    better = headline([verdict("a", one_seed(-0.02))], [])
    assert better.endswith("healed models do better than intact ones, on average 0.020 weighted F1.")


def test_no_difference_at_all_is_none():
    found = [verdict("a", one_seed(1e-17), [one_seed(0.0)] * 2), verdict("c", one_seed(0.0))]
    alike = "healed models score as intact ones; bottom and top damage cost the same."
    assert headline(found, []).endswith(f"), {alike}")
    found[0] = verdict("a", one_seed(0.0), [one_seed(0.1), one_seed(-0.1)])
    assert "healed models score as intact ones on average; " in headline(found, [])


def test_of_several_reasons_the_same_one_is_told_every_time():
    lacks = (ONE_SEED, ONE_COMMON_SEED, NO_COMMON_SEED, EQUAL_SEEDS)
    for some in [order for n in (2, 3, 4) for order in itertools.permutations(lacks, n)]:
        found = [verdict(letter, one_seed(0.1, lack)) for letter, lack in zip(LETTERS, some, strict=False)]
        first = REASONS[min(some, key=lacks.index)]
        assert headline(found, []).startswith(f"In these runs alone ({first}), "), some


def test_nothing_to_compare():
    assert headline([verdict(letter, None) for letter in LETTERS], []) == NOTHING == headline([], [])


def test_without_intact_runs_the_other_claims_are_told():
    found = [verdict("a", None), verdict("c", known(0.08, 0.005)), verdict("b, top", known(0.02, 0.001))]
    assert headline(found, []) == "Bottom damage costs 0.080 more than top; more damage from the top costs more."


def test_a_mean_that_is_no_loss_names_the_damage_that_is_one():
    none, much = known(0.0003, 0.0004), known(0.05, 0.002)
    found = verdict("a", known(0.0003, 0.0004), [none, none, much])
    assert (
        found.verdict == EQUIVALENT and found.exceptions == {"top 2": BEYOND} and caveats(found) == ["with exceptions"]
    )
    assert headline([found], []).startswith(
        "Healing brings the score back on average: healed models are within 0.01 weighted F1 of intact ones (not "
        "borne out at top 2)"
    )
    assert "either way, but more at top 2" in first_line(found)
    found = verdict("a", known(-0.08, 0.005), [known(-0.1, 0.005), much])
    assert found.verdict == CONTRADICTED and found.exceptions == {"top 1": BORNE_OUT}
    assert "but borne out at top 1" in first_line(found) and "(not borne out at top 1)" in headline([found], [])


def test_exceptions_are_named_where_they_are_few():
    parts = [known(0.08, 0.005)] * 4
    found = [verdict("a", known(0.08, 0.005), [*parts, known(0.0003, 0.0004)])]
    assert headline(found, []).endswith("stays lost (not borne out at top 4).")
    assert caveats(found[0]) == ["with exceptions"] and caveats(verdict("a", known(0.08, 0.005), parts)) == []
    many = verdict("a", known(0.08, 0.005), [*parts, *[known(0.0003, 0.0004)] * 3])
    assert "(not borne out at 3 of 7 places)" in headline([many], [])
    trend = verdict("b, top", known(0.02, 0.001))
    trend.parts = {("25%", "50%"): known(0.08, 0.005), ("50%", "75%"): known(-0.08, 0.005)}
    assert headline([trend], []) == "More damage from the top costs more (not borne out from 50% to 75%)."


def test_a_verdict_that_depends_on_the_epoch_says_so():
    found = [verdict("a", known(0.08, 0.005)), verdict("c", known(0.08, 0.005))]
    for one in found:
        one.rulings["last epoch"] = Ruling(known(*MADE[INCONCLUSIVE]), 0.01)
        correct([one])
    text = headline(found, [])
    assert text.endswith("; the last epoch's scores give another verdict on healing and on bottom against top.")
    assert caveats(found[0]) == ["depends on the epoch"]


def test_what_is_lacking_where_nothing_can_be_compared():
    assert lacking([HALF]) == "no intact runs with these settings"
    assert lacking([INTACT]) == "no damaged runs"
    assert lacking([INTACT, HALF]) == "no intact and damaged runs of the same seeds"


def test_regions_that_differ():
    found = [verdict("b, bottom", known(0.02, 0.001)), verdict("b, top", known(0.0001, 0.0002))]
    text = headline(found, [])
    assert text == "More damage from the bottom costs more; how much is damaged from the top hardly matters."


def test_some_damage_that_costs_nothing():
    text = headline([verdict("a", known(0.08, 0.005), [known(-0.004, 0.01), known(0.15, 0.01)])], [])
    assert text == "Healing does not bring everything back: up to 0.15 weighted F1 stays lost (not borne out at top 0)."


def test_a_gap_beyond_100_percent_is_not_told():
    found = [verdict("a", known(0.08, 0.005))]
    for recovery in (1.3, -0.2, None):
        assert "%" not in headline(found, [cost(0.5), cost(recovery)])
    assert "closes 50% of" in headline(found, [cost(0.5)])


def test_a_gap_that_is_nearly_closed_is_not_closed():
    found = [verdict("a", known(0.08, 0.005))]
    assert "closes 99% of" in headline(found, [cost(0.997)]) and "closes 29% of" in headline(found, [cost(0.29)])


def test_each_dataset_by_itself():
    found = [verdict("a", known(0.08, 0.005), scope=scope) for scope in ("all datasets", "sst2", "emotion")]
    found[1] = verdict("a", known(-0.08, 0.005), scope="sst2")
    costs = [cost(0.6, "sst2"), cost(0.7, "emotion"), cost(0.8)]
    assert "80%" in headline(found, costs) and "70%" in headline(found, costs, "emotion")
    assert headline(found, costs, "sst2").startswith("Healed models do better than intact ones")


def test_two_significant_digits():
    assert [brief(value) for value in (0.2371, 0.0451, -0.003, 1.26, 12.4, 130, 0)] == SHORT
    assert brief(0.0451, 0.2371) == "0.05"
