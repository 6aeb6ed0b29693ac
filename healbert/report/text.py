"""Figures as text: numbers, intervals, p-values, counts."""

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
    """A share for reading, in per cent with one digit; an en dash if it is missing."""
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
    """A p-value for reading: three digits, four below 0.01; an en dash if it is missing."""
    if p is None:
        return DASH
    return "< 0.0001" if p < 0.0001 else f"{p:.4f}" if p < 0.01 else f"{p:.3f}"


def count(n, one, many=None):
    """A number of things: "1 run", "1,200 runs"; ``many`` where the plural is not ``one`` and an s."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"
