"""All settings of one run, and which of them make it the run that it is."""

import dataclasses
import hashlib
import json
import pathlib
import re

from transformers import TrainingArguments

from ..models.source import model_fingerprint
from ..results.schema import SCHEMA_VERSION
from ..tasks.source import data_fingerprint
from .groups import CorruptionArguments, DataArguments, FeatureArguments, ModelArguments, RunArguments
from .neutral import NOT_IDENTITY

# Settings that may name a file or folder.
PATHS = "model_name_or_path config_name tokenizer_name dataset_name train_file validation_file test_file".split()


@dataclasses.dataclass
class Arguments:
    """All settings of one run, validated."""

    model: ModelArguments
    data: DataArguments
    corruption: CorruptionArguments
    run: RunArguments
    features: FeatureArguments
    training: TrainingArguments

    def settings(self):
        """Every resolved setting by its flag's name; no tokens. What ``--print_config`` shows."""
        flat = self.training.to_dict()
        for part in (self.model, self.data, self.corruption, self.run, self.features):
            flat.update(dataclasses.asdict(part))
        return {k: v for k, v in sorted(flat.items()) if k not in ("token", "hub_token")}

    def identity(self, processes=None):
        """All that can change a result: settings, number of processes, what the model and the data are, the schema.

        Files and folders count by their last name and their content, so that they may lie anywhere.

        Args:
            processes: number of processes, if it is not this launch's.
        """
        kept = {k: _whole(v) for k, v in self.settings().items() if k not in NOT_IDENTITY}
        kept |= {name: _without_folder(kept[name]) for name in PATHS}
        if self.corruption.corrupt_level == 0:  # no damage: nothing else of it matters
            kept = {k: v for k, v in kept.items() if not k.startswith("corrupt_")} | {"corrupt_level": 0}
        elif self.corruption.corrupt_level == 1:  # all of the bottom is all of the top
            del kept["corrupt_region"]
        sources = {f"{name}_fingerprint": value for name, value in model_fingerprint(self.model).items()}
        return {
            **kept,
            **sources,
            "data_fingerprint": data_fingerprint(self.data, self.model),
            "device": self.training.device.type,
            "mixed_precision": self.training.mixed_precision,
            "schema_version": SCHEMA_VERSION,
            "world_size": processes or self.training.world_size,
        }

    def name(self, processes=None):
        """A readable folder name that differs whenever `identity` does."""
        text = json.dumps(self.identity(processes), sort_keys=True, default=str)
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        data, damage = self.data, self.corruption
        source = data.task_name or data.dataset_name or pathlib.Path(data.train_file).stem
        end = "" if damage.corrupt_level in (0, 1) else f"-{damage.corrupt_region}"
        parts = [_last_part(self.model.model_name_or_path), _last_part(source), f"{damage.corrupt_level:g}{end}"]
        parts += [f"lr{self.training.learning_rate:g}", f"seed{self.training.seed}", digest]
        return re.sub(r"[^\w.\-]+", "_", "-".join(parts))


def _whole(value):
    # 10 epochs, the default, and 10.0, parsed from a flag, are the same run
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _without_folder(name):
    return _last_part(name) if name and pathlib.Path(name).expanduser().exists() else name


def _last_part(name):
    return pathlib.PurePath(name.rstrip("/")).name or name
