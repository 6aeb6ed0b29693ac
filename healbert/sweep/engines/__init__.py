"""What makes the runs of a sweep. Engines keep no state of their own: that is on disk."""

import dataclasses
import importlib

from ...utils.errors import check_choice
from ...utils.registry import register, table

# name -> function `start(options)` that returns an engine (see `start_engine`); the built-in ones are imported then.
ENGINES = table("engine")


@register("engine", "local")
def _local(options):
    return _start("local", options)


@register("engine", "ray")
def _ray(options):
    return _start("ray_cluster", options)


@register("engine", "slurm")
def _slurm(options):
    return _start("slurm", options)


def _start(module, options):
    return importlib.import_module(f".{module}", __name__).start(options)


LAUNCHERS = ("python", "accelerate")


@dataclasses.dataclass(frozen=True)
class Job:
    """One run for a worker: its flags, and how long it may take.

    ``settings`` are flags as `make_arguments` takes them, ``output_dir`` among them; paths in them start from
    ``directory``. ``timeout`` is in seconds. With ``processes`` above 1, or ``launcher`` "accelerate", it runs
    through ``accelerate launch``. ``plugins`` are the hashes of its plugins when the sweep was planned. ``token_file``
    holds its Hub token, which stands nowhere else.
    """

    settings: dict
    directory: str
    timeout: float | None = None
    launcher: str = "python"
    processes: int = 1
    plugins: dict = dataclasses.field(default_factory=dict)
    token_file: str | None = None


@dataclasses.dataclass
class Options:
    """How a sweep is to be run; each engine takes what concerns it.

    Args:
        workers: runs at a time; default: slots of the GPUs here, else the CPU's cores, at most 4.
        runs_per_gpu: runs that share a GPU.
        run_timeout: seconds a run may take.
        run_launcher: "python", or "accelerate" for runs of several processes.
        processes_per_run: processes of one run.
        ray_address: of a running cluster; default: one of this machine alone.
        slurm: dict of submitit parameters (``slurm_partition``, ``timeout_min``, ...), and ``cluster``.
        folder: the sweep's results folder.
        threads: CPU threads of each run, in a folder that has such a number; else the engine chooses.
        sweeps: how many are at work on this machine, this one among them.
    """

    folder: str
    workers: int | None = None
    runs_per_gpu: int = 1
    run_timeout: float | None = None
    run_launcher: str = "python"
    processes_per_run: int = 1
    ray_address: str | None = None
    slurm: dict = dataclasses.field(default_factory=dict)
    threads: int | None = None
    sweeps: int = 1


@dataclasses.dataclass(frozen=True)
class Failure:
    """Why a run has no result: ``kind`` is "exception", "killed" or "timeout"."""

    kind: str
    message: str


def with_threads(job, threads):
    """A copy of ``job`` with that many CPU threads, unless its settings say or ``threads`` is None."""
    settings = {} if threads is None else {"torch_num_threads": threads}
    return dataclasses.replace(job, settings=settings | job.settings)


def is_of_this_machine(name, options):
    """Whether an engine's runs use this machine, so that they share it with other sweeps'."""
    return (
        name == "local"
        or (name == "ray" and options.ray_address is None)
        or (name == "slurm" and options.slurm.get("cluster", "slurm") != "slurm")
    )


def start_engine(name, options):
    """Starts an engine.

    Args:
        name: a name in `ENGINES`.
        options: `Options`.

    Returns:
        an object with ``capacity`` (runs at a time), ``submit(jobs)`` -> list of handles,
        ``wait(handles, timeout)`` -> list of finished handles, ``failure(handle)`` -> `Failure` or None, and
        ``stop()``, which ends what still runs; and ``threads``, the CPU threads of a run, if it sets them.

    Raises:
        UserError: for an unknown name, a library that is not installed, or a cluster out of reach.
    """
    check_choice("engine", name, ENGINES)
    return ENGINES[name](options)
