"""The embedded tasks: real text of several types that every machine with the requirements has.

Each is drawn from the installed packages' own sources, so that no Hub is needed, and kept as parquet on first use.
"""

from . import code_tokens, docstrings, language, similarity, summary
from .folder import EmbeddedTask, embedded_folder, embedded_key

EMBEDDED = {
    "docstrings": docstrings.TASK,
    "docstring_lm": language.TASK,
    "docstring_similarity": similarity.TASK,
    "docstring_summary": summary.TASK,
    "code_tokens": code_tokens.TASK,
}

__all__ = ["EMBEDDED", "EmbeddedTask", "embedded_folder", "embedded_key"]
