"""A folder of files, laid out as on the Hub or written by `save_to_disk`, read by the same readers."""

import contextlib
import functools
import json
import pathlib

from ...utils.errors import UserError
from .options import KINDS, ReadOptions, kind_of, known_kinds
from .store import read_file

SAVED_DICT, SAVED_STATE = "dataset_dict.json", "state.json"


def read_folder(folder, config=None, options=None, cache_dir=None, expected=None):
    """Reads the splits of a folder.

    Which file belongs to which split is found as `datasets.load_dataset` finds it: by the README's ``configs``, else
    by the names of files and folders. Where several files make a split, their rows follow one another.

    Args:
        folder: the folder.
        config: a configuration that the README names; None: the default one.
        options: `ReadOptions`.
        cache_dir: the folder of the cache; None: that of the datasets library.
        expected: {path: hash} of files that the caller knows, or None.

    Returns:
        tuple: {split: `datasets.Dataset`}, and {split: list of `FileRead`}.

    Raises:
        UserError: if the folder holds no files that are read, or one of them cannot be read exactly.
    """
    folder = pathlib.Path(folder)
    files, options = find_files(folder, config, options or ReadOptions())
    read = functools.partial(read_file, options=options, cache_dir=cache_dir)
    splits, described = {}, {}
    for split, paths in files.items():
        parts = [read(path, expected=(expected or {}).get(str(path))) for path in paths]
        splits[split] = _joined(split, parts)
        described[split] = [found for _, found in parts]
    names = _declared_classes(folder, config)
    return {split: _with_classes(rows, names, folder) for split, rows in splits.items()}, described


def find_files(folder, config=None, options=None):
    """The files of each split in a folder, and how to read them.

    Returns:
        tuple: {split: list of paths in order}, and the `ReadOptions` with what the README says filled in.
    """
    folder, options = pathlib.Path(folder), options or ReadOptions()
    saved = _saved_files(folder)
    if saved:
        return saved, options
    settings = _settings(folder, config)
    found = _resolved(folder, settings)
    known = {split: [path for path in paths if kind_of(path)] for split, paths in found.items()}
    known = {split: paths for split, paths in known.items() if paths}
    if not known:
        raise UserError(f"{folder} holds no files of examples (read are: {known_kinds()})")
    delimiter = settings.get("sep", settings.get("delimiter"))
    if delimiter and options.delimiter is None:
        options = ReadOptions(delimiter, options.encoding, options.quoting, options.json_field)
    return known, options


def _resolved(folder, settings):
    from datasets.data_files import DataFilesDict, EmptyDatasetError, get_data_patterns, sanitize_patterns

    base = (folder / settings.get("data_dir", "")).resolve().as_posix()
    try:
        named = settings.get("data_files")
        patterns = sanitize_patterns(named) if named else get_data_patterns(base)
        found = DataFilesDict.from_patterns(patterns, base_path=base)
    except (EmptyDatasetError, FileNotFoundError, ValueError) as error:
        raise UserError(f"{folder} holds no files of examples ({error}; read are: {', '.join(KINDS)})") from error
    return {str(split): list(paths) for split, paths in found.items()}


def _card(folder):
    import yaml
    from huggingface_hub import DatasetCard

    readme = folder / "README.md"
    try:
        return DatasetCard.load(readme).data if readme.is_file() else None
    except (ValueError, OSError, yaml.YAMLError) as error:
        raise UserError(f"the head of {readme} cannot be read: {error}") from error


def _settings(folder, config):
    """What the README says of a configuration: its ``data_files``, ``data_dir`` and the like."""
    from datasets.utils.metadata import MetadataConfigs

    card = _card(folder)
    try:
        configs = MetadataConfigs.from_dataset_card_data(card) if card else {}
        if not configs:
            return {}
        config = config or configs.get_default_config_name()
    except ValueError as error:
        raise UserError(f"the head of {folder / 'README.md'} cannot be used: {error}") from error
    if config not in configs:
        found = f"'{config}' is not among" if config else "name one of"
        raise UserError(f"--dataset_config_name: {found} the configurations of {folder}: {', '.join(configs)}")
    return configs[config]


def _declared_classes(folder, config):
    """{column: `datasets.ClassLabel`} that the README declares."""
    import datasets
    from datasets.info import DatasetInfosDict

    card = _card(folder)
    infos = DatasetInfosDict.from_dataset_card_data(card) if card else {}
    info = infos.get(config or "default") or (next(iter(infos.values())) if len(infos) == 1 else None)
    features = (info.features if info else None) or {}
    return {name: feature for name, feature in features.items() if isinstance(feature, datasets.ClassLabel)}


def _with_classes(rows, names, folder):
    """Makes columns of numbers or text what the README declares: indices of classes with names."""
    features = rows.features.copy()
    plain = [name for name in names if name in features and features[name].dtype in ("int64", "int32", "string")]
    features.update({name: names[name] for name in plain})
    if features == rows.features:
        return rows
    try:
        return rows.cast(features)
    except ValueError as error:
        raise UserError(f"{folder} holds labels that are not among the classes of its README: {error}") from error


def _saved_files(folder):
    """{split: arrow files} of what `save_to_disk` wrote, a Dataset or a DatasetDict; None if it is neither."""
    if (folder / SAVED_DICT).is_file():
        with _saved(folder, SAVED_DICT) as found:
            return {split: _saved_parts(folder / split) for split in found["splits"]}
    if (folder / SAVED_STATE).is_file():
        with _saved(folder, SAVED_STATE) as found:
            return {found.get("_split") or "train": _saved_parts(folder)}
    return None


def _saved_parts(folder):
    with _saved(folder, SAVED_STATE) as found:
        return [str(folder / part["filename"]) for part in found["_data_files"]]


@contextlib.contextmanager
def _saved(folder, name):
    try:
        yield json.loads((folder / name).read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError, KeyError) as error:
        raise UserError(f"{folder / name}, written by save_to_disk, cannot be read: {error!r}") from error


def _joined(split, parts):
    import datasets

    rows, described = zip(*parts, strict=True)
    for part, found in zip(rows[1:], described[1:], strict=True):
        if sorted(part.column_names) != sorted(rows[0].column_names):
            raise UserError(
                f"the files of split {split} differ in columns: {described[0].path} has "
                f"{', '.join(rows[0].column_names)}, {found.path} has {', '.join(part.column_names)}"
            )
    if len(rows) == 1:
        return rows[0]
    try:
        return datasets.concatenate_datasets(list(rows))
    except (ValueError, TypeError) as error:
        raise UserError(f"the files of split {split} do not go together: {error}") from error
