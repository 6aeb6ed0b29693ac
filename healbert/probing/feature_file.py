"""`features.npz`: what a run keeps of its classifier's features. Needs numpy alone, so that pictures start fast."""

import dataclasses
import struct
import tokenize
import zipfile
import zlib

import numpy as np

from ..utils.errors import UserError
from ..utils.files import atomic_path

FEATURES_VERSION = 2  # 1 had no metric: its scores are weighted F1


# What reading an archive raises whose bytes were changed.
BROKEN_ARCHIVE = (
    OSError,
    ValueError,
    EOFError,
    KeyError,
    TypeError,
    NotImplementedError,
    RuntimeError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)


SINGLE = ("metric", "task", "level", "region", "perplexity", "seed")  # fields of one value


@dataclasses.dataclass
class FeatureFile:
    """What ``features.npz`` holds.

    ``stages`` maps "damaged" and, where there is one, "healed" to numpy (examples, features); ``scores`` maps the same
    names to the primary metric on the whole evaluation split, whose title for people is ``metric``; ``labels`` and
    ``ids`` are (examples,).
    """

    stages: dict
    scores: dict
    metric: str
    labels: np.ndarray
    ids: np.ndarray
    label_names: list
    task: str
    level: float
    region: str
    perplexity: float
    seed: int

    def write(self, path):
        """Writes the file atomically, as plain arrays."""
        arrays = {f"features_{stage}": values.astype(np.float32) for stage, values in self.stages.items()}
        arrays |= {f"score_{stage}": self.scores[stage] for stage in self.stages}
        for field in ("labels", "ids", "label_names", *SINGLE):
            arrays[field] = np.asarray(getattr(self, field))
        with atomic_path(path) as name, open(name, "wb") as file:
            np.savez_compressed(file, version=FEATURES_VERSION, **arrays)

    @classmethod
    def read(cls, path):
        """Reads what `write` wrote, now or as version 1.

        Raises:
            UserError: if the file is missing, damaged or of another version.
        """
        try:
            with open(path, "rb") as opened, np.lib.npyio.NpzFile(opened, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            version = arrays["version"].tolist() if "version" in arrays else None
            if version == 1:
                return cls._from_arrays(_upgraded(arrays))
            if version == FEATURES_VERSION:
                return cls._from_arrays(arrays)
        except FileNotFoundError as error:
            raise UserError(f"{path} does not exist; make the run with --tsne") from error
        except BROKEN_ARCHIVE as error:
            raise UserError(f"{path} is damaged or unreadable ({error!r}); repeat its run with --tsne") from error
        raise UserError(
            f"{path} is of version {version}, this reads 1 and {FEATURES_VERSION}; repeat its run with --tsne"
        )

    @classmethod
    def _from_arrays(cls, arrays):
        stages = [stage for stage in ("damaged", "healed") if f"features_{stage}" in arrays]
        examples = {len(arrays[name]) for name in ("labels", "ids", *(f"features_{stage}" for stage in stages))}
        if not stages or len(examples) > 1:
            raise ValueError("its arrays do not go together")
        return cls(
            stages={stage: arrays[f"features_{stage}"] for stage in stages},
            scores={stage: float(arrays[f"score_{stage}"]) for stage in stages},
            labels=arrays["labels"],
            ids=arrays["ids"],
            label_names=arrays["label_names"].tolist(),
            **{name: arrays[name].item() for name in SINGLE},
        )


def _upgraded(arrays):
    renamed = {name.replace("f1_", "score_", 1) if name.startswith("f1_") else name: a for name, a in arrays.items()}
    return renamed | {"metric": np.asarray("weighted F1")}
