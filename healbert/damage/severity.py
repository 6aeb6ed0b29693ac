"""Severity: the strength at which a damage reaches a given figure, found by bisection."""

import dataclasses
import math
import warnings

from ..models.layers import find_layers
from ..utils.errors import UserError, check_choice
from .apply import corrupt, corrupted
from .methods import METHODS
from .selection import select_tensors
from .spec import strength_of

METRICS = {
    "l2": "relative L2 distance of all that is hit to what it was",
    "kl": "mean KL(intact || damaged) of the predictions",
    "f1_drop": "fall of the primary metric",
}
TOLERANCE = 0.02  # of the target, unless another is given
FLAG = "--match_severity"

LEAST, MOST = 1e-12, 1e6  # distances that are tried where an option sets no limit, in units of the first one
FINEST = 1e-4  # a bracket as narrow as that, relative, holds a jump
DIGITS = 6  # of a strength that is tried, so that an error names it as it can be given


@dataclasses.dataclass(frozen=True)
class Severity:
    """How severe a damage is to be.

    Args:
        metric: a name in `METRICS`.
        target: what the metric is to be, above 0.
        within: by which share of the target it may be missed.
    """

    metric: str
    target: float
    within: float = TOLERANCE

    def __str__(self):
        within = "" if self.within == TOLERANCE else f",within={self.within:.15g}"
        return f"{self.metric}={self.target:.15g}{within}"

    @property
    def evaluates(self):
        """Whether it takes an evaluation of the model, and not its weights alone."""
        return self.metric != "l2"

    def reached(self, figure):
        """Whether a figure is the target, within the tolerance."""
        return abs(figure - self.target) <= self.within * self.target


def read_severity(given):
    """A `Severity` of a text such as "l2=0.5" or "kl=0.1,within=0.2" (or of one).

    Raises:
        UserError: if it is none.
    """
    if isinstance(given, Severity):
        return given
    wanted, separator, within = str(given).partition(",within=")
    metric, equals, target = wanted.partition("=")
    if not equals:
        raise UserError(f"{FLAG} {given} is not METRIC=TARGET, such as l2=0.5 (metrics: {', '.join(METRICS)})")
    check_choice("severity metric", metric.strip(), METRICS)
    found = Severity(metric.strip(), _number(given, target), *([_number(given, within)] if separator else []))
    if not 0 < found.target < math.inf:
        raise UserError(f"{FLAG} {given}: the target is not above 0 and finite; of no damage, use level 0")
    if not 0 < found.within < 1:
        raise UserError(f"{FLAG} {given}: within is a share of the target, above 0 and below 1")
    return found


def _number(given, value):
    try:
        return float(value)
    except ValueError:
        raise UserError(f"{FLAG} {given}: '{value}' is not a number") from None


def match_severity(model, spec, target, evaluate=None, undoable=True, donor=None):
    """Damages ``model`` in place as severely as is asked for, and returns the receipt.

    Between the tries the damage is undone bit for bit; the one that is left is that of ``spec`` with the strength that
    was found. Figures need not rise evenly with the strength: the bisection keeps one strength that reaches too little
    and one that reaches too much.

    Args:
        model, undoable, donor: as of `corrupt`.
        spec: a `CorruptionSpec` whose method has a strength, which is not given.
        target: a `Severity`, or its text: "l2=0.5", "kl=0.1", "f1_drop=0.2".
        evaluate: for "kl" and "f1_drop", a function of the damaged model that gives the figure.

    Returns:
        CorruptionReceipt: ``summary["severity"]`` says ``metric``, ``target``, what was ``reached``, the ``strength``
        that was found, and how many ``tries`` it took. Nothing of the kind where nothing is hit.

    Raises:
        UserError: if no strength reaches the target, naming the nearest; the model is intact then.
    """
    severity = read_severity(target)
    if spec.intact:
        return corrupt(model, spec, undoable, donor)
    name = strength_of(spec.method)
    declared = METHODS[spec.method].options[name]
    if spec.strength is not None or spec.options[name] != declared.default:
        raise UserError(f"{FLAG} finds the strength ({name} of {spec.method}); leave it out")
    if severity.evaluates and evaluate is None:
        raise UserError(f"severity {severity.metric} needs evaluate, a function of the damaged model that gives it")

    def figure(strength):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the damage that is left has its warnings once
            with corrupted(model, with_strength(spec, strength), donor) as receipt:
                found = evaluate(model) if severity.evaluates else _moved(receipt)
        return found if found is not None and not math.isnan(found) else math.inf

    if not _hits(model, spec):
        return corrupt(model, spec, undoable, donor)
    search = _Search(figure, _span(spec.method), severity, spec.method)
    strength = search.find()
    receipt = corrupt(model, with_strength(spec, strength), undoable, donor)
    receipt.summary["severity"] = dataclasses.asdict(severity) | search.found(strength)
    return receipt


def with_strength(spec, strength):
    """A spec as it would be with ``strength``."""
    options = {name: value for name, value in spec.options.items() if name != strength_of(spec.method)}
    return dataclasses.replace(spec, strength=strength, options=options)


def _hits(model, spec):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return bool(select_tensors(find_layers(model, spec.side), spec))


def _moved(receipt):
    found = receipt.summary["relative_l2"]
    return math.inf if found is None else found  # values that are not finite any more


@dataclasses.dataclass(frozen=True)
class _Span:
    """The strengths of a method as distances from the mildest one.

    Args:
        mildest: the strength at distance 0.
        sign: 1 where more is more damage, -1 where less is.
        first: the distance that is tried first, that of the default.
        end: the largest distance.
        whole: whether strengths are whole numbers.
    """

    mildest: float
    sign: int
    first: float
    end: float
    whole: bool

    def strength(self, distance):
        found = self.mildest + self.sign * distance
        return int(found) if self.whole else float(f"{found:.{DIGITS}g}")

    def further(self, distance, factor):
        distance = min(max(distance, LEAST * self.first) * factor, self.end)
        return math.ceil(distance) if self.whole else distance

    def nearer(self, distance, factor):
        """A smaller distance; 0 at last."""
        if self.whole:
            return int(distance / factor)
        return distance / factor if distance / factor >= LEAST * self.first else 0.0

    def between(self, low, high):
        """A distance between two, or None where there is none worth a try."""
        if self.whole:
            return (low + high) // 2 if high - low > 1 else None
        if low == 0 or high / low < 1 + FINEST or self.strength(low) == self.strength(high):
            return None
        return math.sqrt(low) * math.sqrt(high)


def _span(method):
    method = METHODS[method]
    option = method.options[method.strength]
    mildest = method.mildest if method.mildest is not None else (option.least or 0)
    first, sign = abs(option.default - mildest), 1 if option.default >= mildest else -1
    first = first or 1  # whose default does nothing
    limit = option.most if sign > 0 else option.least
    end = MOST * first if limit is None else abs(limit - mildest)
    whole = isinstance(option.default, int)
    # All of it need not be the most: with the sign of every value changed, a layer gives what it gave, negated.
    return _Span(mildest, sign, first if first < end or whole else end / 2, end, whole)


class _Search:
    """The search for a strength; ``tries`` are the figures that were measured: {strength: figure}."""

    def __init__(self, figure, span, severity, method):
        self.figure, self.span, self.severity, self.method = figure, span, severity, method
        self.tries = {}

    def find(self):
        """The strength that reaches the target.

        Raises:
            UserError: if there is none.
        """
        low, high = self._bracket()
        while low != high:
            middle = self.span.between(low, high)
            if middle is None:
                raise UserError(self._jumps(low, high))
            value = self._at(middle)
            if self.severity.reached(value):
                return self.span.strength(middle)
            low, high = (middle, high) if value < self.severity.target else (low, middle)
        return self.span.strength(low)

    def found(self, strength):
        """What the receipt says of a strength."""
        return {"reached": self.tries[strength], "strength": strength, "tries": len(self.tries)}

    def _at(self, distance):
        strength = self.span.strength(distance)
        if strength not in self.tries:
            self.tries[strength] = self.figure(strength)
        return self.tries[strength]

    def _bracket(self):
        """A distance that reaches too little and one that reaches too much; twice the same where it is the target.

        Steps grow fast, as a rate may have to go over many powers of ten.
        """
        low = high = None
        distance, factor = self.span.first, 4
        while True:
            value = self._at(distance)
            if self.severity.reached(value):
                return distance, distance
            too_little = value < self.severity.target
            low, high = (distance, high) if too_little else (low, distance)
            if None not in (low, high):
                return low, high
            if distance == (self.span.end if too_little else 0):
                raise UserError(self._beyond())
            distance = (self.span.further if too_little else self.span.nearer)(distance, factor)
            factor = factor**2

    def _jumps(self, low, high):
        (one, less), (other, more) = ((self.span.strength(d), self._at(d)) for d in (low, high))
        return (
            f"{FLAG} {self.severity} cannot be reached: {self.method} gives {less:.4g} at strength "
            f"{one:.{DIGITS}g} and {more:.4g} at {other:.{DIGITS}g}, and nothing between; give one of these as "
            f"--corrupt_strength, another target, or a wider one ({self.severity.metric}={self.severity.target:g},"
            "within=0.1)"
        )

    def _beyond(self):
        nearest = min(self.tries, key=lambda strength: abs(self.tries[strength] - self.severity.target))
        return (
            f"{FLAG} {self.severity} cannot be reached: the nearest that {self.method} comes is "
            f"{self.tries[nearest]:.4g}, at strength {nearest:.{DIGITS}g}; choose another target or method, or give "
            f"--corrupt_strength {nearest:.{DIGITS}g}"
        )
