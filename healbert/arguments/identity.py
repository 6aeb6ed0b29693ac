"""All settings of one run, and which of them make it the run that it is."""

import copy
import dataclasses
import functools
import hashlib
import json
import pathlib
import re

from transformers import TrainingArguments

from ..healing.strategies import healing_options
from ..hub.fingerprint import of_files
from ..models.source import ModelSource
from ..results.schema import is_damage, region_that_counts, source_name
from ..tasks.guess import OWN_DATA
from ..tasks.source import DataSource
from ..tasks.texts import TextSource
from ..tasks.types import TASK_TYPES
from ..utils.files import jsonable
from .baseline import BASELINE
from .damage import changed_options, damage_of
from .groups import CorruptionArguments, DataArguments, FeatureArguments, ModelArguments, RunArguments
from .neutral import BY_CONTENT, IDLE, WITHOUT_EFFECT
from .sources import Sources
from .versions import versions_of

# Settings that may name a file or folder.
PATHS = (
    *"model_name_or_path config_name tokenizer_name teacher".split(),
    *"dataset_name train_file validation_file test_file heal_text".split(),
)

DIGITS = 12  # of the hash in a name: of 100,000 runs, two share theirs with a chance of 2 in 100,000


@dataclasses.dataclass
class Arguments:
    """All settings of one run, validated.

    ``plugins`` are the hashes of what was imported for it, by name; ``known`` is what ``training`` holds, as a dict,
    where a sweep has worked that out for many runs.
    """

    model: ModelArguments
    data: DataArguments
    corruption: CorruptionArguments
    run: RunArguments
    features: FeatureArguments
    training: TrainingArguments
    plugins: dict = dataclasses.field(default_factory=dict)
    known: dict | None = None

    @functools.cached_property
    def sources(self):
        """What the model and the data are: the one place where that is found out."""
        return Sources(ModelSource(self.model), DataSource(self.data, self.model), **self._others())

    def _others(self):
        donors = dict.fromkeys(spec.donor for spec in self.specs if spec.donor is not None)
        names = {"teacher": self.run.teacher, "reference": self.features.trace_reference}
        text = self.run.heal_text
        models = {part: name and self._model(name) for part, name in names.items()}
        found = {"donors": {name: self._model(name) for name in donors}} | models
        return found | {"text": text and TextSource(text, self.model.cache_dir)}

    def _model(self, name):
        access = {name: getattr(self.model, name) for name in ("cache_dir", "token", "trust_remote_code")}
        return ModelSource(ModelArguments(name, **access))

    @property
    def task_type(self):
        """The `TaskType` of the task."""
        task = self.sources.data.task
        return TASK_TYPES[self.data.task_type or (task.type if task else OWN_DATA)]

    @functools.cached_property
    def specs(self):
        """The damages that the flags describe, one after another: a list of `CorruptionSpec`."""
        return self.corruption.specs()

    @functools.cached_property
    def needs_intact(self):
        """Whether the intact run of the same settings is its teacher."""
        return self.run.needs_intact

    @property
    def spec(self):
        """The `CorruptionSpec` that the flags describe, or the list of several."""
        return self.specs if self.corruption.corruptions else self.specs[0]

    def settings(self):
        """Every resolved setting by its flag's name; no tokens. What ``--print_config`` shows."""
        settings = sorted(self._all_settings().items())
        return {name: copy.copy(value) for name, value in settings if name not in ("token", "hub_token")}

    def _all_settings(self):
        flat = dict(self.known or self.training.to_dict())
        for part in (self.model, self.data, self.corruption, self.run, self.features):
            flat.update(vars(part))  # asdict takes longer
        return flat

    def identity(self, processes=None):
        """All that can change a result and nothing else, as a dict that JSON can hold.

        The settings that differ from `BASELINE`; what the damage hits and how; what the model, the data and the
        plugins are; the number of processes, the kind of device and the precision; versions of meaning above 1.
        Files and folders count by their last name and their content, so that they may lie anywhere.

        Args:
            processes: number of processes, if it is not this launch's.
        """
        settings = {k: v for k, v in counting(self._all_settings()).items() if not is_damage(k)}
        # Each part is left out where it is plain, so that a part that is added later renames nothing.
        found = {
            "settings": {name: _located(name, value) for name, value in settings.items()},
            "damage": damage_of(self),
            "healing_options": self._healing_options(),
            "sources": self._sources(),
            "device": self.training.device.type,
            "processes": processes or self.training.world_size,
            "precision": self.training.mixed_precision,
            "plugins": sorted(self.plugins.values()),
            "versions": versions_of(self),
        }
        plain = {"processes": 1, "precision": "no", "plugins": [], "versions": {}, "damage": {}, "healing_options": {}}
        return json.loads(
            json.dumps(jsonable({k: v for k, v in found.items() if k not in plain or v != plain[k]}), default=str)
        )

    def _healing_options(self):
        values, declared = healing_options(self.run.healing, self.run.healing_options)
        changed = {name: changed_options(values[name], declared[name]) for name in declared}
        if len(changed) == 1:
            return changed[self.run.healing]
        return {f"{name}.{option}": value for name, part in changed.items() for option, value in part.items()}

    def _sources(self):
        model = self.sources.model
        parts = {"model": model, "config": model.config, "tokenizer": model.tokenizer}
        known = {part: self._content(source) for part, source in parts.items()}
        if self.sources.donors and not self.specs[0].intact:
            donors = [self._content(self.sources.donors[s.donor]) for s in self.specs if s.donor]
            known["donor"] = donors[0] if len(donors) == 1 else donors
        if self.sources.teacher:
            known["teacher"] = self._content(self.sources.teacher)
        if self.sources.reference:
            known["trace_reference"] = self._content(self.sources.reference)
        implied = {
            part for part in ("config", "tokenizer") if known[part] == known["model"]
        }  # named or not, the model's
        own = {part: value for part, value in known.items() if part not in implied}
        text = {"text": self.sources.text.fingerprint} if self.sources.text else {}
        files = self.features.lm_eval_files()
        own |= {"lm_eval": of_files(files)} if files else {}
        return own | {"data": self.sources.data.fingerprint} | text

    def _content(self, source):
        return source.fingerprint or f"{source.name}@{self.model.model_revision}"

    def name(self, processes=None):
        """A readable folder name that differs whenever `identity` does; its last part is a hash of that."""
        damage, source = self.corruption, source_name(vars(self.data))
        parts = [_last_part(self.model.model_name_or_path), _last_part(source)]
        if damage.corruptions:
            parts += [f"{len(damage.specs())}damages"]
        elif damage.corrupt_layers and damage.corrupt_level is None:
            parts += [f"layers{damage.corrupt_layers.replace(',', '+')}"]
        else:
            region = region_that_counts(damage.corrupt_level, damage.corrupt_region)
            parts += [f"{damage.corrupt_level:g}", *([region] if region else [])]
        parts += ["damaged"] if damage.corrupt_only else []
        parts += [f"lr{self.training.learning_rate:g}", f"seed{self.training.seed}", digest(self.identity(processes))]
        return re.sub(r"[^\w.\-]+", "_", "-".join(parts))


def digest(identity):
    """The hash of an identity that ends a run's name."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:DIGITS]


def folder_in(parent, name):
    """The folder of a run in ``parent``.

    It is named ``name``, unless the same run lies there under another name, because it was asked for in other words
    (25% of 6 layers and 33% hit the same ones): the hash at the end tells.
    """
    parent = pathlib.Path(parent)
    same = sorted(parent.glob(f"*-{name.rpartition('-')[2]}"))
    return parent / name if (parent / name).exists() or not same else same[0]


def counting(settings):
    """Of the settings of a run, those that count and differ from `BASELINE`, damage among them as it was asked for.

    Args:
        settings: by their flags' names, as `Arguments.settings` or ``config`` in results.json; of any version, as what
            is missing is at its default.
    """
    left_out = WITHOUT_EFFECT | BY_CONTENT | {name for name, is_idle in IDLE.items() if is_idle(settings)}
    # Nearly all are at their baseline: what is cheap to ask comes first.
    usual = _baselines()
    changed = [name for name, value in settings.items() if value != usual.get(name) and name not in left_out]
    return {name: _whole(settings[name]) for name in changed}


def baseline(name):
    """The value of a setting that adds nothing to a run's name; None for one that this program does not know."""
    return _baselines().get(name)


@functools.cache
def _baselines():
    groups = (ModelArguments, DataArguments, CorruptionArguments, RunArguments, FeatureArguments, TrainingArguments)
    found = {}
    for field in (field for group in groups for field in dataclasses.fields(group)):
        made = field.default_factory is not dataclasses.MISSING
        found[field.name] = field.default_factory() if made else field.default
    return found | BASELINE


def _whole(value):
    # 10 epochs, the default, and 10.0, parsed from a flag, are the same run
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _located(name, value):
    """The value of a setting, without the folders of files and folders that it names."""
    if name == "lm_eval":
        return ",".join(map(_without_folder, value.split(",")))
    return _without_folder(value) if name in PATHS else value


def _without_folder(name):
    return _last_part(name) if name and pathlib.Path(name).expanduser().exists() else name


def _last_part(name):
    return pathlib.PurePath(name.rstrip("/")).name or name
