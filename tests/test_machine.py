"""What a process may use of the machine."""

import os
import subprocess
import sys

import pytest
from conftest import ROOT

from healbert.machine import cpu_cores

# Page faults of taking and dropping 64 MB ten times.
FAULTS = """
import platform, resource, sys
import numpy as np
from healbert.machine import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
def fill():
    np.empty(8_000_000).fill(1.0)
fill()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    fill()
print(platform.libc_ver()[0], resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def test_cores_are_those_of_this_process(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3, 5, 6}, raising=False)
    assert cpu_cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    assert cpu_cores() == os.cpu_count()


def test_freed_memory_is_kept():
    def faults(mode):
        command = [sys.executable, "-c", FAULTS, mode]
        library, count = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout.split()
        if library != "glibc":
            pytest.skip("the C library is not glibc")
        return int(count)

    assert faults("give back") > 1000 and faults("keep") < 100
