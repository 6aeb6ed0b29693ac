"""A folder of files, laid out as on the Hub or written by `save_to_disk`, read by the same readers."""

import contextlib
import dataclasses
import functools
import json
import pathlib

from ...utils.errors import UserError
from .card import declared_classes, read_config
from .options import KINDS, ReadOptions, kind_of, known_kinds
from .store import read_file

SAVED_DICT, SAVED_STATE = "dataset_dict.json", "state.json"

TEXT_OF_PEOPLE = "harbor"  # the module of the datasets library that takes .md and .toml


def read_folder(folder, config=None, options=None, cache_dir=None, expected=None):
    """Reads the splits of a folder.

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
    return read_found(folder, find_files(folder, config, options), cache_dir, expected)


@dataclasses.dataclass(frozen=True)
class FoundFiles:
    """The files of each split, {split: list of paths in order}, how to read them, and the name of the configuration.

    ``unread`` is why they cannot be read here as the datasets library would, or None.
    """

    files: dict
    options: ReadOptions
    config: str | None = None
    unread: str | None = None


def find_files(folder, config=None, options=None, allow_unread=False):
    """The files of each split in a folder, and how to read them.

    Which file belongs to which split is found as `datasets.load_dataset` finds it: by the README's ``configs``, else
    by the names of files and folders.

    Args:
        folder, config, options: as for `read_folder`.
        allow_unread: say what is not read here in ``unread``, in place of an error.

    Returns:
        FoundFiles.

    Raises:
        UserError: as for `read_folder`.
    """
    folder, options = pathlib.Path(folder), options or ReadOptions()
    saved = _saved_files(folder)
    if saved:
        return FoundFiles(saved, options)
    config = read_config(folder, config)
    found = _resolved(folder, config.places)
    known = {split: [path for path in paths if kind_of(path)] for split, paths in found.items()}
    known = {split: paths for split, paths in known.items() if paths}
    unread = _unread(config, [path for paths in found.values() for path in paths])
    if config.unknown and not allow_unread:
        raise UserError(
            f"{folder} cannot be read as its README says: {unread}; give its files by --train_file and so on"
        )
    if not known and not allow_unread:
        raise UserError(f"{folder} holds no files of examples (read are: {known_kinds()})")
    return FoundFiles(known, config.options(options), config.name, unread)


def _unread(config, paths):
    """Why the datasets library would read more of these files, or read them in another way, than is done here."""
    from datasets.packaged_modules import _EXTENSION_TO_MODULE

    if config.unknown:
        return f"it sets {', '.join(config.unknown)}"
    for path in paths:
        suffixes = pathlib.PurePath(path).suffixes
        modules = {_EXTENSION_TO_MODULE.get(suffix, (None,))[0] for suffix in suffixes} - {None, TEXT_OF_PEOPLE}
        if not kind_of(path) and (modules or ".zip" in suffixes):
            return f"{pathlib.PurePath(path).name} is of another kind"
    return None


def read_found(folder, found, cache_dir=None, expected=None):
    """Reads the `FoundFiles` of a folder; where several files make a split, their rows follow one another.

    Returns and raises as `read_folder`.
    """
    read = functools.partial(read_file, options=found.options, cache_dir=cache_dir)
    splits, described = {}, {}
    for split, paths in found.files.items():
        parts = [read(path, expected=(expected or {}).get(str(path))) for path in paths]
        splits[split] = _joined(split, parts)
        described[split] = [one for _, one in parts]
    names = declared_classes(pathlib.Path(folder), found.config)
    return {split: _with_classes(rows, names, folder) for split, rows in splits.items()}, described


def _resolved(folder, places):
    from datasets.data_files import DataFilesDict, EmptyDatasetError, get_data_patterns, sanitize_patterns

    base = (folder / places.get("data_dir", "")).resolve().as_posix()
    try:
        named = places.get("data_files")
        patterns = sanitize_patterns(named) if named else get_data_patterns(base)
        found = DataFilesDict.from_patterns(patterns, base_path=base)
    except (EmptyDatasetError, FileNotFoundError, ValueError) as error:
        raise UserError(f"{folder} holds no files of examples ({error}; read are: {', '.join(KINDS)})") from error
    return {str(split): list(paths) for split, paths in found.items()}


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
    except UserError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
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
