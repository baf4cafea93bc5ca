"""Read the tensors of a foreign file without unpickling any object but tensors.

Files of other libraries are zip archives, gzip streams and pickles. Pickled parts are read by
`torch.load(weights_only=True)` alone, which builds tensors and plain containers and refuses
everything else. Sizes are checked before anything is unpacked.
"""

import gzip
import io
import json
import pickle
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from pdlearn.schema import told
from pdlearn.tensor_files import CheckpointError

MAX_BYTES = 512 * 2**20  # of a file, and of each part unpacked; an SB3 QR-DQN has 44 MB
MAX_JSON_BYTES = 16 * 2**20
# Keys under which libraries keep the weights in a dictionary of more.
NESTED = (
    "estimator_state", "model_weights", "model_state_dict", "state_dict", "model", "q_network"
)  # fmt: skip

# What a file begins with, and what it then is.
FORMATS = {
    b"\x89HDF": "an HDF5 file, as Keras writes; its network is HWC (height, width, channels)",
    b"version https://git-lfs": "a Git LFS pointer, not the file that it points to",
    b"\x93NUMPY": "a NumPy array",
    b"<": "a web page or XML",
}
SUFFIXES = {
    ".t7": "a Torch7 file of Lua",
    ".onnx": "an ONNX graph",
    ".index": "a TensorFlow checkpoint; its networks are HWC (height, width, channels)",
    ".data-00000-of-00001": "a TensorFlow checkpoint; its networks are HWC",
    ".pb": "a TensorFlow graph; its networks are HWC (height, width, channels)",
    ".msgpack": "a JAX (Flax) file; its networks are HWC (height, width, channels)",
}


class Contents(NamedTuple):
    """What a file holds: its tensors by name, and the facts beside them."""

    tensors: dict[str, Tensor]
    container: str  # "sb3", "pfrl", "gzip" or "state dict"
    facts: dict[str, Any]


def read(path: Path) -> Contents:
    """Return the contents of a foreign file; raise CheckpointError in one sentence otherwise."""
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= MAX_BYTES and path.is_file() else b""
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror})") from error
    if path.is_dir():
        raise CheckpointError(f"{path}: a folder; expected a file of weights")
    if size > MAX_BYTES:
        raise CheckpointError(f"{path}: {size:,} bytes; expected at most {MAX_BYTES:,}")
    if not data:
        raise CheckpointError(f"{path}: an empty file")
    try:
        return _contents(data, path)
    except _Refused as refused:
        raise CheckpointError(f"{path}: {refused}") from refused


class _Refused(Exception):
    """Why a file is refused, without its path."""


def _contents(data: bytes, path: Path) -> Contents:
    if path.suffix in SUFFIXES:
        raise _Refused(f"{SUFFIXES[path.suffix]}; {EXPECTED}")
    for magic, what in FORMATS.items():
        if data.startswith(magic):
            raise _Refused(f"{what}; {EXPECTED}")
    if data.startswith(b"PK"):
        return _from_zip(data)
    if data.startswith(b"\x1f\x8b"):
        return Contents(*_from_torch(_gunzipped(data))[:1], "gzip", {})
    if data[:1] == b"\x80":
        return _from_pickle(data)
    if data[8:9] == b"{":
        try:
            return Contents(safetensors.torch.load(data), "state dict", {})
        except safetensors.SafetensorError as error:
            raise _Refused(f"a damaged safetensors file ({error})") from error
    if b"Conv_0" in data or b"kernel" in data[:4096]:
        raise _Refused(f"{SUFFIXES['.msgpack']}; {EXPECTED}")
    raise _Refused(f"of an unknown format (it begins with {data[:8]!r}); {EXPECTED}")


def _from_zip(data: bytes) -> Contents:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = {name.split("/")[-1]: name for name in archive.namelist()}
            if "policy.pth" in names:
                facts = _json(archive, names)
                tensors, _ = _from_torch(_member(archive, names["policy.pth"], MAX_BYTES))
                return Contents(tensors, "sb3", facts)
            if "model.pt" in names:
                tensors, _ = _from_torch(_member(archive, names["model.pt"], MAX_BYTES))
                return Contents(tensors, "pfrl", {})
            if "constants.pkl" in names:
                raise _Refused(f"a TorchScript archive, which is a program; {EXPECTED}")
            if "data.pkl" in names:
                tensors, facts = _from_torch(data)
                return Contents(tensors, "state dict", facts)
            inside = ", ".join(sorted(archive.namelist())[:4]) or "nothing"
            raise _Refused(f"a zip archive of {inside}; {EXPECTED}")
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise _Refused(f"a damaged zip archive ({told(error)})") from error
    except RuntimeError as error:  # zipfile's own for a password
        raise _Refused(f"a zip archive that cannot be opened ({told(error)})") from error


def _member(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    size = archive.getinfo(name).file_size
    if size > limit:
        raise _Refused(f"{name} unpacks to {size:,} bytes; expected at most {limit:,}")
    with archive.open(name) as member:
        return member.read(limit)


def _json(archive: zipfile.ZipFile, names: dict[str, str]) -> dict:
    """Return the settings that SB3 writes beside the weights; its pickled parts stay strings."""
    if "data" not in names:
        return {}
    try:
        facts = json.loads(_member(archive, names["data"], MAX_JSON_BYTES))
    except (ValueError, RecursionError):
        raise _Refused("its member 'data' is not JSON; expected SB3's settings") from None
    return facts if isinstance(facts, dict) else {}


def _gunzipped(data: bytes) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
            unpacked = stream.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise _Refused(f"a damaged gzip file ({told(error)})") from error
    if len(unpacked) > MAX_BYTES:
        raise _Refused(f"unpacks to more than {MAX_BYTES:,} bytes; expected at most that")
    return unpacked


def _from_pickle(data: bytes) -> Contents:
    for mark in (b"online_params", b"target_params"):
        if mark in data:
            raise _Refused(
                "a Dopamine checkpoint: a pickle, whose network is HWC with padding SAME; "
                f"{EXPECTED}"
            )
    tensors, facts = _from_torch(data)
    return Contents(tensors, "state dict", facts)


def _from_torch(data: bytes) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors of a `torch.save`d dictionary, and what else stands beside them."""
    if data.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > MAX_BYTES:
            raise _Refused(f"unpacks to {unpacked:,} bytes; expected at most {MAX_BYTES:,}")
    try:
        with warnings.catch_warnings(action="ignore"):  # torch's own, on kinds of pickles
            held = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise _Refused(
            f"a pickle of more than tensors, which is a program and is not run; {EXPECTED}"
        ) from error
    except Exception as error:  # damaged files raise many kinds
        raise _Refused(f"a damaged file of torch ({told(error)})") from error
    if not isinstance(held, dict):
        raise _Refused(f"holds a {type(held).__name__}; expected a dictionary of tensors")
    facts: dict[str, Any] = {}
    while not any(isinstance(value, Tensor) for value in held.values()):
        inner = next((key for key in NESTED if isinstance(held.get(key), dict)), None)
        if inner is None:
            break
        facts |= {key: value for key, value in held.items() if key != inner}
        held = held[inner]
    tensors = {str(key): value for key, value in held.items() if isinstance(value, Tensor)}
    if not tensors:
        inside = ", ".join(map(str, list(held)[:4])) or "nothing"
        raise _Refused(f"a dictionary of {inside}, without tensors; {EXPECTED}")
    return tensors, facts


EXPECTED = "expected an SB3 zip, or weights of Nature DQN's network by torch.save or safetensors"
