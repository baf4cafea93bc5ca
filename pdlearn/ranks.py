"""One training on several devices: processes that average their gradients.

torchrun starts the processes, the ranks, and sets WORLD_SIZE. Each rank plays its share of the
copies of the games, keeps what it played, and learns from minibatches of its own. All ranks have
the same weights. Rank 0 alone writes files and prints. Without WORLD_SIZE there is one rank, and
nothing here has an effect.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import nn

Value = TypeVar("Value")
SEEDS_APART = 10**9  # seeds of two ranks


def world_size() -> int:
    """Return the number of ranks."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Return the number of this rank, from 0 on."""
    return dist.get_rank() if world_size() > 1 else 0


def started() -> int:
    """Return the number of processes that torchrun has started for this training."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def refuse_several(why: str) -> None:
    """Raise ValueError if torchrun has started several processes."""
    if started() > 1:
        raise ValueError(f"expected one process {why}; got WORLD_SIZE {started()}")


@contextmanager
def joined(device: str) -> Iterator[str]:
    """Join the ranks that torchrun has started inside a `with` block; give this rank's device.

    Of several GPUs each rank gets one. Ranks above 0 show no progress. Does nothing without
    WORLD_SIZE.
    """
    if started() == 1:
        yield device
        return
    if device == "cuda":
        device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    if rank() > 0:
        os.environ["PDLEARN_QUIET"] = "1"
    try:
        yield device
    finally:
        dist.destroy_process_group()


def share(num_envs: int) -> int:
    """Return this rank's share of `num_envs` copies; ValueError if they cannot be divided."""
    if num_envs % world_size():
        raise ValueError(
            f"expected num_envs as a multiple of the {world_size()} processes; got {num_envs}"
        )
    return num_envs // world_size()


def own_seed(seed: int) -> int:
    """Return this rank's seed of the games; rank 0 has `seed` itself."""
    return seed + SEEDS_APART * rank()


def draw_apart(generator: torch.Generator, seed: int) -> None:
    """Seed the `generator` of ranks above 0, which was equal on all ranks, with their own seed."""
    if rank() > 0:
        generator.manual_seed(own_seed(seed))


def average_gradients(network: nn.Module) -> None:
    """Replace the gradients of `network` by their means over the ranks."""
    if world_size() == 1:
        return
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    together = torch.cat([gradient.flatten() for gradient in gradients])
    dist.all_reduce(together)
    together /= world_size()
    parts = together.split([gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view_as(gradient))


def of_first(value: Value) -> Value:
    """Return the `value` of rank 0; waits for all ranks."""
    if world_size() == 1:
        return value
    values = [value]
    dist.broadcast_object_list(values, src=0)
    return values[0]
