"""What the name of a model stands for: a folder or a repository on the Hub, and what lies there."""

import functools
import pathlib

from ..hub.fingerprint import of_commit, of_files
from ..hub.reach import resolve_commit
from ..results.schema import RUN_FILES
from ..utils.errors import UserError
from . import embedded

EMBEDDED_MODEL = "embedded"


MODEL_SUFFIXES = {".json", ".model", ".py", ".safetensors", ".txt"}  # what loading a model reads


class ModelSource:
    """Where a model's weights come from, or its configuration or tokenizer. Each fact is found out once, on first use.

    Args:
        arguments: `ModelArguments`.
        name: Hub id, folder or "embedded"; default: that of the weights.
    """

    def __init__(self, arguments, name=None):
        self._arguments = arguments
        self.name = name or arguments.model_name_or_path

    @functools.cached_property
    def config(self):
        """The source of the configuration: this one unless ``--config_name`` says another."""
        return ModelSource(self._arguments, self._arguments.config_name) if self._arguments.config_name else self

    @functools.cached_property
    def tokenizer(self):
        """The source of the tokenizer: this one unless ``--tokenizer_name`` says another."""
        return ModelSource(self._arguments, self._arguments.tokenizer_name) if self._arguments.tokenizer_name else self

    @functools.cached_property
    def folder(self):
        """The folder that holds it, or None if it is on the Hub.

        Raises:
            UserError: if the name is a path to nothing.
        """
        if self.name == EMBEDDED_MODEL:
            return str(embedded.model_folder())
        path = pathlib.Path(self.name).expanduser()
        if path.exists():
            return str(path)
        if self.name.startswith((".", "/", "~")) or self.name.count("/") > 1:
            raise UserError(
                f"model folder {self.name} does not exist; give a Hub id or a folder that save_pretrained wrote"
            )
        return None

    @property
    def place(self):
        """What ``from_pretrained`` takes: the folder, or the Hub id."""
        return self.folder or self.name

    @functools.cached_property
    def commit(self):
        """The commit of its repository on the Hub; None for a folder, or if it is not known."""
        return None if self.folder else resolve_commit(*self._what())

    @functools.cached_property
    def fingerprint(self):
        """What it is: "files:..." (a hash), "commit:...", or None if that is not known."""
        if self.name == EMBEDDED_MODEL:  # its files are checked against this when they are read
            return f"files:{embedded.MODEL_SHA256[:16]}"
        if self.folder is None:
            return of_commit(*self._what())
        files = [path for path in pathlib.Path(self.folder).glob("*") if path.suffix in MODEL_SUFFIXES]
        # Sorted: glob lists files as the file system holds them.
        return of_files(sorted(path for path in files if path.name not in RUN_FILES))

    def _what(self):
        asked = self._arguments
        return self.name, "model", asked.model_revision, asked.token, asked.cache_dir

    def hub_options(self):
        """The keywords of ``from_pretrained`` that say where and as whom to look."""
        asked = self._arguments
        return {
            "cache_dir": asked.cache_dir,
            "revision": self.commit or asked.model_revision,
            "token": asked.token,
            "trust_remote_code": asked.trust_remote_code,
        }
