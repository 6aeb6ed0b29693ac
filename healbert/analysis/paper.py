"""The paper's own published figures, which a user writes down, beside the verdicts on the same claims."""

import pathlib

import yaml

from ..arguments.yaml_text import load_yaml
from ..utils.errors import UserError
from .verdict import POOLED


def read_paper(path, letters):
    """{(claim's letter, dataset or `POOLED`): text} out of a YAML file.

    The file maps a claim's letter to the paper's figure, or to a figure for each dataset: ``a: 0.08``, or
    ``a: {sst2: 0.05, all datasets: 0.08}``. A figure is a number or a text; what has none yet is left out.

    Args:
        path: the file.
        letters: of the claims there are, such as "b, bottom".

    Raises:
        UserError: if it cannot be read, or holds something else.
    """
    try:
        found = load_yaml(pathlib.Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"--paper {path} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise UserError(f"--paper {path} is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(found, dict):
        raise UserError(f"--paper {path} holds no claims; write lines such as 'a: 0.08'")
    unknown = [str(letter) for letter in found if letter not in letters]
    if unknown:
        raise UserError(f"--paper {path} names claim {unknown[0]!r}; claims are {', '.join(map(repr, letters))}")
    figures = {}
    for letter, said in found.items():
        for dataset, figure in (said if isinstance(said, dict) else {POOLED: said}).items():
            if figure is None:
                continue
            if isinstance(figure, bool) or not isinstance(figure, (int, float, str)):
                raise UserError(f"--paper {path}: claim {letter!r} has {figure!r}; write a number or a text")
            figures[letter, str(dataset)] = str(figure)
    return figures


def stand_beside(verdicts, figures):
    """Gives each `Verdict` the paper's figure on its claim and dataset, where there is one.

    A figure of no dataset is that of all of them, or of the only one.
    """
    for verdict in verdicts:
        scopes = [verdict.scope] if verdict.exploratory else [verdict.scope, POOLED]
        found = (figures.get((verdict.claim.letter, scope)) for scope in scopes)
        verdict.paper = next(filter(None, found), "")
