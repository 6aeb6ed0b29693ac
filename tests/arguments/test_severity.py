"""--match_severity and --measure_damage: what they refuse, and what they are to a run's name."""

import pytest
from helpers.arguments import run

from healbert.utils.errors import UserError

NOISE = {"corrupt_level": 0.5, "corrupt_method": "gaussian_noise"}


def end(**settings):
    return run(**settings).name().rpartition("-")[2]


def test_what_is_asked_for_is_part_of_the_name():
    names = {end(**NOISE, match_severity=asked) for asked in (None, "l2=0.5", "l2=0.6", "kl=0.5")}
    assert len(names) == 4
    assert end(**NOISE, match_severity="l2=0.50") == end(**NOISE, match_severity="l2 = 5e-1")


def test_measuring_is_part_of_the_name_of_a_damaged_run_alone():
    assert end(**NOISE, measure_damage=True) != end(**NOISE)
    assert end(corrupt_level=0, measure_damage=True, match_severity="kl=1", corrupt_method="scale") == end(
        corrupt_level=0
    )


def test_identity_says_what_is_asked_for():
    damage = run(**NOISE, match_severity="l2=0.5").identity()["damage"]
    assert damage["severity"] == "l2=0.5" and "options" not in damage


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"match_severity": "l2=abc"}, "'abc' is not a number"),
        ({"match_severity": "l2"}, "is not METRIC=TARGET"),
        ({"match_severity": "f1_dorp=1"}, "did you mean 'f1_drop'"),
        ({"match_severity": "l2=nan"}, "not above 0 and finite"),
        ({"match_severity": "l2=0"}, "not above 0 and finite"),
        ({"match_severity": "l2=1", "corrupt_strength": 0.1}, "leave out --corrupt_strength and option std"),
        ({"match_severity": "l2=1", "corrupt_options": "std=0.1"}, "leave out --corrupt_strength and option std"),
        ({"match_severity": "l2=1", "corrupt_options": {"std": 0.1}}, "leave out --corrupt_strength and option std"),
        ({"match_severity": "l2=1", "corrupt_method": "zero"}, "method 'zero' has no strength .* bit_flip"),
    ],
)
def test_refused(settings, message):
    with pytest.raises(UserError, match=message) as caught:
        run(**NOISE | settings)
    assert "\n" not in str(caught.value)


def test_options_of_a_file_go_with_a_strength_and_a_severity():
    """In YAML options are a dict, which the command line writes as JSON."""
    flips = {"corrupt_level": 0.5, "corrupt_method": "bit_flip", "corrupt_options": {"bits": "mantissa"}}
    assert run(**flips, corrupt_strength=1e-4).corruption.spec().options["rate"] == 1e-4
    assert run(**flips, match_severity="l2=0.1").corruption.spec().options["bits"] == "mantissa"
