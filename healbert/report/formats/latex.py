"""Tables as LaTeX, with booktabs."""

import re
import textwrap
import unicodedata

from ...utils.registry import register
from ...utils.text import clean

FLOAT_CHARACTERS, FLOAT_ROWS = 75, 25  # what fits into one float at a size that can be read


PORTRAIT_CHARACTERS = 110  # with breaks in its columns


PORTRAIT_LINE, LANDSCAPE_LINE = 80, 130  # characters, about


SHORT, LONGEST = 12, 30  # characters of a column that is not narrowed, and of one that asks for no more


WORD, PIECE = 10, 5  # a longer word may break, after every so many letters, if it must


SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "\u2212": "$-$",
    "\u00d7": r"$\times$",
    "\u2016": r"$\Vert$",
    "\u00b1": r"$\pm$",
    "\u2013": "--",
    "\u2192": r"$\rightarrow$",
    "\u2026": r"\ldots{}",
    "\n": " ",
    "\t": " ",
    **{character: "\\" + character for character in "&%$#_{}"},
}


@register("format", "latex")
def latex(content, folder):
    """Writes tables/*.tex: every table, those with a layout of the paper's own in that, and in their own as -long."""
    (folder / "tables").mkdir(exist_ok=True)
    for table in content.tables:
        forms = {table.name: table} if table.paper is None else {table.name: table.paper, f"{table.name}-long": table}
        for name, form in forms.items():
            (folder / "tables" / f"{name}.tex").write_text(latex_table(form), encoding="utf-8")


def escape(text):
    """Text that LaTeX shows as it is; characters that its common fonts lack are named (U+4E2D)."""
    pieces = re.split("(?<=-)(?=-)", clean(str(text)))  # two of them would be drawn as one dash
    return "{}".join("".join(map(_character, piece)) for piece in pieces)


def _character(character):
    if character in SPECIAL:
        return SPECIAL[character]
    accented = "\u00c0" <= character <= "\u00ff" and unicodedata.normalize("NFD", character)[0].isascii()
    if (character.isascii() and character.isprintable()) or accented:
        return character
    return f"U+{ord(character):04X}"


def latex_table(table):
    """A `Table` as a ``table`` environment; one that is long or wide over several pages, a very wide one sideways."""
    longest = [_longest(table, column) for column in range(len(table.columns))]
    if sum(longest) <= FLOAT_CHARACTERS and len(table.rows) <= FLOAT_ROWS:
        return _float(table)
    wanted = [min(width, LONGEST) for width in longest]
    return _over_pages(table, wanted, sideways=sum(wanted) > PORTRAIT_CHARACTERS)


def _caption(table):
    return rf"\caption{{{escape(f'{table.title}. {table.caption}'.strip())}}}"


def _float(table):
    lines = [
        r"% needs \usepackage[T1]{fontenc} and \usepackage{booktabs}",
        r"\begin{table}",
        r"\centering",
        r"\small",
        _caption(table),
        rf"\label{{tab:{table.name}}}",
        rf"\begin{{tabular}}{{{'l' * len(table.columns)}}}",
        r"\toprule",
        _head(table),
        r"\midrule",
        *(" & ".join(_stacked(cell) for cell in row.cells) + r" \\" for row in table.rows),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _over_pages(table, wanted, sideways):
    shares = _widths(wanted, LANDSCAPE_LINE if sideways else PORTRAIT_LINE)
    columns = (rf">{{\raggedright\arraybackslash}}p{{\dimexpr{s:.4f}\linewidth-2\tabcolsep\relax}}" for s in shares)
    lines = [
        r"% needs \usepackage[T1]{fontenc} and the packages array, booktabs, longtable and pdflscape; one text column",
        r"\begin{landscape}" if sideways else r"\begingroup",
        (r"\scriptsize" if sideways else r"\footnotesize")
        + r"\setlength{\tabcolsep}{3pt}\setlength{\LTcapwidth}{\linewidth}",
        rf"\begin{{longtable}}{{{''.join(columns)}}}",
        _caption(table) + rf"\label{{tab:{table.name}}} \\",
        *(r"\toprule", _head(table), r"\midrule", r"\endfirsthead"),
        *(r"\toprule", _head(table), r"\midrule", r"\endhead"),
        *(r"\bottomrule", r"\endfoot"),
        *(" & ".join(_wrapped(cell) for cell in row.cells) + r" \\" for row in table.rows),
        r"\end{longtable}",
        r"\end{landscape}" if sideways else r"\endgroup",
    ]
    return "\n".join(lines) + "\n"


def _widths(wanted, line):
    """Each column's part of the line: short ones get what they want, the others what is left, by what they want."""
    short = sum(width + 2 for width in wanted if width <= SHORT)
    others = sum(width for width in wanted if width > SHORT) or 1
    widths = [width + 2 if width <= SHORT else max(SHORT, (line - short) * width / others) for width in wanted]
    return [width / max(line, sum(widths)) for width in widths]


def _head(table):
    titles = " & ".join(escape(column) for column in table.columns) + r" \\"
    if not table.spans:
        return titles
    above, rules, start = [], [], 1
    for title, width in table.spans:
        above.append(rf"\multicolumn{{{width}}}{{c}}{{{escape(title)}}}" if title else " & " * (width - 1))
        rules += [rf"\cmidrule(lr){{{start}-{start + width - 1}}}"] if title else []
        start += width
    return " & ".join(above) + r" \\ " + "".join(rules) + "\n" + titles


def _stacked(cell):
    if not cell.note:
        return escape(cell.text)
    return rf"\shortstack[l]{{{escape(cell.text)} \\ {{\scriptsize {escape(cell.note)}}}}}"


def _wrapped(cell):
    return _breakable(cell.text) + (rf" \newline {{\scriptsize {_breakable(cell.note)}}}" if cell.note else "")


def _breakable(text):
    """Escaped text whose long words (paths, hashes, names of runs) may break within if they do not fit."""
    return " ".join(map(_breakable_word, str(text).split()))


def _breakable_word(word):
    plain = all(character.isascii() or character in SPECIAL for character in word)
    if len(word) <= WORD and plain:
        return escape(word)
    pieces = textwrap.wrap(word, PIECE if plain else 1)  # a character may be named: U+4E2D
    return r"\penalty500{}".join(map(escape, pieces))


def _longest(table, column):
    """The characters of a column's longest line, a title's words counting alone."""
    cells = [row.cells[column] for row in table.rows]
    lines = [line for cell in cells for line in (*cell.text.split("\n"), cell.note)]
    return max(map(len, [*table.columns[column].split(), *lines]))
