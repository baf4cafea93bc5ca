"""Agents and states that widgets are shown with, and what a page must not reach for."""

import base64
import zlib

import numpy as np
from fakes import make_agent

TEACHER = make_agent(0, by="dqn")
STUDENT = make_agent(1, by="distill", config={"loss": "kl"})
STATE = np.random.default_rng(0).integers(0, 256, (4, 84, 84), dtype=np.uint8)
BLOCKS = np.stack([STATE, STATE[::-1]])[:, :, :12, :12].repeat(7, 2).repeat(7, 3)  # two states


def decode(packed: dict) -> np.ndarray:
    """Return the array that `pack_array` packed; on a page its bytes are in base64."""
    data = packed["zlib"]
    raw = zlib.decompress(base64.b64decode(data) if isinstance(data, str) else data)
    return np.frombuffer(raw, packed["dtype"]).reshape(packed["shape"])


def is_foreign(url: str) -> bool:
    return url.startswith("http") and not url.startswith(("http://127.0.0.1:", "http://localhost:"))
