"""The files that a resumed run reads: its state, and a copy of its settings beside it."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from torch import Tensor

from pdlearn.cards import Identity, StateCard, current_card, typed_card
from pdlearn.files import read_bytes
from pdlearn.schema import checked, load_json, shown, types_of
from pdlearn.tensor_files import CheckpointError, naming, read_file, refuse_other_tensors

STATE, CONFIG = "state.safetensors", "config.json"
MAY_BE_NONE = {"samples", "best_evaluation", "dqn"}  # counters that a resumed run can do without


def described(card: dict) -> dict:
    """Return what `config.json` says of the run with this state's card."""
    names = ("kind", "games", "seed", "teachers", "student_seeds")
    return {k: card[k] for k in names if card.get(k) is not None} | card["config"]


def settings_text(card: dict) -> bytes:
    """Return the contents of `config.json` for the run with this state's card."""
    return json.dumps(described(card), indent=1).encode() + b"\n"


def read_state(folder: Path) -> tuple[dict[str, Tensor], StateCard]:
    """Return the tensors and the card of the state of the run in `folder`.

    Raises ValueError if there is none, if the file is damaged or its card is not a run's, and if
    `config.json` differs from the card, which holds the settings.
    """
    path = folder / STATE
    if not path.exists():
        raise CheckpointError(f"{folder}: no run to resume here (it has no {STATE})")
    tensors, entries = read_file(path)
    entries = current_card(entries)
    with naming(path):
        card = typed_card(entries, StateCard)
    copy = folder / CONFIG
    if copy.exists():
        try:
            found = load_json(read_bytes(copy))
            found = current_card(checked(found, dict[str, Any], "the settings"))
        except ValueError as error:
            raise ValueError(
                f"{copy}: is damaged ({error}); remove it, {STATE} holds the settings too"
            ) from error
        wanted = described(entries)
        for name in sorted(found.keys() | wanted.keys()):
            if name not in found or name not in wanted or found[name] != wanted[name]:
                raise ValueError(
                    f"{copy}: {shown(name)} is {shown(found.get(name))}, and "
                    f"{shown(wanted.get(name))} in {STATE}; remove {CONFIG} to use the latter"
                )
    return tensors, card


def refuse_other_run(found: StateCard, wanted: dict) -> None:
    """Raise ValueError unless the card `found` is one of the run that has the card `wanted` now."""
    if found.kind != wanted["kind"]:
        raise ValueError(f"holds {found.kind!r}; expected {wanted['kind']!r}")
    # Only a DQN may have teachers or none, so that an entry `teachers` may be missing in `wanted`.
    for name in [name for name in types_of(Identity) if name in wanted or name == "teachers"]:
        value = getattr(found, name)
        value = list(value) if isinstance(value, tuple) else value
        if value != wanted.get(name):
            raise ValueError(f"its {name} is {value!r}; expected {wanted.get(name)!r}")
    _refuse_other_networks(found.config, wanted["config"])
    counts = dataclasses.asdict(found.counts)
    for name in wanted["counts"]:
        if counts[name] is None and name not in MAY_BE_NONE:
            raise ValueError(f"expected an entry counts.{name}; it is missing")


def _refuse_other_networks(begun: dict, now: dict, where: str = "") -> None:
    for name in ("size", "normalization", "quantiles", "optimizer"):
        if name in begun and begun[name] != now[name]:
            raise ValueError(
                f"was begun with {where}{name} {begun[name]}, which a resumed run keeps; got "
                f"{now[name]}"
            )
    if isinstance(begun.get("teacher"), dict):
        _refuse_other_networks(begun["teacher"], now["teacher"], "the teacher's ")


def refuse_other_state(
    tensors: dict[str, Tensor], state: dict[str, Tensor], moments: dict[str, Tensor]
) -> None:
    """Raise ValueError unless `tensors` can replace `state`, the state of a new run.

    `moments` are those of all weights; a state has none of the weights that were never moved.
    """
    moved = {name.rpartition(".")[0] for name in tensors.keys() & moments.keys()}
    whole = state | {n: t for n, t in moments.items() if n.rpartition(".")[0] in moved}
    refuse_other_tensors(tensors, {k: (t.dtype, tuple(t.shape)) for k, t in whole.items()})
    for name, tensor in tensors.items():
        if name.endswith(("_sq", ".square", ".step")) and tensor.min() < 0:
            raise ValueError(f"expected {name} of at least 0; got {tensor.min().item():g}")
