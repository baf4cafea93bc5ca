"""The machine: its devices, threads and allocator, and the faster of float32 and bfloat16.

Some processors compute bfloat16 faster than float32 and some slower, with the same instruction set.
Therefore `learning_dtype` measures both. Tests and comparisons set the precision explicitly.
"""

import ctypes
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from pdlearn.schema import shown


def device_of(name: torch.device | str) -> torch.device:
    """Return the device of that name; raise ValueError if this machine has none."""
    try:
        if isinstance(name, str | torch.device):
            return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError):  # what torch raises depends on how it was built
        pass
    raise ValueError(f"expected a device of this machine, as cpu; got {shown(name)}")


def device_name(device: torch.device) -> str:
    """Return the name of the device that a run trains on."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.machine()} processor, {torch.get_num_threads()} threads"


def keep_freed_memory() -> None:
    """Stop glibc from returning freed memory to the kernel (Linux only; else no effect).

    Otherwise the page faults of a learning step take longer than its arithmetic.
    """
    if platform.system() == "Linux" and platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        m_trim_threshold, m_mmap_threshold = -1, -3
        libc.mallopt(m_trim_threshold, 2**31 - 1)
        libc.mallopt(m_mmap_threshold, 2**30)


def learning_dtype(device: torch.device, learn: Callable[[], None]) -> torch.dtype:
    """Return the dtype with which `learn()` is fastest: bfloat16 under autocast, or float32.

    Both are timed alternately, several times; the shortest time of each counts.
    """
    seconds: dict[torch.dtype, float] = {}
    for dtype in (torch.float32, torch.bfloat16) * 6:
        with torch.autocast(device.type, dtype=dtype, enabled=dtype != torch.float32):
            learn()
            start = time.perf_counter()
            learn()
            seconds[dtype] = min(time.perf_counter() - start, seconds.get(dtype, float("inf")))
    return min(seconds, key=seconds.__getitem__)


@contextmanager
def torch_threads(number: int) -> Iterator[None]:
    """Set torch's number of threads inside a `with` block; restore it at the end."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
