"""`healbert layers`: what a model is made of, and what a damage would hit, without its weights."""

import dataclasses
import json
import re
import signal

from .parser import CommandParser


def layers(argv):
    """Show a model's layers and components, and what given --corrupt_... flags would hit; no weights are loaded."""
    from ..arguments.plugins import load_plugins, plugins_in

    load_plugins(plugins_in(argv))
    model, damage, as_json = _parse(argv)
    from ..damage.overview import overview
    from ..models.loading import empty_model

    found = overview(empty_model(model), damage.spec())
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `layers MODEL | head`
    print(json.dumps(found, indent=2, ensure_ascii=False) if as_json else _as_text(found, model.model_name_or_path))


def _parse(argv):
    from transformers import HfArgumentParser

    from ..arguments.groups import CorruptionArguments, ModelArguments

    class Parser(CommandParser, HfArgumentParser):
        """A parser of the flags of two groups, whose errors are one line."""

    parser = Parser(
        (ModelArguments, CorruptionArguments),
        prog="python -m healbert layers",
        description=layers.__doc__,
        allow_abbrev=False,
    )
    parser.add_argument("model", metavar="MODEL", nargs="?", help="a Hub id or a folder; default: the embedded model")
    parser.add_argument("--json", action="store_true", help="all of it, for scripts")
    parser.add_argument("--plugin", nargs="+", action="extend", help="Python files or modules that register entries")
    options = vars(parser.parse_args(argv))
    if options["model"] is not None:
        options["model_name_or_path"] = options["model"]
    model, damage = (
        group(**{field.name: options[field.name] for field in dataclasses.fields(group)})
        for group in (ModelArguments, CorruptionArguments)
    )
    return model, damage, options["json"]


def _as_text(found, name):
    total = sum(layer["parameters"] for layer in found["layers"])
    lines = [f"{name}: {len(found['layers'])} layers in {found['stack']}, {total:,} parameters", ""]
    lines += [*_layers(found["layers"], found["repeats"]), "", *_components(found["components"], total), ""]
    lines += [f"outside the layers  {found['outside']['parameters']:,} parameters"]
    lines += _shorter(found["outside"]["names"])
    return "\n".join([*lines, "", *_hit(found["hit"])])


def _layers(entries, repeats):
    """Layers that are alike in one line, and the names of what is in them."""
    lines, start = [], 0
    kinds = [tuple(_within(name) for name in entry["names"]) for entry in entries]
    for index in range(1, len(entries) + 1):
        if index < len(entries) and kinds[index] == kinds[start]:
            continue
        which = f"layer {start}" if index - 1 == start else f"layers {start}-{index - 1}"
        again = f", each applied {repeats} times" if repeats > 1 else ""
        lines += [f"{which}  {entries[start]['parameters']:,} parameters each{again}", *_shorter(kinds[start])]
        start = index
    return lines


def _within(name):
    return re.sub(r"^.*?\.\d+\.", "", name)


def _shorter(names):
    """Names in lines, weight and bias of one module together."""
    modules = {}
    for name in names:
        module, _, leaf = name.rpartition(".")
        modules.setdefault(module, []).append(leaf)
    return [f"    {module}{'.' if module else ''}{', '.join(leaves)}" for module, leaves in modules.items()]


def _components(components, total):
    lines = ["component           parameters  of the layers"]
    for name, part in components.items():
        if part["parameters"] is None:
            lines.append(f"  {name:<16}  cannot be told apart here")
        elif part["parameters"]:
            share = "outside" if name in ("embeddings", "pooler") else f"{part['parameters'] / total:.1%}"
            lines.append(f"  {name:<16}  {part['parameters']:>10,}  {share:>13}")
    return lines


def _hit(hit):
    if not hit["names"]:
        return ["This damage would hit nothing: give --corrupt_level, --corrupt_layers, --corrupt_components, ..."]
    lines = [
        f"This damage would hit {len(hit['names'])} tensors, {hit['parameters']:,} parameters: "
        f"{hit['fraction_of_encoder']:.1%} of the layers, {hit['fraction_of_model']:.1%} of the model"
    ]
    return [*lines, *_shorter(hit["names"])]
