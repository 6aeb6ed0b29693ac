"""Tables as LaTeX, with booktabs."""

import unicodedata

SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "\u2212": "$-$",
    "\u00b1": r"$\pm$",
    "\u2013": "--",
    "\u2026": r"\ldots{}",
    "\n": " ",
    "\t": " ",
    **{character: "\\" + character for character in "&%$#_{}"},
}


def escape(text):
    """Text that LaTeX shows as it is; characters that its common fonts lack are named (U+4E2D)."""
    return "".join(_character(character) for character in str(text))


def _character(character):
    if character in SPECIAL:
        return SPECIAL[character]
    accented = "\u00c0" <= character <= "\u00ff" and unicodedata.normalize("NFD", character)[0].isascii()
    if (character.isascii() and character.isprintable()) or accented:
        return character
    return f"U+{ord(character):04X}"


def latex_table(table):
    """A `Table` as a ``table`` environment."""
    lines = [
        r"% needs \usepackage[T1]{fontenc}, \usepackage{booktabs} and \usepackage{graphicx}",
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escape(table.title)}. {escape(table.caption)}}}",
        rf"\label{{tab:{table.name}}}",
        r"\resizebox{\ifdim\width>\textwidth\textwidth\else\width\fi}{!}{%",
        rf"\begin{{tabular}}{{{'l' * len(table.columns)}}}",
        r"\toprule",
        " & ".join(escape(column) for column in table.columns) + r" \\",
        r"\midrule",
        *(" & ".join(_cell(cell) for cell in row.cells) + r" \\" for row in table.rows),
        r"\bottomrule",
        r"\end{tabular}}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _cell(cell):
    if not cell.note:
        return escape(cell.text)
    return rf"\shortstack[l]{{{escape(cell.text)} \\ {{\scriptsize {escape(cell.note)}}}}}"
