"""How scores fall from level to level: in words that a reader would use of the curve."""

STEADY = "steady fall"
ONE_STEP = "falls in its only step"
IN_PART = "falls in part"
STEP = "step, then plateau"
FLAT = "no fall shown"
NOT_MONOTONE = "not monotone"

STEP_OF_ALL = 0.5  # of the first step: a plateau's fall, as far as it can be, is less


def shape(first, steps, fall, span):
    """The shape of a curve, one of the constants above; None where nothing is known of its steps.

    Args:
        first: `Outcome` of the step from intact to the least damage, or None.
        steps: list of `Outcome` of the steps between neighbouring damaged levels, positive where scores fall; their
            intervals hold together.
        fall: `Outcome` of the fall per quarter of the encoder over damaged levels, or None.
        span: quarters of the encoder between the least and the most damage.
    """
    signs = [step.sign for step in steps]
    if not signs or all(step.over_seeds is None for step in steps):
        return None
    if -1 in signs:
        return NOT_MONOTONE
    if signs == [1]:  # two levels make no curve
        return ONE_STEP
    if 1 in signs:
        return STEADY if 0 not in signs else IN_PART
    # A plateau is more than a fall that is not shown: the most that it can fall is little beside the step before it.
    if first and first.sign > 0 and fall and fall.interval and span * fall.interval[1] < STEP_OF_ALL * first.effect:
        return STEP
    return FLAT
