"""The kinds of tasks, a file each: head, columns, encoding, metrics, samples."""

from ...utils.errors import check_choice
from . import classification  # noqa: F401 - registers itself
from .base import TASK_TYPES, TaskType

__all__ = ["TASK_TYPES", "TaskType", "task_type"]


def task_type(name="classification"):
    """The `TaskType` of that name; the default is that of data that no task of the table describes.

    Raises:
        UserError: if there is none, with the nearest name.
    """
    check_choice("task type", name, TASK_TYPES)
    return TASK_TYPES[name]
