"""Files of the Hugging Face Hub by address; nothing else here uses the network."""

from pathlib import Path
from typing import Any

from pdlearn.schema import told
from pdlearn.tensor_files import CheckpointError

ADDRESS = "hf://"
WEIGHTS = "model.safetensors"


def download(address: str) -> Path:
    """Return the local file of `hf://USER/REPOSITORY[@REVISION][/FILE]`.

    Without a file it is `model.safetensors`. Needs the extra `hub`. Raises CheckpointError for an
    address of another form and for a download that fails.
    """
    parts = address.removeprefix(ADDRESS).split("/", 2)
    if len(parts) < 2 or not all(parts):
        raise CheckpointError(f"{address}: expected hf://USER/REPOSITORY[@REVISION][/FILE]")
    repository, _, revision = parts[1].partition("@")
    name = parts[2] if len(parts) > 2 else WEIGHTS
    hub = huggingface_hub()
    try:
        path = hub.hf_hub_download(f"{parts[0]}/{repository}", name, revision=revision or None)
    except Exception as error:  # the library's, and those of the connection
        raise CheckpointError(f"{address}: cannot be downloaded ({told(error)})") from error
    return Path(path)


def huggingface_hub() -> Any:
    """Return the module of that name; ValueError if the extra `hub` is not installed."""
    try:
        import huggingface_hub
    except ImportError as error:
        raise ValueError(
            "huggingface-hub is not installed; expected the extra: pip install pdlearn[hub]"
        ) from error
    return huggingface_hub
