"""What a folder's README says of its files and classes, as the datasets library reads it."""

import dataclasses
import json

from ...utils.errors import UserError

# Settings of a configuration that say nothing of how a file is read, and those that do: name -> name in `ReadOptions`.
PLACES = ("config_name", "data_dir", "data_files", "default", "description", "version")
READING = {
    "delimiter": "delimiter",
    "encoding": "encoding",
    "field": "json_field",
    "quoting": "quoting",
    "sep": "delimiter",
}

QUOTINGS = {0: "minimal", 3: "none"}  # as the csv module numbers them

LEGACY_INFOS = "dataset_infos.json"  # where older versions of the datasets library kept what the README holds now


@dataclasses.dataclass(frozen=True)
class Config:
    """A configuration: its name if the README names one, where its files are, how they are read.

    ``unknown`` are the settings that the readers here do not know.
    """

    name: str | None = None
    places: dict = dataclasses.field(default_factory=dict)
    reading: dict = dataclasses.field(default_factory=dict)
    unknown: tuple[str, ...] = ()

    def options(self, given):
        """The `ReadOptions` that were given, what they leave open filled in from here."""
        said = {name: value for name, value in self.reading.items() if getattr(given, name) is None}
        return dataclasses.replace(given, **said) if said else given


def read_config(folder, name=None):
    """The `Config` of a folder.

    Args:
        folder: a `pathlib.Path`.
        name: one that its README names; None: the default one.

    Raises:
        UserError: if the README cannot be read, or lacks the configuration.
    """
    from datasets.utils.metadata import MetadataConfigs

    card = _card(folder)
    try:
        configs = MetadataConfigs.from_dataset_card_data(card) if card else {}
        if not configs and name in (None, "default", *_infos(folder)):
            return Config(name)
        name = name or configs.get_default_config_name()
    except UserError:
        raise
    except ValueError as error:
        raise UserError(f"the head of {folder / 'README.md'} cannot be used: {error}") from error
    if name not in configs:
        found = f"'{name}' is not among" if name else "name one of"
        listed = ", ".join(configs) or "its README names none"
        raise UserError(f"--dataset_config_name: {found} the configurations of {folder}: {listed}")
    return _sorted_out(name, configs[name])


def _sorted_out(name, settings):
    reading, unknown = {}, []
    for key, value in settings.items():
        value = QUOTINGS.get(value) if key == "quoting" else value
        if key in READING and isinstance(value, str):
            reading[READING[key]] = value
        elif key not in PLACES:
            unknown.append(key)
    return Config(name, {key: settings[key] for key in PLACES if key in settings}, reading, tuple(unknown))


def declared_classes(folder, name=None):
    """{column: `datasets.ClassLabel`} that the README (or the file that it replaced) declares of a configuration."""
    import datasets

    infos = _infos(folder)
    # The only one may go by any name, but what is said of one configuration holds for no other.
    info = next(iter(infos.values())) if name is None and len(infos) == 1 else infos.get(name or "default")
    features = (info.features if info else None) or {}
    return {name: feature for name, feature in features.items() if isinstance(feature, datasets.ClassLabel)}


def _infos(folder):
    """{configuration: `datasets.DatasetInfo`}."""
    from datasets.info import DatasetInfosDict

    card = _card(folder)
    try:
        return _legacy_infos(folder) | (DatasetInfosDict.from_dataset_card_data(card) if card else {})
    except UserError:
        raise
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise UserError(f"dataset_info in the head of {folder / 'README.md'} cannot be used: {error}") from error


def _legacy_infos(folder):
    from datasets import DatasetInfo

    path = folder / LEGACY_INFOS
    if not path.is_file():
        return {}
    try:
        found = {name: DatasetInfo.from_dict(info) for name, info in json.loads(path.read_bytes()).items()}
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    return {"default": next(iter(found.values()))} if len(found) == 1 else found


def _card(folder):
    import yaml
    from huggingface_hub import DatasetCard

    readme = folder / "README.md"
    try:
        return DatasetCard.load(readme).data if readme.is_file() else None
    except (ValueError, OSError, yaml.YAMLError) as error:
        raise UserError(f"the head of {readme} cannot be read: {error}") from error
