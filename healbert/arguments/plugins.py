"""Plugins: Python files or modules that register entries of their own before the command line is read."""

import argparse
import functools
import hashlib
import importlib
import importlib.util
import pathlib
import sys
import traceback

from ..utils.errors import UserError
from ..utils.files import file_state
from ..utils.registry import KINDS, table

REGISTERED = {}  # plugin -> what it registered in this process, as "kind name", for --help


def plugins_in(argv):
    """The plugins that a command line names, in order: a list of str."""
    if not any(part.startswith("--plugin") for part in argv):  # of 100,000 runs, the usual case
        return []
    scanner = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    scanner.add_argument("--plugin", nargs="*", action="extend", default=[])
    return list(dict.fromkeys(scanner.parse_known_args(argv)[0].plugin))


def load_plugins(names):
    """Imports plugins, so that what they register is known. One that is imported already is not imported again.

    Args:
        names: paths of Python files or packages, from the working directory, or names of modules.

    Returns:
        dict: from each plugin's name (a path's last part) to a hash of its content.

    Raises:
        UserError: naming the plugin that cannot be imported, why, and in which line.
    """
    return dict(map(_load, names or ()))


def _load(name):
    path = pathlib.Path(name).expanduser().resolve()
    is_path = name.endswith(".py") or "/" in name or path.is_dir()
    files = _files_of_path(name, path) if is_path else _files_of_module(name)
    content = _digest(tuple((str(file), *file_state(file)) for file in files))
    importer, *given = (_import_path, path, content) if is_path else (importlib.import_module, name)
    known = _entries()
    try:
        importer(*given)
    # What a plugin raises while it is imported is the user's to see, whatever it is.
    except (Exception, SystemExit) as error:
        raise UserError(f"plugin {name} cannot be imported: {_describe(error, files)}") from error
    label = path.name if is_path else name
    REGISTERED.setdefault(label, []).extend(entry for entry in _entries() if entry not in known)
    return label, content


def _entries():
    return [f"{kind} {name}" for kind in KINDS for name in table(kind)]


def _files_of_path(name, path):
    if path.is_dir():
        if not (path / "__init__.py").is_file():
            raise UserError(f"plugin {name} is a folder without __init__.py; name a file, or a package")
        return sorted(path.rglob("*.py"))
    if not path.is_file():
        raise UserError(f"plugin {name} does not exist or is not a file (looked for {path})")
    return [path]


def _files_of_module(name):
    try:
        spec = importlib.util.find_spec(name)
    # A dotted name imports the package around it, which may raise anything.
    except (Exception, SystemExit) as error:
        raise UserError(f"plugin {name} cannot be imported: {_describe(error, [])}") from error
    if spec is None or not spec.origin or not spec.origin.endswith(".py"):
        raise UserError(f"plugin {name} is no module of Python here; for a file, write its ending: {name}.py")
    folders = spec.submodule_search_locations
    return sorted(pathlib.Path(spec.origin).parent.rglob("*.py")) if folders else [pathlib.Path(spec.origin)]


@functools.lru_cache(maxsize=64)  # a sweep asks for the same few files thousands of times
def _digest(files):
    # By the names inside a package and not by where it lies, so that a copy elsewhere is the same plugin.
    root, digest = pathlib.Path(files[0][0]).parent, hashlib.sha256()
    for path, *_ in files:
        content = pathlib.Path(path).read_bytes()
        inside = pathlib.Path(path).relative_to(root) if len(files) > 1 else ""
        digest.update(f"{inside}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]


def _import_path(path, content):
    # The module's name tells plugins of one file name apart, and is the same in every process and each time.
    name = f"healbert_plugin_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    if getattr(sys.modules.get(name), "_healbert_content", None) == content:
        return
    start, inside = (path / "__init__.py", [str(path)]) if path.is_dir() else (path, None)
    spec = importlib.util.spec_from_file_location(name, start, submodule_search_locations=inside)
    module = importlib.util.module_from_spec(spec)
    for old in [known for known in sys.modules if known == name or known.startswith(f"{name}.")]:
        del sys.modules[old]
    sys.modules[name] = module  # before it runs: dataclasses and pickle look their module up
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    module._healbert_content = content


def _describe(error, files):
    message = " ".join(str(error).split())
    kind = "" if isinstance(error, UserError) else f"{type(error).__name__}: "
    line = _line(error, {str(file) for file in files})
    return f"{kind}{message}" + (f" ({line})" if line else "")


def _line(error, files):
    if isinstance(error, SyntaxError) and error.lineno:
        return f"{pathlib.Path(error.filename or '').name}, line {error.lineno}"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in files]
    return f"{pathlib.Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else None
