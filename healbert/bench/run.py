"""The order of a bench: every trainer in every precision, each in a process of its own, then the machine."""

import contextlib
import functools
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from ..utils.errors import UserError
from ..utils.files import atomic_path, write_json
from .asked import check, check_against, from_flags
from .processes import in_own_process
from .variants import OURS

SCHEMA = 1
PRECISIONS = {"float32": False, "bfloat16": True}  # -> --bf16
MEASURED = "healbert.bench.measure", "measure"
MACHINE = "healbert.bench.machine", "measure_machine"
IMPORTS = "import healbert.experiment.run"


def prepare(argv, against):
    """The flags of a run, list of str, once they are known to be of one that can be measured.

    Args:
        argv: the flags.
        against: names in `REFERENCES` that shall stand beside it.

    Raises:
        UserError: if they are not.
    """
    arguments = from_flags(argv)
    check(arguments)
    check_against(arguments, against)
    return argv


def run_bench(argv, against, steps, output_dir, tell):
    """Measures a model and a task, and what stands beside.

    Args:
        argv: what `prepare` gave.
        against: names in `REFERENCES`.
        steps: steps of each that are timed.
        output_dir: a folder that is there; a checkpoint lies in it for a while.
        tell: function of a line about what happens.

    Returns:
        dict: what ``bench.json`` holds; docs/performance.md says what is in it.

    Raises:
        UserError: if something that was given cannot be used.
    """
    arguments, load, measured = from_flags(argv), load_before(), []
    on_cpu = {"use_cpu": True} if arguments.training.device.type == "cpu" else {}  # without which --bf16 is refused
    for variant in (OURS, *against):
        for precision, bf16 in PRECISIONS.items():
            tell(f"{variant} in {precision}")
            make = functools.partial(from_flags, argv, bf16=bf16, **on_cpu)
            measured.append(one(make, variant, precision, steps, output_dir))
    about = {"model": arguments.model.model_name_or_path, "healing": arguments.run.healing, "load": load}
    return about | finish(measured, functools.partial(from_flags, argv), tell)


def load_before():
    """How many processes had work in the last minute, on average; None where the system does not say."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def finish(measured, make, tell):
    """What is measured once, whatever is trained, and rates and shares of all that was measured.

    Args:
        measured: what `one` gave, of each.
        make, tell: as of `one` and `run_bench`.

    Returns:
        dict: of ``bench.json``.
    """
    tell("matrix products and copies of memory")
    machine = in_own_process(call, MACHINE, make)
    tell("imports")
    products = machine["products"]
    rated = [
        found if "failed" in found else found | rates(found, products[found["precision"]]["flops_per_second"])
        for found in measured
    ]
    return {"bench": SCHEMA, "machine": machine, "import_seconds": imports(), "measurements": rated}


def call(place, *args):
    """Calls a function by its module and name, which is imported in the process that does it."""
    import importlib

    return getattr(importlib.import_module(place[0]), place[1])(*args)


def imports():
    """Seconds in which a process starts and imports what a run needs."""
    began = time.perf_counter()
    root = pathlib.Path(__file__).resolve().parents[2]
    subprocess.run([sys.executable, "-c", IMPORTS], check=True, cwd=root)
    return time.perf_counter() - began


def one(make, variant, precision, steps, output_dir):
    """What `measure` finds, with its name; of what did not fit into memory only that it did not."""
    from pebble import ProcessExpired

    named = {"trainer": variant, "precision": precision}
    try:
        with tempfile.TemporaryDirectory(prefix="bench-", dir=output_dir) as folder:
            found = in_own_process(call, MEASURED, make, variant, steps, folder)
    except ProcessExpired as died:
        return named | {"failed": f"its process was ended from outside ({died.exitcode}); by the system, for memory?"}
    except RuntimeError as error:
        if type(error).__name__ != "OutOfMemoryError":
            raise
        return named | {"failed": "more memory than the device has"}
    return named | found


def rates(found, peak):
    """Figures by the second of what was measured, and shares of a peak in FLOPs by the second.

    Args:
        found: what `measure` returns.
        peak: the fastest matrix product in the same precision.

    Returns:
        dict: ``<what>_per_second``; ``share_of_peak`` by the arithmetic that the texts need, and
        ``share_with_padding`` by what was done; None where FLOPs are not known.
    """
    counted = ("examples", "real_tokens", "padded_tokens", "flops", "flops_with_padding")
    by_second = {f"{name}_per_second": found[name] and found[name] / found["seconds"] for name in counted}
    useful, done = by_second["flops_per_second"], by_second["flops_with_padding_per_second"]
    return by_second | {"share_of_peak": useful and useful / peak, "share_with_padding": done and done / peak}


@contextlib.contextmanager
def new_folder(output_dir):
    """The folder of a bench, made for it: a context that yields its path, and takes it away again after an error.

    Raises:
        UserError: if it cannot be made, or holds something.
    """
    folder = pathlib.Path(output_dir).expanduser()
    try:
        was_there = folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        names = sorted(path.name for path in folder.iterdir())
    except OSError as error:
        raise UserError(f"--output_dir {output_dir} cannot be used: {error.strerror}") from error
    if names:
        raise UserError(f"--output_dir {output_dir} holds {', '.join(names[:5])}; name a folder that is new or empty")
    try:
        yield folder
    except BaseException:
        if not was_there:
            with contextlib.suppress(OSError):  # something lies in it
                folder.rmdir()
        raise


def write(found, folder):
    """Writes bench.json, bench.md, roofline.svg and roofline.png into a folder."""
    from .picture import draw_roofline
    from .text import as_markdown

    write_json(folder / "bench.json", found)
    with atomic_path(folder / "bench.md") as name:
        pathlib.Path(name).write_text(as_markdown(found), encoding="utf-8")
    draw_roofline(found, folder)
