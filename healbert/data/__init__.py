"""From a task's name, a Hub id or files to tokenized splits."""

from .sampling import stratified_sample
from .task import TaskData, load_task, tokenize

__all__ = ["TaskData", "load_task", "stratified_sample", "tokenize"]
