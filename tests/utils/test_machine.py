"""What a process may use of the machine."""

import os
import platform
import subprocess
import sys

import pytest
import torch
from helpers.small import ROOT
from transformers import enable_full_determinism

from healbert.utils.machine import cpu_cores, switches_put_back

# Page faults of taking and dropping 64 MB ten times.
FAULTS = """
import resource, sys
import numpy as np
from healbert.utils.machine import keep_freed_memory
took_effect = sys.argv[1] == "keep" and keep_freed_memory()
def fill():
    np.empty(8_000_000).fill(1.0)
fill()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    fill()
print(took_effect, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def test_cores_are_those_of_this_process(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3, 5, 6}, raising=False)
    assert cpu_cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    assert cpu_cores() == os.cpu_count()


def count_faults(mode, **environment):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    clean |= {"NUMPY_MADVISE_HUGEPAGE": "0", **environment}  # huge pages would be few faults
    command = [sys.executable, "-c", FAULTS, mode]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env=clean)
    took_effect, count = done.stdout.split()
    return took_effect == "True", int(count)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_freed_memory_is_kept():
    took_effect, kept = count_faults("keep")
    if not took_effect:
        pytest.skip("this glibc refuses")
    assert count_faults("give back")[1] > 50_000 and kept < 100
    assert count_faults("keep", MALLOC_TRIM_THRESHOLD_="100000")[0] is False, "the user's own setting was overruled"


def test_switches_of_torch_are_put_back(monkeypatch):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    monkeypatch.delenv("CUDA_LAUNCH_BLOCKING", raising=False)
    before = torch.backends.fp32_precision, torch.backends.cudnn.deterministic
    with pytest.raises(RuntimeError), switches_put_back():
        enable_full_determinism(1)
        torch.backends.fp32_precision = "tf32"
        assert torch.are_deterministic_algorithms_enabled() and os.environ["CUDA_LAUNCH_BLOCKING"] == "1"
        raise RuntimeError
    assert not torch.are_deterministic_algorithms_enabled()
    assert (torch.backends.fp32_precision, torch.backends.cudnn.deterministic) == before
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8" and "CUDA_LAUNCH_BLOCKING" not in os.environ
