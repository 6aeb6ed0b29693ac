"""Where a result comes from: versions, device, commit."""

import importlib.metadata
import pathlib
import platform
import resource
import subprocess

import torch

LIBRARIES = ("healbert", "torch", "transformers", "datasets", "evaluate", "accelerate", "scikit-learn", "numpy")
OPTIONAL = ("peft",)  # named where they are installed


def environment(training):
    """Versions, device and code version as ``results.json`` records them.

    Args:
        training: `transformers.TrainingArguments` of the run.
    """
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "versions": {name: version(name) for name in (*LIBRARIES, *filter(version, OPTIONAL))},
        "device": device_name(training.device),
        "processes": training.world_size,
        "threads": torch.get_num_threads(),
        "mixed_precision": training.mixed_precision,
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "git_commit": git_commit(),
    }


def version(name):
    """The version of an installed distribution, or None."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        from ..utils.version import __version__  # of a checkout that is not installed

        return __version__ if name == "healbert" else None


def device_name(device):
    """What the device of a run calls itself: "cpu", or the name of a GPU."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def git_commit():
    """The commit of the checkout that this package runs from ("+" added where files differ), or None."""
    folder = pathlib.Path(__file__).resolve().parent
    try:
        _git(folder, "ls-files", "--error-unmatch", "provenance.py")  # fails where git does not track this package
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
        return _git(folder, "rev-parse", "HEAD") + ("+" if changed else "")
    except (FileNotFoundError, subprocess.CalledProcessError):
        return None


def _git(folder, *command):
    done = subprocess.run(["git", "-C", str(folder), *command], capture_output=True, text=True, check=True)
    return done.stdout.strip()
