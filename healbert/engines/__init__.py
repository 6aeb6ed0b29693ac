"""What runs the cells of a sweep. Engines keep no state of their own: that is on disk."""

import dataclasses
import importlib

from ..errors import check_choice

# name -> module with a function `start(options)` that returns an engine. A new engine is one entry and its module.
ENGINES = {"local": "local", "ray": "ray_cluster", "slurm": "slurm"}
LAUNCHERS = ("python", "accelerate")


@dataclasses.dataclass(frozen=True)
class Job:
    """One cell for a worker: its flags, and how long it may take.

    ``settings`` are flags as `make_arguments` takes them, ``output_dir`` among them; paths in them start from
    ``directory``. ``timeout`` is in seconds. With ``processes`` above 1, or ``launcher`` "accelerate", the cell runs
    as ``accelerate launch``.
    """

    settings: dict
    directory: str
    timeout: float | None = None
    launcher: str = "python"
    processes: int = 1


@dataclasses.dataclass
class Options:
    """How a sweep is to be run; each engine takes what concerns it.

    Args:
        workers: cells at a time; default: slots of the GPUs here, else the CPU's cores, at most 4.
        cells_per_gpu: cells that share a GPU.
        cell_timeout: seconds a cell may take.
        cell_launcher: "python", or "accelerate" for cells of several processes.
        cell_processes: processes of one cell.
        ray_address: of a running cluster; default: one of this machine alone.
        slurm: dict of submitit parameters (``slurm_partition``, ``timeout_min``, ...), and ``cluster``.
        folder: the sweep's results folder.
    """

    folder: str
    workers: int | None = None
    cells_per_gpu: int = 1
    cell_timeout: float | None = None
    cell_launcher: str = "python"
    cell_processes: int = 1
    ray_address: str | None = None
    slurm: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Failure:
    """Why a cell has no result: ``kind`` is "exception", "killed" or "timeout"."""

    kind: str
    message: str


def with_threads(job, threads):
    """A copy of ``job`` with that many CPU threads, unless its settings say or ``threads`` is None."""
    settings = {} if threads is None else {"torch_num_threads": threads}
    return dataclasses.replace(job, settings=settings | job.settings)


def start_engine(name, options):
    """Starts an engine.

    Args:
        name: a name in `ENGINES`.
        options: `Options`.

    Returns:
        an object with ``capacity`` (cells at a time), ``submit(jobs)`` -> list of handles,
        ``wait(handles, timeout)`` -> list of finished handles, ``failure(handle)`` -> `Failure` or None, and
        ``stop()``, which ends what still runs.

    Raises:
        UserError: for an unknown name, a library that is not installed, or a cluster out of reach.
    """
    check_choice("engine", name, ENGINES)
    return importlib.import_module(f".{ENGINES[name]}", __name__).start(options)
