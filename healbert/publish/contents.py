"""What goes into a repository, and how it compares with what is there."""

import json
import pathlib
import re

from ..arguments.identity import PATHS
from ..arguments.marker import differing_settings
from ..results.schema import MODEL_FILES, RUN_FILES, SHARD
from ..utils.errors import UserError
from ..utils.files import jsonable, read_json

REPORT = "report/report.html"


TEXTS = {".csv", ".html", ".md", ".tex"}


def without_home(text):
    """``text`` as bytes, with ~ in place of the home folder, which is nobody else's business."""
    home = str(pathlib.Path.home())
    return (re.sub(rf"{re.escape(home)}(?![\w.-])", "~", text) if len(home) > 1 else text).encode()


ALSO = ("generation_config.json", "tekken.json")
OF_CODE = frozenset((".json", ".model", ".txt"))


def model_files(folder):
    """What of a run's folder is its model and tokenizer: {name: path}. Files that are only there as well are left out.

    Args:
        folder: of a run that kept its model.

    Raises:
        UserError: if its tokenizer needs a library that is missing.
    """
    tokenizer = read_json(folder / "tokenizer_config.json")
    tokenizer = tokenizer if isinstance(tokenizer, dict) else {}
    names = {*MODEL_FILES, *ALSO, *_vocabulary_files(tokenizer)}
    brings_code = "auto_map" in tokenizer or "auto_map" in (read_json(folder / "config.json") or ())
    suffixes = {".py"} if brings_code else set()
    suffixes |= OF_CODE if "auto_map" in tokenizer else set()  # whose vocabulary may lie in files of any name
    found = {path.name: path for path in sorted(folder.iterdir()) if path.is_file() and path.suffix != ".bin"}
    own = {name for name in found if name.startswith(".") or name in RUN_FILES}
    return {
        name: path
        for name, path in found.items()
        if name in names or SHARD.fullmatch(name) or (path.suffix in suffixes and name not in own)
    }


def _vocabulary_files(tokenizer):
    """The names of the files in which a tokenizer of transformers keeps its vocabulary."""
    import transformers

    name = str(tokenizer.get("tokenizer_class"))
    try:
        return list((getattr(getattr(transformers, name, None), "vocab_files_names", None) or {}).values())
    except ImportError as error:  # which names the library, and how to get it
        raise UserError(f"{name} cannot be used: {' '.join(str(error).split())}") from error


def adapter_config(folder, repo_id):
    """What goes there in place of a run's adapter_config.json: {name: content}, empty of a run without an adapter.

    The base of a kept adapter is the damaged model beside it. In a folder transformers finds it by itself; on the Hub
    it follows ``base_model_name_or_path``, which therefore names the repository that both are in.
    """
    name = "adapter_config.json"
    config = read_json(folder / name)
    if not isinstance(config, dict):
        return {}
    return {name: (json.dumps(config | {"base_model_name_or_path": repo_id}, indent=2) + "\n").encode()}


def report_files(folder):
    """What `python -m healbert report` wrote into a folder of runs: a dict from path in the repository to content."""
    found = sorted(path for path in (folder / "report").rglob("*") if path.is_file())
    found = [path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
    return {
        path.relative_to(folder).as_posix(): without_home(path.read_text(encoding="utf-8"))
        if path.suffix in TEXTS
        else path
        for path in found
    }


def read_remote(repository, name):
    """A JSON file of a `Repository`, or None if it is not a results.json of a run."""
    options = {"repo_type": repository.kind, "revision": repository.revision}
    found = read_json(repository.api.hf_hub_download(repository.repo_id, name, **options))
    return found if isinstance(found, dict) and isinstance(found.get("config"), dict) else None


def differing(there, here):
    """The settings that make two runs different runs, in words; an empty string if they are the same.

    Args:
        there, here: settings by their flags' names, as ``config`` in results.json. Paths count by their last part.
    """
    there, here = ({name: _comparable(name, value) for name, value in side.items()} for side in (there, here))
    here = json.loads(json.dumps(jsonable(here), default=str))
    names = differing_settings(there, here)
    return ", ".join([f"{name} ({there.get(name)} there, {here.get(name)} here)" for name in names[:5]])


ORIGINS = (
    ("other data", "task", "fingerprint"),
    ("other weights", "model", "fingerprint"),
    ("another precision", "environment", "mixed_precision"),
)


def other_origin(there, here):
    """What two runs of equal settings began with that is not the same, in words; "" where none says so.

    Args:
        there, here: their results; empty of a run that has not begun.
    """
    resized = any("resized_embeddings" in side.get("model", {}) for side in (there, here))  # by rows that seeds drew
    for words, part, name in ORIGINS:
        values = {side.get(part, {}).get(name) for side in (there, here)} - {None}
        if len(values) > 1 and not (resized and part == "model"):
            return words
    return ""


def without_log(text):
    """A results.json (a text) without the end of its run's log, which stays on this machine."""
    found = json.loads(text)
    error = found.get("error")
    if not isinstance(error, dict) or error.pop("log_tail", None) is None:
        return text
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def _comparable(name, value):
    return pathlib.PurePath(value).name if name in PATHS and isinstance(value, str) else value


def table_for_parquet(rows):
    """A copy of a `load_results` table whose columns each have one type: lists and dicts become JSON.

    Args:
        rows: pandas.DataFrame.
    """
    return rows.apply(_one_type)


def _one_type(column):
    if all(isinstance(value, (bool, int, float)) for value in column.dropna()):
        return column
    texts = column.map(lambda v: v if isinstance(v, str) else json.dumps(v, default=str), na_action="ignore")
    return texts.map(lambda text: without_home(text).decode(), na_action="ignore")
