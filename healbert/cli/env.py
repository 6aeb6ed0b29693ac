"""`healbert env`: what a machine has, as a report of a problem needs it, safe to paste anywhere."""

import os
import pathlib
import platform
import time

from ..utils.machine import cpu_cores
from ..utils.text import without_password
from ..utils.version import __version__
from .parser import command_parser


def env(argv):
    """Show versions, devices, caches and the Hub, for a report of a problem; no tokens, no home folders."""
    command_parser("env", env.__doc__).parse_args(argv)

    for name, value in describe_environment().items():
        print(f"{name:<22}  {value}")


LIBRARIES = (
    *("torch", "transformers", "datasets", "evaluate", "accelerate", "huggingface_hub", "hf-xet", "safetensors"),
    *("scikit-learn", "numpy", "pandas", "pyarrow", "tensorboard", "wandb", "mlflow", "trackio", "ray", "submitit"),
)


def describe_environment():
    """Versions, devices, caches and the Hub: a dict of lines. Tokens are never read out; home folders become ~."""
    from ..experiment.provenance import git_commit, version
    from ..publish.contents import without_home

    lines = {"healbert": __version__, "python": platform.python_version(), "platform": platform.platform()}
    lines |= {name: version(name) or "not installed" for name in LIBRARIES}
    lines |= {"git commit": git_commit() or "none", **_devices(), **_caches(), **_hub()}
    return {name: without_home(str(value)).decode() for name, value in lines.items()}


def _devices():
    import torch

    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return {
        "CPU cores": cpu_cores(),
        "GPUs": ", ".join(gpus) or "none",
        "CUDA of torch": torch.version.cuda or "none",
    }


def _caches():
    import datasets
    import huggingface_hub.constants as constants

    own = os.environ.get("HEALBERT_CACHE") or pathlib.Path.home() / ".cache" / "healbert"
    places = {"Hub": constants.HF_HUB_CACHE, "datasets": datasets.config.HF_DATASETS_CACHE, "healbert": own}
    return {
        f"cache of {name}": f"{path}{'' if pathlib.Path(path).is_dir() else ' (none yet)'}"
        for name, path in places.items()
    }


def _hub():
    import huggingface_hub
    import huggingface_hub.constants as constants

    return {
        "Hub": f"{without_password(constants.ENDPOINT)}, {_reachable()}",
        "Hub token": "found" if huggingface_hub.get_token() else "none",
        "HF_HUB_OFFLINE": "set" if constants.HF_HUB_OFFLINE else "not set",
    }


def _reachable():
    import httpx2
    import huggingface_hub.constants as constants

    if constants.HF_HUB_OFFLINE:
        return "not asked"
    start = time.perf_counter()
    try:
        status = httpx2.head(constants.ENDPOINT, timeout=5, follow_redirects=True).status_code
    except httpx2.TransportError as error:
        return f"not reached ({type(error).__name__})"
    return f"answers with status {status} in {time.perf_counter() - start:.1f} s"
