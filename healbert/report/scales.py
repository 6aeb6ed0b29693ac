"""Places with labels on a logarithmic axis."""

import math

UNITS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


def log_ticks(values):
    """{place: label} for positive values: powers of ten and, where these are few, their multiples by 2 and 5.

    The ends are among them where nothing else is.
    """
    low, high = min(values), max(values)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7)):
        places = [step * 10.0**power for power in powers for step in steps]
        places = [place for place in places if low / 1.3 <= place <= high * 1.3]
        if len(places) > 2:
            return {place: short(place) for place in places}
    return {place: short(place) for place in sorted({low, high})}


def short(value):
    """A number in few characters: 1.5M, 3e14."""
    if value >= 1e12:
        digits, exponent = f"{value:.1e}".split("e")
        return f"{float(digits):g}e{int(exponent)}"
    unit, name = next(((unit, name) for unit, name in UNITS if value >= unit), (1, ""))
    return f"{value / unit:.3g}{name}"
