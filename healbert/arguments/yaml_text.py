"""YAML and JSON that people write, read within bounds: neither nesting nor aliases may make more of it than fits."""

import collections
import json

import yaml

DEEPEST, MOST = 20, 1_000_000  # levels, and values with every alias written out


def load_yaml(text):
    """What a YAML or JSON text holds.

    Raises:
        ValueError: if it has a key twice, is nested too deep, an alias holds itself, or aliases multiply to too many
            values.
        yaml.YAMLError: if it is not YAML.
    """
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return None
        _measure(root, {}, 1)
        return loader.construct_document(root)
    except RecursionError as error:
        raise ValueError(f"nested more than {DEEPEST} deep") from error
    finally:
        loader.dispose()


def load_json(text):
    """What a JSON text holds.

    Raises:
        ValueError: if it is not JSON, is nested too deep, or has a key twice.
    """
    try:
        return json.loads(text, object_pairs_hook=_once)
    except RecursionError as error:
        raise ValueError(f"nested more than {DEEPEST} deep") from error


def _once(pairs):
    _check_once([key for key, _ in pairs])
    return dict(pairs)


def _check_once(keys):
    twice = [key for key, count in collections.Counter(map(str, keys)).items() if count > 1]
    if twice:
        raise ValueError(f"'{twice[0]}' stands there twice; leave one out")


def _measure(node, known, depth):
    """(values with every alias written out, levels) of a node; each node is measured once, and its keys are checked."""
    if depth > DEEPEST:
        raise ValueError(f"nested more than {DEEPEST} deep, or an alias holds itself")
    if id(node) not in known:
        count, height = 1, 1
        if isinstance(node, yaml.MappingNode):  # what << merges in may hold the same again
            _check_once([key.value for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"])
        for inner in _inside(node):
            more, levels = _measure(inner, known, depth + 1)
            count, height = count + more, max(height, levels + 1)
        known[id(node)] = count, height
    count, height = known[id(node)]
    if height > DEEPEST or count > MOST:
        raise ValueError(f"aliases multiply to more than {MOST:,} values or {DEEPEST} levels")
    return count, height


def _inside(node):
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return node.value if isinstance(node, yaml.SequenceNode) else []
