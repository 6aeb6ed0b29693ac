"""Numbers of layers as text: "0-2,5"."""

WIDEST = 10_000  # of a span of numbers; no model has as many layers, and a slip of the keys would fill the memory


def spans(numbers):
    """Ascending integers in a short form: "0-31,64-95"."""
    found = []
    for number in numbers:
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in found)


def read_spans(text):
    """The integers of "0,3,5-7", ascending.

    Raises:
        ValueError: if it is none of that form, or a span is wider than `WIDEST`.
    """
    found = set()
    for item in str(text).split(","):
        first, dash, last = item.strip().partition("-")
        span = range(int(first), int(last if dash else first) + 1)
        if not span:
            raise ValueError(f"{item} names nothing")
        if span[-1] - span[0] > WIDEST:
            raise ValueError(f"{item} names too many")
        found.update(span)
    return sorted(found)
