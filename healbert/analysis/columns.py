"""What `healbert ls` shows runs by: their figures and settings by name, conditions on these, and an order."""

import collections
import difflib
import operator
import re

from ..arguments.neutral import NOT_IDENTITY
from ..results.listing import found_runs, summary_of
from ..results.read import row_of
from ..results.schema import is_damage, is_teacher, place_of, primary_of, primary_score
from ..utils.errors import UserError
from ..utils.text import one_line
from .grouping import MEASURED
from .runs import signature

ALSO = {  # shorter names
    "dataset": "task",
    "level": "corrupt_level",
    "region": "corrupt_region",
    "method": "corrupt_method",
    "score": "healed",
    "time": "seconds",
}
# Parts of results.json: what no run of a folder has yet may be asked for by a dotted name.
PARTS = "task model corruption metrics healing trace features timing environment error".split()
CONDITION = re.compile(r"\s*([^!=<>]+?)\s*(!=|<=|>=|==?|<|>)(.*)", re.DOTALL)
COMPARE = {
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
MISSING = "-"


def rows_of(directory):
    """The runs of a folder with all that is known of each by name: a list of dicts, in the order of `list_runs`.

    Names are those of `load_results`, those of `list_runs`, short ones, ``lost``, and dotted ones of all else that
    results.json holds, such as ``healing.seconds_per_step``. What a run does not have is None or not among its names.
    """
    found = found_runs(directory)
    intact = _intact_scores(found)
    return [_named(name, results) | {"lost": _lost(name, results, intact)} for name, results in found]


def _named(name, results):
    row = _dotted({part: value for part, value in results.items() if part != "config"})
    if results["status"] != "damaged":
        row |= row_of(name, results)
    row |= summary_of(name, results)
    return row | {short: row.get(long) for short, long in ALSO.items()}


def _dotted(value, above=""):
    """{dotted name: value} of what nested dicts hold; lists of plain values are values, others are left out."""
    found = {}
    for name, inner in value.items():
        if isinstance(inner, dict):
            found |= _dotted(inner, f"{above}{name}.")
        elif not (isinstance(inner, list) and any(isinstance(item, (dict, list)) for item in inner)):
            found[above + name] = inner
    return found


def _intact_scores(found):
    """{all that an intact run has in common with damaged ones: the scores of such runs}; teachers are none of them."""
    scores = collections.defaultdict(set)
    for name, results in found:
        score = primary_score(results, "healed")
        if score is not None and not is_teacher(name) and _place(results) == (0, ""):
            scores[_beside_damage(results)].add(score)
    return scores


def _place(results):
    return place_of(results["config"], results.get("corruption"))


def _beside_damage(results):
    config = results["config"]
    left = [name for name in config if not (name in NOT_IDENTITY | MEASURED or is_damage(name))]
    model = (results.get("model") or {}).get("fingerprint") or config.get("model_name_or_path")
    return model, primary_of(results)[0], tuple((name, signature(config[name])) for name in sorted(left))


def _lost(name, results, intact):
    """The intact run's score minus this one's; positive where this one is worse. None without one such intact score."""
    score = primary_score(results, "healed")
    if score is None or len(scores := intact.get(_beside_damage(results), ())) != 1:
        return None
    (whole,) = scores
    return score - whole if primary_of(results)[1].get("greater_is_better") is False else whole - score


def names_in(text, flag):
    """The names in a list with commas.

    Raises:
        UserError: if one is empty.
    """
    names = [name.strip() for name in text.split(",")]
    if not all(name.removeprefix("-") for name in names):
        raise UserError(f"{flag} {text or repr('')} has an empty name; write names with commas, such as seed,healed")
    return names


def conditions_in(text):
    """The conditions in a list with commas: [(name, sign, value as text), ...]. A value may hold commas.

    Raises:
        UserError: for what is no condition.
    """
    found = []
    for part in text.split(","):
        if fits := CONDITION.fullmatch(part):
            found.append(list(fits.groups()))
        elif found and part:  # of a value with commas, such as corrupt_layers=0,1
            found[-1][2] += f",{part}"
        else:
            raise UserError(f"--filter {text or repr('')} is no condition; write NAME=VALUE (or != < > <= >=)")
    for name, sign, value in found:
        if not value.strip():
            raise UserError(f"--filter {name}{sign} has no value; {name}{sign}{MISSING} stands for a missing one")
    return [(name, sign, value.strip()) for name, sign, value in found]


def check_names(names, rows, flag):
    """Raises `UserError` with the nearest names unless each of ``names`` is known of a run, or may come to be."""
    known = {name for row in rows for name in row}
    parts = {name.partition(".")[0] for name in known if "." in name}
    for name in names:
        part, dot, _ = name.partition(".")
        if rows and name not in known and not (dot and part in PARTS and part not in parts):
            near = difflib.get_close_matches(name, sorted(known), n=3) or sorted(n for n in known if name in n)[:3]
            near = near or [n for n in sorted(known) if name.rpartition(".")[2] in n.split(".")][:3]
            hint = f"did you mean {' or '.join(near)}?" if near else "try dataset, level, region, seed, score, lost"
            raise UserError(f"{flag}: no run here has '{name}'; {hint}")


def matching(rows, conditions):
    """The rows that meet every condition of `conditions_in`.

    Raises:
        UserError: if a column of numbers is compared with a text.
    """
    for name, sign, text in conditions:
        values = [row.get(name) for row in rows]
        number = _number(text)
        kinds = {_is_number(value) for value in values if value is not None}
        if kinds == {True} and number is None and text != MISSING:
            raise UserError(f"--filter {name}{sign}{text}: {name} is a number, and '{text}' is none")
        if text == MISSING and sign not in ("=", "==", "!="):
            raise UserError(f"--filter {name}{sign}{text}: a missing value is neither less nor more; use = or !=")
        rows = [row for row, value in zip(rows, values, strict=True) if _meets(value, sign, text, number)]
    return rows


def _meets(value, sign, text, number):
    if value is None or text == MISSING:
        return COMPARE[sign](value is None, True) if text == MISSING else sign == "!="
    if _is_number(value):
        return COMPARE[sign](value, number) if number is not None else sign == "!="
    return COMPARE[sign](as_text(value), text)


def ordered(rows, names):
    """The rows in the order of columns, the first counting most, "-name" descending; what is missing comes last."""
    for name in reversed(names):
        column = name.removeprefix("-")
        there = [row for row in rows if row.get(column) is not None]
        missing = [row for row in rows if row.get(column) is None]
        rows = sorted(there, key=lambda row: _rank(row[column]), reverse=name != column) + missing
    return rows


def _rank(value):
    return (0, value, "") if _is_number(value) else (1, 0, as_text(value))


def _number(text):
    try:
        number = float(text)
    except ValueError:
        return None
    return number if number == number else None


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def as_text(value):
    """A value for one place of a table."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(map(as_text, value)) or "none"
    return MISSING if value is None else f"{value:.4g}" if isinstance(value, float) else one_line(value)
