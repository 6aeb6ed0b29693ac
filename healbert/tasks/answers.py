"""Answers of questions as data sets hold them, and where in the context they are."""

import numpy as np

from ..utils.errors import UserError
from .rows import BadRowsError, counted


def read_answers(values, contexts, split, column):
    """The answers of each row, and at which character of its context they begin.

    Args:
        values: of each row SQuAD's {"text": [...], "answer_start": [...]}, or a text, which the context holds; empty or
            None where there is no answer.
        contexts: list of str.
        split, column: for messages.

    Returns:
        tuple: lists of list of str, and of list of int.

    Raises:
        UserError: if they are neither, or not in the context, by row.
    """
    answers, starts, wrong = [], [], []
    for row, (value, context) in enumerate(zip(values, contexts, strict=True)):
        found = _of_row(value, context, split, column)
        answers.append([text for text, _ in found])
        starts.append([start for _, start in found])
        if any(start is None or start < 0 or context[start : start + len(text)] != text for text, start in found):
            wrong.append(row)
    if wrong:
        rows, verb = counted(len(wrong), "question", "has", "have")
        first = next(
            text
            for text, start in zip(answers[wrong[0]], starts[wrong[0]], strict=True)
            if start is None or start < 0 or contexts[wrong[0]][start : start + len(text)] != text
        )
        what = f"{rows} of {split} {verb} an answer that is not in the context where it should be, the first {first!r}"
        raise BadRowsError(what, split, np.array(wrong), "remove or mend these rows")
    return answers, starts


def _of_row(value, context, split, column):
    if value is None or value == "":
        return []
    if isinstance(value, str):
        return [(value, context.find(value))]
    if isinstance(value, dict) and {"text", "answer_start"} <= set(value):
        texts, starts = value["text"] or [], value["answer_start"] or []
        if isinstance(texts, list) and isinstance(starts, list) and len(texts) == len(starts):
            return [(text, start) for text, start in zip(texts, starts, strict=True) if text]
    raise UserError(
        f"column '{column}' of {split} holds {value!r:.60}, and answers are a text or lists 'text' and 'answer_start'"
    )
