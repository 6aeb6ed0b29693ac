"""Which model a name stands for, and a fingerprint of what lies there."""

import pathlib

from ..hub.fingerprint import of_commit, of_files
from ..results.schema import RUN_FILES
from ..utils.errors import UserError
from . import embedded

EMBEDDED_MODEL = "embedded"


MODEL_SUFFIXES = {".json", ".model", ".py", ".safetensors", ".txt"}  # what loading a model reads


def local_model(name):
    """The folder that a model's name stands for, or None if it is a Hub id.

    Raises:
        UserError: if ``name`` is a path to nothing.
    """
    if name == EMBEDDED_MODEL:
        return str(embedded.model_folder())
    path = pathlib.Path(name).expanduser()
    if path.exists():
        return str(path)
    if name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise UserError(f"model folder {name} does not exist; give a Hub id or a folder that save_pretrained wrote")
    return None


def model_fingerprint(model):
    """What the model, configuration and tokenizer of `ModelArguments` are: a dict from setting to fingerprint."""
    names = ("model_name_or_path", "config_name", "tokenizer_name")
    return {name: _of_model(getattr(model, name), model) for name in names if getattr(model, name)}


def _of_model(name, model):
    if name == EMBEDDED_MODEL:
        return f"files:{embedded.MODEL_SHA256[:16]}"
    folder = local_model(name)
    if folder is None:
        return of_commit(name, "model", model.model_revision, model.token, model.cache_dir)
    files = [path for path in pathlib.Path(folder).glob("*") if path.suffix in MODEL_SUFFIXES]
    return of_files(sorted(path for path in files if path.name not in RUN_FILES))
