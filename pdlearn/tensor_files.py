"""One safetensors file = tensors + a card that says what they are. Nothing is ever unpickled.

A file is checksummed: its metadata contains the SHA-256 of the card and of each tensor's name,
dtype, shape and bytes. The layout of the file, such as the order of the tensors, may differ.
Writing is atomic: a file of that name is always whole, either the old one or the new one.
A checksum finds damage, not mistakes: what a file holds is also compared with its card.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from pdlearn.files import read_bytes, write_bytes
from pdlearn.schema import shown, told

FORMAT = "pdlearn/1"
WRAPPERS = ("_orig_mod.", "module.")  # what torch.compile and DataParallel put before a name

Wanted = Mapping[str, tuple[torch.dtype, tuple[int, ...]]]


class CheckpointError(ValueError):
    """A file is damaged, foreign, or not what was asked for; the message is one sentence."""


def _checksum(tensors: dict[str, Tensor], card: dict) -> str:
    digest = hashlib.sha256(json.dumps(card, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def _metadata(tensors: dict[str, Tensor], card: dict) -> str:
    return json.dumps({"format": FORMAT, "sha256": _checksum(tensors, card), "card": card})


def write_file(path: str | Path, tensors: dict[str, Tensor], card: dict) -> None:
    """Write `tensors` and `card` to `path`, atomically: a crash leaves the old file whole."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    # A single metadata entry: safetensors keeps no order among several.
    metadata = {"pdlearn": _metadata(tensors, card)}
    write_bytes(path, safetensors.torch.save(tensors, metadata))


@contextmanager
def naming(path: str | Path) -> Iterator[None]:
    """Turn a ValueError inside a `with` block into a CheckpointError that names the file."""
    try:
        yield
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}") from error


def read_file(path: str | Path) -> tuple[dict[str, Tensor], dict]:
    """Return the tensors and the card of a file written by `write_file`.

    Raises CheckpointError if the file is missing, truncated, altered or of another program.
    """
    try:
        data = read_bytes(path)
    except ValueError as error:
        raise CheckpointError(str(error)) from error
    try:
        tensors = safetensors.torch.load(data)
        header = data[8 : 8 + int.from_bytes(data[:8], "little")]
        metadata = json.loads(header).get("__metadata__") or {}
    except Exception as error:  # safetensors, json and torch each have their own
        raise CheckpointError(f"{path}: not a whole safetensors file ({told(error)})") from error
    if "pdlearn" not in metadata:
        raise CheckpointError(f"{path}: a safetensors file, but without a pdlearn card")
    try:
        entry = json.loads(metadata["pdlearn"])
        kind, card = entry["format"], dict(entry["card"])
        # Comparing the text also finds a change that JSON reads as the same number, as 1e-5 and
        # 1E-5. A header is padded with spaces; other white space is damage that JSON would accept.
        whole = metadata["pdlearn"] == _metadata(tensors, card) and not set(header) & set(b"\t\n\r")
    except Exception as error:
        raise CheckpointError(f"{path}: its card is damaged ({told(error)})") from error
    if kind != FORMAT:
        raise CheckpointError(f"{path}: written in format {shown(kind)}; expected {FORMAT!r}")
    if not whole:
        raise CheckpointError(f"{path}: damaged, its checksum does not match its contents")
    return tensors, card


def refuse_other_tensors(tensors: Mapping[str, Tensor], wanted: Wanted) -> None:
    """Raise ValueError unless the tensors have the `wanted` names, types and shapes.

    Floating point numbers must be finite, and the bytes of a bool 0 or 1.
    """
    if tensors.keys() != wanted.keys():
        extra, missing = (sorted(tensors.keys() - wanted), sorted(wanted.keys() - tensors))
        which = f"without {missing[0]}" if missing else f"with {shown(extra[0])}"
        raise ValueError(f"expected other tensors; got them {which}")
    for name, (dtype, shape) in wanted.items():
        tensor = tensors[name]
        if tensor.dtype != dtype or tensor.shape != shape:
            raise ValueError(
                f"expected {name} as {dtype} {list(shape)}; got {tensor.dtype} {list(tensor.shape)}"
            )
        if dtype.is_floating_point and not tensor.isfinite().all():
            raise ValueError(f"expected finite numbers in {name}; got others")
        if dtype == torch.bool and tensor.numel() and tensor.view(torch.uint8).max() > 1:
            raise ValueError(f"expected 0 and 1 in {name}; got other bytes")


def unwrapped(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return weights by the names that they have without torch's wrappers.

    DataParallel wraps a whole network, torch.compile also a part of one. Raises CheckpointError for
    two weights of one name.
    """
    found: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        while name.startswith(WRAPPERS):
            name = name.split(".", 1)[1]
        name = name.replace("._orig_mod.", ".")
        if name in found:
            raise CheckpointError(f"got {name} twice")
        found[name] = tensor
    return found
