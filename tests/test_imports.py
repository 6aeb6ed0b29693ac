"""Imports go down only: a package imports from those below it, and no file imports in a circle."""

import ast
import pathlib

import healbert

ROOT = pathlib.Path(healbert.__file__).parent
# From the top of the house to its ground floor; a package may import from those that come after it.
FLOORS = (
    *("cli", "bench", "sweep", "report", "publish", "experiment", "analysis", "arguments", "probing"),
    *("healing", "damage", "tasks", "models", "results", "hub", "tracking", "utils"),
)


def modules():
    """{dotted name: path} of every module of the package."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(name, path, known):
    """The modules of the package that a file imports, wherever in it the import stands."""
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    package = [part for part in package if part]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            absolute = [alias.name.partition(".")[2] for alias in node.names if alias.name.split(".")[0] == "healbert"]
            found.update(target for target in absolute if target in known)
        if not isinstance(node, ast.ImportFrom):
            continue
        if node.level == 0 and (node.module or "").split(".")[0] != "healbert":
            continue
        start = package[: len(package) - node.level + 1] if node.level else []
        module = (node.module or "").split(".") if node.level else node.module.split(".")[1:]
        base = ".".join([*start, *filter(None, module)])
        for alias in node.names:
            inner = f"{base}.{alias.name}".lstrip(".")
            found.add(inner if inner in known else base)
    return found - {name}


def graph():
    known = modules()
    return {name: imported(name, path, known) for name, path in known.items()}


def circles(arrows):
    """Groups of modules that reach each other (Tarjan's strongly connected components of two or more)."""
    import networkx

    directed = networkx.DiGraph([(name, target) for name, targets in arrows.items() for target in targets])
    return [sorted(group) for group in networkx.strongly_connected_components(directed) if len(group) > 1]


def test_every_package_has_a_floor():
    found = {name.split(".")[0] for name in modules()} - {"", "__main__"}
    assert found == set(FLOORS)


def test_imports_go_down_only():
    upward = [
        f"{name} -> {target}"
        for name, targets in graph().items()
        for target in targets
        if name not in ("", "__main__")
        and (not target or FLOORS.index(target.split(".")[0]) < FLOORS.index(name.split(".")[0]))
    ]
    assert upward == []


def test_no_file_imports_in_a_circle():
    assert circles(graph()) == []


def test_imports_of_functions_count(tmp_path):
    module = tmp_path / "a.py"
    module.write_text("def f():\n    from ..utils import errors\n    import healbert.cli.main\n")
    known = {"utils.errors": None, "cli.main": None}
    assert imported("damage.a", module, known) == {"utils.errors", "cli.main"}


def test_a_circle_is_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]
