"""What the machine can do: its rate of matrix products, and how fast it copies memory."""

import torch
from torch.utils.benchmark import Timer

from ..utils.machine import cpu_name

# (rows, inner, columns) of matrix products; the fastest counts. The last of each is a layer's of a small encoder.
SHAPES = {
    "cpu": ((1024, 1024, 1024), (2048, 2048, 2048), (512, 384, 1536)),
    "cuda": ((4096, 4096, 4096), (8192, 8192, 8192), (8192, 768, 3072)),
}
COPIED = {"cpu": 2**28, "cuda": 2**31}  # bytes: more than caches hold
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def measure_machine(make, shapes=SHAPES, copied=COPIED, seconds=1.5):
    """Measures the device and the threads that runs have: the quickest of repeated products and copies.

    They are roofs: whatever else the machine does makes them lower and nothing higher.

    Args:
        make: function without arguments that gives the `Arguments` of a run: which device, how many threads.
        shapes: {kind of device: (rows, inner, columns) of products}.
        copied: {kind of device: bytes of one copy}.
        seconds: how long each is repeated, at least.

    Returns:
        dict: ``device`` and ``processor`` by name, ``threads``; ``products``, of each precision the fastest product's
        ``flops_per_second`` and ``shape``; ``copied_bytes_per_second``, each byte read and written.
    """
    from ..experiment.run import set_threads

    arguments = make()
    set_threads(arguments)
    device = arguments.training.device
    return {
        "device": device.type,
        "processor": processor(device),
        "threads": torch.get_num_threads(),
        "products": {name: _fastest(shapes[device.type], kind, device, seconds) for name, kind in PRECISIONS.items()},
        "copied_bytes_per_second": _copying(copied[device.type], device, seconds),
    }


def _fastest(shapes, kind, device, seconds):
    rates = {shape: _product(shape, kind, device, seconds / len(shapes)) for shape in shapes}
    shape = max(rates, key=rates.get)
    return {"flops_per_second": rates[shape], "shape": list(shape)}


def _product(shape, kind, device, seconds):
    rows, inner, columns = shape
    left = torch.randn(rows, inner, device=device).to(kind)
    right = torch.randn(inner, columns, device=device).to(kind)
    return 2 * rows * inner * columns / _quickest("torch.mm(left, right)", {"left": left, "right": right}, seconds)


def _copying(size, device, seconds):
    source = torch.ones(size // 4, device=device)
    return 2 * size / _quickest("there.copy_(source)", {"source": source, "there": torch.empty_like(source)}, seconds)


def _quickest(statement, names, seconds):
    """Seconds of the quickest repetition of a statement of PyTorch, which is waited for on a GPU."""
    timer = Timer(statement, globals=names | {"torch": torch}, num_threads=torch.get_num_threads())
    timer.timeit(1)
    return min(timer.blocked_autorange(min_run_time=seconds).times)


def processor(device):
    """The name of a GPU, or of the CPU as the system knows it."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else cpu_name()
