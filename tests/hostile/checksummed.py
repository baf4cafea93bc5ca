"""Files as a stranger would write them: whole by their checksum, whatever their contents are."""

import hashlib
import json
from pathlib import Path

import numpy as np
import safetensors.torch
import torch


def write_checksummed(path: Path, tensors: dict, card: object) -> Path:
    """Write a file in pdlearn's format; its checksum is right for any tensors and any card."""
    digest = hashlib.sha256(json.dumps(card, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy())
    entry = {"format": "pdlearn/1", "sha256": digest.hexdigest(), "card": card}
    tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
    path.write_bytes(safetensors.torch.save(tensors, {"pdlearn": json.dumps(entry)}))
    return path


def damaged(data: bytes, rng: np.random.Generator) -> tuple[str, bytes]:
    """Return `data` with damage of a kind drawn at random, and what it is."""
    at = int(rng.integers(len(data)))
    kind = rng.choice(["bit", "byte", "cut", "more", "hole", "twice", "head"])
    if kind == "bit":
        new = bytes([data[at] ^ 1 << int(rng.integers(8))])
        return f"bit of byte {at}", data[:at] + new + data[at + 1 :]
    if kind == "byte":
        return f"byte {at}", data[:at] + bytes([(data[at] + 1 + int(rng.integers(255))) % 256]) + (
            data[at + 1 :]
        )
    if kind == "cut":
        return f"cut at {at}", data[:at]
    if kind == "more":
        return "longer", data + rng.bytes(1 + at % 50)
    if kind == "hole":
        length = 1 + int(rng.integers(64))
        hole = data[at : at + length]
        return f"zeros at {at}", data[:at] + b"\1" * len(hole) + data[at + length :]
    if kind == "twice":
        return f"{at} bytes twice", data[:at] + data
    return "another length of the header", rng.bytes(8) + data[8:]
