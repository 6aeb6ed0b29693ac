"""What this process may use of the machine, and how."""

import ctypes
import os
import platform


def cpu_cores():
    """The number of CPU cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def keep_freed_memory():
    """Have glibc reuse freed memory in this process instead of handing it back to the kernel.

    On a CPU every step frees and takes again the memory of all gradients; faulting its pages in costs about a tenth
    of the step. The arithmetic stays the same. Does nothing under another C library. Source: mallopt(3).
    """
    if platform.libc_ver()[0] == "glibc":
        trim_threshold, mmap_threshold, largest = -1, -3, 2**31 - 1
        libc = ctypes.CDLL(None)
        libc.mallopt(trim_threshold, largest)
        libc.mallopt(mmap_threshold, largest)
