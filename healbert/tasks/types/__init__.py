"""The kinds of tasks, a file each: head, columns, encoding, metrics, samples."""

from ...utils.registry import table
from . import classification  # noqa: F401 - registers itself


def _entry(kind):
    """An instance of what was registered: a class derived from `TaskType`, or an instance of one."""
    return kind() if isinstance(kind, type) else kind


TASK_TYPES = table("task_type", _entry)
