"""What this process may use of the machine, and how."""

import contextlib
import ctypes
import functools
import os
import platform


def cpu_cores():
    """The number of CPU cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@functools.cache
def cpu_name():
    """What this machine's processor calls itself."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            named = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    except OSError:  # no Linux
        named = []
    return named[0] if named else platform.processor() or platform.machine()


def multiplies_bf16(use_cpu=False):
    """Whether the device of this process multiplies bfloat16 in hardware: on others it takes longer than float32.

    Args:
        use_cpu: whether a GPU is left alone.
    """
    import torch

    if torch.cuda.is_available() and not use_cpu:
        return torch.cuda.is_bf16_supported(including_emulation=False)
    found = torch.cpu.get_capabilities()
    return bool(found.get("avx512_bf16") or found.get("amx_bf16"))


def keep_freed_memory():
    """Has glibc reuse freed memory in this process instead of handing it back to the kernel.

    On a CPU every step frees and takes again the memory of all gradients. Not faulting its pages in anew saved 11 to
    17% of a step of the embedded model on 2 cores (batch 32, 15 tokens); the arithmetic stays the same. The process
    keeps what it once used until it ends. Does nothing if the environment sets these thresholds itself, under another
    C library, or where glibc refuses (older versions allow 32 MiB at most). Source: mallopt(3).

    Returns:
        bool: whether it took effect.
    """
    own = {"MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"} & os.environ.keys()
    if own or platform.libc_ver()[0] != "glibc":
        return False
    trim_threshold, mmap_threshold, largest = -1, -3, 2**31 - 1
    libc = ctypes.CDLL(None)
    return bool(libc.mallopt(mmap_threshold, largest) and libc.mallopt(trim_threshold, largest))


# What transformers.enable_full_determinism sets in the environment.
DETERMINISTIC = (
    "CUDA_LAUNCH_BLOCKING",
    "CUBLAS_WORKSPACE_CONFIG",
    "ASCEND_LAUNCH_BLOCKING",
    "HCCL_DETERMINISTIC",
    "FLASH_ATTENTION_DETERMINISTIC",
)


@contextlib.contextmanager
def switches_put_back():
    """Puts torch's switches of the whole process back to what they were: TF32 and deterministic algorithms.

    transformers turns them on for a run that asks and never off, so that the next run of the process would have other
    figures than in one of its own.
    """
    import torch

    cudnn = torch.backends.cudnn
    environment = {name: os.environ.get(name) for name in DETERMINISTIC}
    deterministic = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    switches, precision = (cudnn.deterministic, cudnn.benchmark), torch.backends.fp32_precision
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(deterministic[0], warn_only=deterministic[1])
        (cudnn.deterministic, cudnn.benchmark), torch.backends.fp32_precision = switches, precision
        for name, value in environment.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def give_memory_back():
    """Has glibc hand the memory that this process has freed back to the kernel; does nothing under another C library.

    What `keep_freed_memory` keeps would add up over runs of other sizes: pieces of one fit the next one badly.
    Source: malloc_trim(3).
    """
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)
