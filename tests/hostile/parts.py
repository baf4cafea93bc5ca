"""The parts of the campaign on files and folders: wrong ones, and what is given them."""

import contextlib
import json
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from campaign import Began, Case
from checksummed import damaged, write_checksummed
from values import JSON, at, paths_of, put, same, without, wrong_tensors

from pdlearn import DQN, zoo
from pdlearn.checkpoints import load_whole, read_agent
from pdlearn.networks import MultiGameNetwork
from pdlearn.presets import DQN_BUDGETS
from pdlearn.replay.recordings import load_recording
from pdlearn.starts import FOLDER, load_starts
from pdlearn.tensor_files import read_file

GAME = "pdlearn/Catch-v0"
CONFIG = dict(agent_steps=24, num_envs=2, memory_steps=400, learn_start_steps=8, minibatch=4,
              n_step=1, size="net5", evaluation_period_steps=10**6)  # fmt: skip


class Guarded(DQN):
    """A run that tells that it began instead of training."""

    def rows(self) -> Any:
        raise Began("training")


def config(**changed: Any) -> Any:
    return type(DQN_BUDGETS["smoke"])(**{**CONFIG, **changed})


def trained(folder: Path) -> Path:
    """Leave a small run in `folder`."""
    list(DQN(GAME, config(), folder=folder, precision="float32"))
    return folder


def resume(folder: Path) -> Any:
    """Resume the run in `folder` up to its first step."""
    return list(Guarded(GAME, config(), folder=folder, resume=True))


class Files:
    """A sound file of each kind, and what reads it."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.made = 0
        run = trained(folder / "run")
        small = FOLDER / "freeway.safetensors"
        recording = zoo.FOLDER / "pong" / "play.rec"
        tensors, card = read_file(recording)
        self.read: dict[str, Any] = {
            "agent": lambda path: read_agent(path),
            "joint agent": load_whole,
            "recording": load_recording,
            "starts": load_starts,
            "state": self._resume,
        }
        self.contents = {
            "agent": read_file(run / "agent.safetensors"),
            "joint agent": _joint(),
            "recording": _shortened(tensors, card),
            "starts": read_file(small),
            "state": read_file(run / "state.safetensors"),
        }
        self.run = run

    def _resume(self, path: Path) -> Any:
        folder = self.folder / "resumed"
        folder.mkdir(exist_ok=True)
        (folder / "config.json").unlink(missing_ok=True)
        (folder / "state.safetensors").write_bytes(path.read_bytes())
        return resume(folder)

    def case(self, kind: str, name: str, tensors: dict, card: Any) -> Case:
        """Return a case of checksummed content; one in sixteen goes through a file on the disk.

        The others give the reader what reading the checksummed file would, which is much faster.
        """
        self.made += 1
        on_disk = kind == "state" or self.made % 16 == 0 or not isinstance(card, dict)

        def call() -> Any:
            path = self.folder / "checksummed.safetensors"
            if on_disk or not path.exists():
                write_checksummed(path, tensors, card)
            if on_disk:
                return self.read[kind](path)
            with contextlib.ExitStack() as patches:
                for place in ("checkpoints", "replay.recordings", "starts"):
                    patches.enter_context(
                        mock.patch(f"pdlearn.{place}.read_file", lambda _: (tensors, card))
                    )
                return self.read[kind](path)

        return Case(f"{kind}: {name}", call)


def _joint() -> tuple[dict, dict]:
    """Return a small network for two games, with a card like those of the shipped ones."""
    several = next(name for name in zoo.names() if name.startswith("multi"))
    card = dict(zoo.load_all_games(several).card)
    games = ["freeway", "pong"]
    card["games"] = {game: card["games"][game] for game in games}
    card["score"] = {game: card["score"][game] for game in games}
    card["made"] = card["made"] | {"games": games}
    card |= {"kind": "agent", "observation_shape": [2], "size": "multi3", "normalization": "none"}
    counts = {game: len(actions) for game, actions in card["games"].items()}
    network = MultiGameNetwork(counts, "multi3", (2,), normalization="none")
    return dict(network.state_dict()), card


def _shortened(tensors: dict, card: dict) -> tuple[dict, dict]:
    """Return the first block of each copy of a recording."""
    count, envs, slots = 64, card["num_envs"], card["slots"]
    blocks = -(-slots // count)
    sizes = tensors["block_bytes"]
    ends = sizes.cumsum(0)
    firsts = range(0, blocks * envs, blocks)
    frames = [tensors["frames"][ends[k] - sizes[k] : ends[k]] for k in firsts]
    rows = {k: tensors[k][: count * envs] for k in ("teacher_q", "action", "last", "age")}
    more = {"frames": torch.cat(frames), "block_bytes": sizes[list(firsts)]}
    return {**rows, **more}, card | {"slots": count}


# --- what a card may say without being wrong ---


def is_harmless(kind: str, card: dict, path: tuple, new: Any) -> bool:
    """Return whether a card with `new` at `path` is still a right one.

    A number within its range is only another fact, and free text says what it likes.
    """
    old, name = at(card, path), path[-1]
    if kind == "starts" and path[0] == "made" and len(path) > 1:  # what it likes, in finite JSON
        text = not isinstance(new, str) or new.isprintable()
        return text and new == new and new not in (float("inf"), float("-inf"))
    if isinstance(name, int) and isinstance(new, str) and 0 < len(new) <= 200:
        # Names of a user's game are compared when it is played, fingerprints when it is resumed.
        return new.isprintable() and (path[-2] == "teachers" or path[:2] == ("games", GAME))
    if (
        isinstance(new, dict)
        and path in (("made",), ("preprocessing",))
        and (kind == ("starts" if path == ("made",) else "agent"))
    ):
        return True  # of a user's game it is compared when it is played
    if new in ([], ["a", "a"]) and name == "teachers" or new == {} and name in ("config", "score"):
        return kind != "state"
    games = {"noop_max": 0, "fire_on_reset": True, "sticky_action_probability": 0.5}
    if kind == "recording" and path[0] == "preprocessing" and name in games and new == games[name]:
        return type(new) is type(games[name])  # a teacher of another library plays so
    if "preprocessing" in path and new == old:
        return not isinstance(new, bool)
    if old is None and name in OPTIONAL:
        return isinstance(new, int | float) and not isinstance(new, bool) and abs(new) < 1e309
    if isinstance(new, str):
        free = {"hardware", "commit", "legs", "protocol", "teacher", "by", "from", "ale_py"}
        return isinstance(old, str) and name in free and not (kind != "starts" and name == "by")
    if isinstance(new, bool) or isinstance(old, bool):
        return isinstance(new, bool) and isinstance(old, bool) and "preprocessing" not in path
    if new is None:
        inside = len(path) > 1 and path[0] in ("made", "score") and name not in ("by", "mean")
        return name in OPTIONAL or (inside and "config" not in path[1:-1] and len(path) < 4)
    if isinstance(new, int | float) and isinstance(old, int | float):
        return "preprocessing" not in path and name not in ("slots", "num_envs") or "config" in path
    return False


OPTIONAL = {
    "epsilon", "seed", "teacher", "actions", "preprocessing", "score", "chosen_by", "threads",
    "commit", "legs", "teachers", "student_seeds", "dqn", "best_evaluation", "samples", "episodes",
    "recorded_steps", "skipped_rounds", "precision", "learning_rate",
}  # fmt: skip


def bytes_of(files: Files, rng: np.random.Generator, count: int) -> Iterator[Case]:
    """Yield files with damaged bytes."""
    kinds = list(files.contents)
    sound = {}
    for kind in kinds:
        path = write_checksummed(files.folder / "sound.safetensors", *files.contents[kind])
        sound[kind] = path.read_bytes()
    for number in range(count):
        kind = kinds[number % len(kinds)]
        name, data = damaged(sound[kind], rng)
        if data == sound[kind]:
            continue

        def call(kind: str = kind, data: bytes = data) -> Any:
            path = files.folder / "damaged.safetensors"
            path.write_bytes(data)
            return files.read[kind](path)

        yield Case(f"{kind}: {name}", call)


def contents_of(files: Files, rng: np.random.Generator) -> Iterator[Case]:
    """Yield checksummed files whose card or tensors are wrong, each entry in turn."""
    for kind, (tensors, card) in files.contents.items():
        for number, path in enumerate(paths_of(card)):
            if kind == "state" and number % 3:
                continue  # a run is made for each, which takes long
            yield from (
                files.case(kind, f"{path} = {new!r:.40}", tensors, put(card, path, new))
                for new in JSON
                if not same(at(card, path), new) and not is_harmless(kind, card, path, new)
            )
            if (
                path[-1] not in OPTIONAL
                and path[0] != "score"
                and "config" not in path
                and "made" not in path[:-1]
                and (not isinstance(path[-1], int))
            ):
                yield files.case(kind, f"without {path}", tensors, without(card, path))
        for new in (*JSON, {**card, "more": 1}):
            yield files.case(kind, f"card {new!r:.40}", tensors, new)
        for name, tensor in tensors.items():
            if kind == "joint agent" and not name.endswith("bias"):
                continue  # alike, and large
            for what, wrong in wrong_tensors(tensor, rng, file=True):
                if kind.endswith("agent") and len(tensors) == 1:
                    continue
                if name == "teacher_q" and what == "with -inf":  # an action not available
                    continue
                yield files.case(kind, f"{name} {what}", {**tensors, name: wrong}, card)
            rest = {k: v for k, v in tensors.items() if k != name}
            yield files.case(kind, f"without {name}", rest, card)
            yield files.case(kind, f"{name} by another name", {**rest, "x" + name: tensor}, card)
    yield from _out_of_range(files)


def _out_of_range(files: Files) -> Iterator[Case]:
    """Yield tensors of the right types whose numbers are none that the file can hold."""
    recording, recording_card = files.contents["recording"]
    starts, starts_card = files.contents["starts"]
    for number in (6, 7, 200, 255):
        for row in (0, 17, -1):
            wrong = recording["action"].clone()
            wrong[row] = number
            yield files.case("recording", f"action {number}", {**recording, "action": wrong},
                             recording_card)  # fmt: skip
            age = recording["age"].clone()
            age[row] = number
            yield files.case("recording", f"age {number}", {**recording, "age": age},
                             recording_card)  # fmt: skip
    for name in ("seeds", "lengths"):
        for number in (-1, 2**31, 2**62, -(2**62)):
            wrong = starts[name].clone()
            wrong[3] = number
            yield files.case("starts", f"{name} {number}", {**starts, name: wrong}, starts_card)
    for number in (-1, 0, 2**40, 2**62):
        sizes = recording["block_bytes"].clone()
        sizes[1] = number
        yield files.case("recording", f"block of {number}", {**recording, "block_bytes": sizes},
                         recording_card)  # fmt: skip
    for slots in (1, 63, 65, 128, 10**6, 10**9):
        yield files.case(
            "recording", f"{slots} slots", recording, recording_card | {"slots": slots}
        )


def folders(files: Files, rng: np.random.Generator) -> Iterator[Case]:
    """Yield run folders whose files are not those of one run."""
    sound = json.loads((files.run / "config.json").read_text())
    state = (files.run / "state.safetensors").read_bytes()
    folder = files.folder / "folder"
    folder.mkdir(exist_ok=True)

    def case(name: str, text: str) -> Case:
        def call() -> Any:
            (folder / "state.safetensors").write_bytes(state)
            (folder / "config.json").write_bytes(text.encode("utf-8", "surrogatepass"))
            return resume(folder)

        return Case(f"config.json: {name}", call)

    for path in paths_of(sound):
        for new in JSON:
            if not same(at(sound, path), new) and new != at(sound, path):
                yield case(f"{path} = {new!r:.40}", json.dumps(put(sound, path, new)))
        if not isinstance(path[-1], int):
            yield case(f"without {path}", json.dumps(without(sound, path)))
    for text in ("", "{", "[]", "null", "3", "NaN", "[" * 100_000, "\0", '{"a": 1, "a": 2}'):
        yield case(f"{text!r:.30}", text)
    whole = json.dumps(sound)
    for end in rng.integers(1, len(whole) - 1, 20):
        yield case(f"torn at {end}", whole[:end])

    for changed in ({"size": "net4"}, {"optimizer": "rmsprop"}, {"normalization": "none"}):

        def other(changed: dict = changed) -> Any:
            (folder / "config.json").unlink(missing_ok=True)
            (folder / "state.safetensors").write_bytes(state)
            return list(Guarded(GAME, config(**changed), folder=folder, resume=True))

        yield Case(f"resumed with {changed}", other)
    for options in ({"seed": 1}, {"game": "CartPole-v1"}):

        def another(options: dict = options) -> Any:
            game = options.get("game", GAME)
            seed = options.get("seed", 0)
            return list(Guarded(game, config(), seed=seed, folder=folder, resume=True))

        yield Case(f"resumed as {options}", another)
    yield Case("a new run in the folder of another",
               lambda: list(Guarded(GAME, config(), folder=folder)))  # fmt: skip
    yield Case("no run", lambda: resume(files.folder / "nowhere"))
    for name in ("state.safetensors", "config.json", ".lock", "metrics.csv"):

        def special(name: str = name) -> Any:
            where = files.folder / f"fifo-{name}"
            where.mkdir(exist_ok=True)
            (where / "state.safetensors").write_bytes(state)
            (where / name).unlink(missing_ok=True)
            os.mkfifo(where / name)
            if name == "metrics.csv":
                from pdlearn.commands.bars import follow
                from pdlearn.progress import Bar

                run = DQN(GAME, config(agent_steps=48), folder=where, resume=True)
                return follow(run, Bar("", 1, ""), "agent_steps", (), again="")
            return resume(where)

        yield Case(f"{name} is a FIFO", special)


def shortened(cases: Iterator[Case], count: int | None, rng: np.random.Generator) -> list[Case]:
    """Return `count` of the cases, drawn at random; None means all of them."""
    listed = list(islice(cases, 200_000))
    if count is None or count >= len(listed):
        return listed
    return [listed[k] for k in sorted(rng.choice(len(listed), count, replace=False))]
