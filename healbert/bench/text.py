"""A bench in words: tables for a terminal and for Markdown."""

from ..utils.text import clean, duration, escape_markdown
from .phases import STEP_PHASES
from .variants import OURS, REFERENCES

NONE = "-"


def as_text(found):
    """The tables of a bench for a terminal."""
    parts = [_machine(found)]
    for title, header, rows in tables(found):
        widths = [max(len(row[place]) for row in (header, *rows)) for place in range(len(header))]
        lines = ["  ".join(_aligned(cell, widths, place) for place, cell in enumerate(row)) for row in (header, *rows)]
        parts.append("\n".join([title, *(line.rstrip() for line in lines)]))
    return clean("\n\n".join([*parts, "\n".join(_notes(found))]))


def _aligned(cell, widths, place):
    return cell.ljust(widths[place]) if place == 0 else cell.rjust(widths[place])


def as_markdown(found):
    """The same as a page of Markdown, with the picture."""
    parts = ["# Bench", escape_markdown(_machine(found)), "![Roofline](roofline.svg)"]
    for title, header, rows in tables(found):
        table = [header, ["---", *["---:"] * (len(header) - 1)], *([escape_markdown(c) for c in row] for row in rows)]
        parts += [title, "\n".join(f"| {' | '.join(row)} |" for row in table)]
    return "\n\n".join([*parts, *map(escape_markdown, _notes(found))]) + "\n"


def tables(found):
    """The tables of a bench: a list of (title, header, rows), all of them texts."""
    done = [one for one in found["measurements"] if "failed" not in one]
    shown = [_speed(done), _steps(done), _around(done)] if done else []
    return shown + ([_projected(found["projection"])] if "projection" in found else [])


def _name(one):
    return f"{one.get('called', one['trainer'])} {one['precision']}"


def _speed(done):
    header = ["training", "examples/s", "real tokens/s", "padded tokens/s", "GFLOP/s", "of peak", "padded, of peak"]
    rows = [
        [
            _name(one),
            _number(one["examples_per_second"], 1),
            _number(one["real_tokens_per_second"]),
            _number(one["padded_tokens_per_second"]),
            _number(one["flops_per_second"], 1, 1e9),
            _share(one["share_of_peak"]),
            _share(one["share_with_padding"]),
        ]
        for one in done
    ]
    ours = {one["precision"]: one["examples_per_second"] for one in done if one["trainer"] == OURS}
    if any(one["trainer"] != OURS for one in done):
        header.append(f"{OURS} is")
        for row, one in zip(rows, done, strict=True):
            fast = ours.get(one["precision"])
            row.append(f"{fast / one['examples_per_second']:.2f} times as fast" if fast else NONE)
    return "Training", header, rows


def _steps(done):
    header = ["a step, in ms", *STEP_PHASES, "in all", "CPU"]
    rows = []
    for one in done:
        whole = [one["phases"][name] for name in STEP_PHASES]
        whole += [one["seconds"] / one["steps"], one["cpu_seconds"] / one["steps"]]
        rows.append([_name(one), *(_number(seconds, 1, 1e-3) for seconds in whole)])
    return "Where a step goes", header, rows


def _around(done):
    header = ["around the steps", "loading", "evaluation", "examples/s", "a checkpoint", "peak memory"]
    rows = [
        [
            _name(one),
            f"{one['load']:.1f} s",
            f"{_evaluation(one):.1f} s",
            _number(one["evaluated"] / one["evaluation_seconds"], 1),
            f"{one['saving_seconds']:.2f} s",
            f"{one['peak_memory_bytes'] / 2**20:.0f} MiB",
        ]
        for one in done
    ]
    return "Around the steps", header, rows


def _evaluation(one):
    return one["evaluation_seconds"] * one["splits"]["evaluation"] / one["evaluated"]


def _projected(projection):
    priced = projection["price"] is not None
    header = ["dataset", "runs", "measured runs", "hours", *(["cost"] if priced else [])]
    rows = [
        [
            entry["dataset"],
            str(entry["runs"]),
            str(entry["projected_runs"]),
            _number(entry["hours"], 2),
            *([_number(entry["cost"], 2)] if priced else []),
        ]
        for entry in [*projection["datasets"], projection["total"] | {"dataset": "all"}]
    ]
    return "Projected, one run after the other", header, rows


def _number(value, digits=0, unit=1):
    return NONE if value is None else f"{value / unit:,.{digits}f}"


def _share(value):
    return NONE if value is None else f"{value:.1%}"


def _machine(found):
    machine = found["machine"]
    threads = f", {machine['threads']} threads" if machine["device"] == "cpu" else ""
    products = ", ".join(f"{name} {one['flops_per_second'] / 1e9:,.0f}" for name, one in machine["products"].items())
    copied = machine["copied_bytes_per_second"] / 1e9
    return f"{machine['processor']}{threads}: matrix products {products} GFLOP/s; copies {copied:,.1f} GB/s"


def _notes(found):
    notes = [f"Start-up: imports {duration(found['import_seconds'])}, then loading."]
    done = [one for one in found["measurements"] if "failed" not in one]
    if done:
        steps, whole = done[0]["steps"], done[0]["splits"]["train"]
        notes.append(f"{steps} steps each, spread over the lengths of an epoch of {whole} examples.")
    notes += [f"{one['trainer']}: {REFERENCES[one['trainer']].says}." for one in done if _first_reference(one)]
    notes += [f"{_name(one)} was not measured: {one['failed']}" for one in found["measurements"] if "failed" in one]
    load, threads = found["load"], found["machine"]["threads"]
    if load is not None and load > threads / 2:
        notes.append(f"Other work was running (load {load}, {threads} threads): rates are too low; compare CPU times.")
    return notes + found.get("projection", {}).get("left_out", [])


def _first_reference(one):
    return one["trainer"] in REFERENCES and one["precision"] == "float32"
