"""Checkpoints come back as they were or not at all, and never run what they hold."""

import errno
import io
import json
import math
import os
import pickle
import re
import struct
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from pdlearn.cards import current_card
from pdlearn.checkpoints import Agent, read_agent, save_agent
from pdlearn.envs import PREPROCESSING
from pdlearn.games import GAMES
from pdlearn.networks import MultiGameNetwork, QNetwork
from pdlearn.tensor_files import CheckpointError, read_file, write_file

SCORE = {
    "mean": 20.5, "low": 20.1, "high": 20.9, "episodes": 30, "epsilon": 0.05, "seed": 1,
    "mean_steps": 1700.0, "truncated": 0, "protocol": "no-op starts",
}  # fmt: skip


def agent(game="pong", seed=0, shape=(2,), **changes) -> Agent:
    """Return a small agent of a game, and its card."""
    actions = list(GAMES[game].actions)
    card = {
        "games": {game: actions},
        "size": "net3",
        "observation_shape": list(shape),
        "preprocessing": dict(PREPROCESSING),
        "made": {"by": "dqn", "seed": seed, "updates": 3},
        "score": {game: SCORE},
    }
    generator = torch.Generator().manual_seed(seed)
    made = Agent(QNetwork(len(actions), "net3", shape, generator), card)
    made.card.update(changes)  # an `Agent` refuses a card of another size
    return made


def saved(folder: Path, **changes) -> Path:
    path = folder / "agent.safetensors"
    save_agent(path, agent(**changes))
    return path


def checksummed(folder: Path, mine: Agent) -> Path:
    """Write an agent as another program might: unchecked, and with a right checksum."""
    write_file(folder / "checksummed", mine.network.state_dict(), {"kind": "agent", **mine.card})
    return folder / "checksummed"


def refusal(path, **wanted) -> str:
    """Return the sentence with which a file is refused; fail if it is not."""
    with pytest.raises(CheckpointError) as raised:
        read_agent(path, **wanted)
    return str(raised.value)


# --- there and back ---


def test_float32_weights_come_back_exactly(tmp_path):
    weights = read_agent(saved(tmp_path)).network.state_dict()
    assert all(
        torch.equal(weights[key], value) for key, value in agent().network.state_dict().items()
    )


def test_float16_weights_come_back_rounded_once(tmp_path):
    save_agent(tmp_path / "half", agent(), torch.float16)
    weights = read_agent(tmp_path / "half").network.state_dict()
    expected = {key: value.half().float() for key, value in agent().network.state_dict().items()}
    assert all(torch.equal(weights[key], value) for key, value in expected.items())


def test_a_weight_too_large_for_float16_is_refused_and_nothing_is_written(tmp_path):
    mine = agent()
    mine.network.out.weight.data[0, 0] = -70_000
    with pytest.raises(ValueError, match="out.weight holds 70000; .*float16, at most 65504"):
        save_agent(tmp_path / "half", mine, torch.float16)
    assert not (tmp_path / "half").exists()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_weights_that_are_not_finite_are_neither_saved_nor_loaded(tmp_path, value):
    saved(tmp_path)
    before = (tmp_path / "agent.safetensors").read_bytes()
    mine = agent()
    mine.network.out.weight.data[0, 0] = value
    with pytest.raises(ValueError, match="out.weight holds .*; expected finite weights"):
        save_agent(tmp_path / "agent.safetensors", mine)
    assert (tmp_path / "agent.safetensors").read_bytes() == before
    path = checksummed(tmp_path, mine)
    assert "expected finite numbers in out.weight; got others" in refusal(path)


@pytest.mark.parametrize("dtype", [torch.int32, torch.bool, torch.uint8, torch.int64])
def test_weights_that_are_no_floating_point_numbers_are_refused(tmp_path, dtype):
    mine = agent()
    weights = {k: tensor.to(dtype) for k, tensor in mine.network.state_dict().items()}
    write_file(tmp_path / "agent", weights, {"kind": "agent", **mine.card})
    assert "expected floating point weights; got" in refusal(tmp_path / "agent")


@pytest.mark.parametrize("prefix", ["_orig_mod.", "module.", "module._orig_mod."])
def test_weights_saved_from_a_compiled_or_a_parallel_network_load(tmp_path, prefix):
    mine = agent()
    weights = {prefix + name: tensor for name, tensor in mine.network.state_dict().items()}
    write_file(tmp_path / "agent", weights, {"kind": "agent", **mine.card})
    assert torch.equal(read_agent(tmp_path / "agent").network.out.weight, mine.network.out.weight)
    compiled = torch.compile(mine.network)
    save_agent(tmp_path / "compiled", Agent(compiled, mine.card))
    assert read_file(tmp_path / "compiled")[0].keys() == mine.network.state_dict().keys()


def test_a_weight_that_is_there_with_and_without_a_prefix_is_refused(tmp_path):
    weights = agent().network.state_dict()
    weights["module.out.bias"] = weights["out.bias"] + 1
    write_file(tmp_path / "agent", weights, {"kind": "agent", **agent().card})
    assert "card and weights differ (got out.bias twice)" in refusal(tmp_path / "agent")


def test_float16_weights_come_back_as_float32(tmp_path):
    save_agent(tmp_path / "half", agent(), torch.float16)
    network = read_agent(tmp_path / "half").network
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}


def test_float16_takes_half_the_room(tmp_path):
    save_agent(tmp_path / "whole", agent(shape=(4, 84, 84)))
    save_agent(tmp_path / "half", agent(shape=(4, 84, 84)), torch.float16)
    sizes = [(tmp_path / name).stat().st_size for name in ("half", "whole")]
    assert sizes[0] / sizes[1] == pytest.approx(0.5, abs=0.01)


def test_saving_as_float16_leaves_the_agent_in_float32(tmp_path):
    mine = agent()
    save_agent(tmp_path / "half", mine, torch.float16)
    assert mine.network.out.weight.dtype == torch.float32


def test_the_card_comes_back_as_it_was(tmp_path):
    assert read_agent(saved(tmp_path)).card == agent().card


def test_the_game_is_the_one_on_the_card(tmp_path):
    assert read_agent(saved(tmp_path, game="freeway")).game == "freeway"


def test_a_pixel_agent_answers_as_before(tmp_path):
    shape = (4, 84, 84)
    generator = torch.Generator().manual_seed(1)
    frames = torch.randint(256, (2, *shape), dtype=torch.uint8, generator=generator)
    loaded = read_agent(saved(tmp_path, shape=shape))
    assert torch.equal(loaded.network(frames), agent(shape=shape).network(frames))


def test_a_loaded_network_asks_for_no_gradients(tmp_path):
    network = read_agent(saved(tmp_path)).network
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_any_tensors_come_back_with_their_dtypes(tmp_path):
    tensors = {
        "bytes": torch.arange(256, dtype=torch.uint8),
        "counts": torch.tensor(7),
        "flags": torch.tensor([True, False]),
        "nothing": torch.zeros(0, 3),
        "brief": torch.ones(3, dtype=torch.bfloat16),
        "transposed": torch.arange(6.0).reshape(2, 3).T,
    }
    write_file(tmp_path / "file", tensors, {"kind": "test"})
    read, _ = read_file(tmp_path / "file")
    assert {key: (value.dtype, value.tolist()) for key, value in read.items()} == {
        key: (value.dtype, value.tolist()) for key, value in tensors.items()
    }


def test_the_same_agent_gives_the_same_file(tmp_path):
    first = saved(tmp_path).read_bytes()
    assert saved(tmp_path).read_bytes() == first


def test_an_agent_is_one_file(tmp_path):
    path = saved(tmp_path)
    assert list(tmp_path.iterdir()) == [path]


def test_folders_on_the_way_are_made(tmp_path):
    assert read_agent(saved(tmp_path / "a" / "b")).game == "pong"


# --- a file is the old one or the new one ---


def full_disk(*args):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("where", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_file_whole(tmp_path, monkeypatch, where):
    path = saved(tmp_path, seed=1)
    before = path.read_bytes()
    monkeypatch.setattr(os, where, full_disk)
    with pytest.raises(OSError, match="No space left"):
        saved(tmp_path, seed=2)
    assert path.read_bytes() == before


@pytest.mark.parametrize("where", ["fsync", "replace"])
def test_a_failed_write_leaves_no_part_behind(tmp_path, monkeypatch, where):
    monkeypatch.setattr(os, where, full_disk)
    with pytest.raises(OSError, match="No space left"):
        saved(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_card_that_cannot_be_written_leaves_the_old_file_whole(tmp_path):
    path = saved(tmp_path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="expected score as a mapping; got array"):
        saved(tmp_path, score=np.array([20.5]))
    assert path.read_bytes() == before


def test_a_file_is_whole_and_on_the_disk_before_it_takes_its_name(tmp_path, monkeypatch):
    tape = []
    fsync, replace = os.fsync, os.replace

    def record_fsync(descriptor):
        tape.append("fsync")
        fsync(descriptor)

    def record_replace(source, destination):
        tape.append(("replace", read_agent(source).game, Path(destination).name))
        replace(source, destination)

    monkeypatch.setattr(os, "fsync", record_fsync)
    monkeypatch.setattr(os, "replace", record_replace)
    saved(tmp_path)
    # The folder follows, so that the new name is on the disk too.
    assert tape == ["fsync", ("replace", "pong", "agent.safetensors"), "fsync"]


# --- damage ---


def damage(data: bytes, rng: np.random.Generator) -> tuple[str, bytes]:
    """Return a kind of damage and the bytes after it; half of it strikes the header."""
    header = 8 + struct.unpack("<Q", data[:8])[0]
    at = int(rng.integers(header if rng.random() < 0.5 else len(data)))
    few = int(rng.integers(1, 65))
    noise = rng.bytes(few)
    kinds = {
        "flipped bit": lambda: data[:at] + bytes([data[at] ^ 1 << few % 8]) + data[at + 1 :],
        "changed byte": lambda: data[:at] + noise[:1] + data[at + 1 :],
        "truncation": lambda: data[:at],
        "insertion": lambda: data[:at] + noise + data[at:],
        "zeroed range": lambda: data[:at] + bytes(len(data[at : at + few])) + data[at + few :],
        "appended bytes": lambda: data + noise,
    }
    kind = str(rng.choice(list(kinds)))
    return kind, kinds[kind]()


@pytest.mark.parametrize("part", range(5))
def test_five_hundred_damaged_files_are_each_refused_in_one_line(tmp_path, part):
    rng = np.random.default_rng([7, part])
    path = tmp_path / "agent.safetensors"
    save_agent(path, agent(game="freeway"), torch.float16)
    data = path.read_bytes()
    unseen, done = [], 0
    while done < 100:
        kind, damaged = damage(data, rng)
        if damaged == data:
            continue
        done += 1
        path.write_bytes(damaged)
        try:
            read_agent(path)
            unseen.append((kind, "was loaded"))
        except CheckpointError as error:
            if "\n" in str(error) or not str(error).startswith(f"{path}: "):
                unseen.append((kind, str(error)))
        except Exception as error:
            unseen.append((kind, repr(error)))
    assert unseen == []


def test_the_damage_is_of_every_kind():
    rng = np.random.default_rng(7)
    data = struct.pack("<Q", 64) + bytes(range(1, 200))
    assert len({damage(data, rng)[0] for _ in range(100)}) == 6


def test_one_changed_digit_on_the_card_is_seen(tmp_path):
    path = saved(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"20.5", b"20.6"))
    assert "checksum" in refusal(path)


def test_one_changed_weight_is_seen(tmp_path):
    path = saved(tmp_path)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert "checksum" in refusal(path)


def small(path: Path) -> bytes:
    """Write a file of a few tensors with padding in its header; return its bytes."""
    tensors = {"half": torch.ones(3, dtype=torch.float16), "count": torch.tensor([7, 8])}
    write_file(path, tensors, {"kind": "λ", "rate": 1.5e-05, "score": 0.30000000000000004})
    return path.read_bytes()


def header_of(data: bytes) -> bytes:
    return data[8 : 8 + struct.unpack("<Q", data[:8])[0]]


@pytest.mark.parametrize("mask", [1, 2, 4, 8, 16, 32, 64, 128, 3, 255])
def test_a_change_of_any_byte_of_a_small_file_is_found(tmp_path, mask):
    path = tmp_path / "small"
    data = small(path)
    for at in range(len(data)):
        path.write_bytes(data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :])
        with pytest.raises(CheckpointError):
            read_file(path)


def test_any_other_byte_in_the_padding_of_the_header_is_found(tmp_path):
    path = tmp_path / "small"
    data = small(path)
    end = 8 + len(header_of(data))
    padding = range(8 + len(header_of(data).rstrip(b" ")), end)
    assert padding
    for at in padding:
        for byte in set(range(256)) - {ord(" ")}:
            path.write_bytes(data[:at] + bytes([byte]) + data[at + 1 :])
            with pytest.raises(CheckpointError):
                read_file(path)


def test_a_file_that_another_release_of_safetensors_lays_out_is_read(tmp_path):
    path = tmp_path / "small"
    data = small(path)
    header = json.loads(header_of(data))
    longer = json.dumps(dict(reversed(header.items()))).encode() + b" " * 64
    body = data[8 + len(header_of(data)) :]
    tensors, card = read_file(path)
    path.write_bytes(struct.pack("<Q", len(longer)) + longer + body)
    again, same = read_file(path)
    assert same == card
    assert {k: v.tolist() for k, v in again.items()} == {k: v.tolist() for k, v in tensors.items()}


# --- other files ---


def of_header(header: str) -> bytes:
    return struct.pack("<Q", len(header)) + header.encode()


FOREIGN = {
    "empty": b"",
    "text": b"a few words that are no checkpoint",
    "pickle": pickle.dumps({"model": [1, 2, 3]}),
    "endless header": struct.pack("<Q", 2**63) + b"{}",
    "header without tensors": of_header("{}"),
    "header with null metadata": of_header('{"__metadata__":null}'),
    "safetensors without a card": safetensors.torch.save({"a": torch.zeros(3)}),
    "safetensors of torch": safetensors.torch.save({"a": torch.zeros(3)}, {"format": "pt"}),
    "card that is no JSON": safetensors.torch.save({"a": torch.zeros(3)}, {"pdlearn": "{"}),
    "card that is a list": safetensors.torch.save({"a": torch.zeros(3)}, {"pdlearn": "[1]"}),
    "card of another format": safetensors.torch.save(
        {"a": torch.zeros(3)}, {"pdlearn": '{"format":"pdlearn/2","sha256":"","card":{}}'}
    ),
}


@pytest.mark.parametrize("content", FOREIGN)
def test_a_foreign_file_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / "agent.safetensors"
    path.write_bytes(FOREIGN[content])
    message = refusal(path)
    assert message.startswith(f"{path}: ") and "\n" not in message


def test_a_file_of_torch_save_is_refused(tmp_path):
    torch.save(agent().network.state_dict(), tmp_path / "agent.pt")
    assert "not a whole safetensors file" in refusal(tmp_path / "agent.pt")


def test_a_safetensors_file_without_a_card_is_told_apart_from_a_damaged_one(tmp_path):
    path = tmp_path / "agent.safetensors"
    path.write_bytes(FOREIGN["safetensors of torch"])
    assert "without a pdlearn card" in refusal(path)


def test_a_file_of_another_format_is_refused_with_both_formats(tmp_path):
    path = tmp_path / "agent.safetensors"
    path.write_bytes(FOREIGN["card of another format"])
    assert "written in format 'pdlearn/2'; expected 'pdlearn/1'" in refusal(path)


def test_a_directory_is_refused(tmp_path):
    assert "expected a file; got a folder" in refusal(tmp_path)


def test_a_name_with_a_zero_byte_is_refused(tmp_path):
    assert "got a zero byte in it" in refusal(tmp_path / "a\0b")


def test_a_missing_file_is_refused_with_its_path(tmp_path):
    path = tmp_path / "nothing.safetensors"
    assert refusal(path) == f"{path}: cannot be read (No such file or directory)"


# --- the right file for what was asked ---


def test_a_file_of_the_game_that_was_asked_for_is_loaded(tmp_path):
    assert read_agent(saved(tmp_path), game="pong").game == "pong"


def test_a_file_of_another_game_is_refused_with_both_names(tmp_path):
    # Pong and Space Invaders both have six actions, so the weights would fit.
    message = refusal(saved(tmp_path, game="pong"), game="space_invaders")
    assert "plays 'pong'; expected 'space_invaders'" in message


def test_one_games_file_copied_to_anothers_name_is_refused(tmp_path):
    pong = saved(tmp_path)
    copy = tmp_path / "space_invaders.safetensors"
    copy.write_bytes(pong.read_bytes())
    assert "plays 'pong'" in refusal(copy, game="space_invaders")


def entry_of(path: Path) -> dict:
    """Return the metadata of a safetensors file: the card with its checksum."""
    data = path.read_bytes()
    return json.loads(data[8 : 8 + struct.unpack("<Q", data[:8])[0]])["__metadata__"]


def test_one_games_weights_under_anothers_card_are_refused(tmp_path):
    invaders = entry_of(saved(tmp_path, game="space_invaders", seed=1))
    path = saved(tmp_path, game="pong")
    path.write_bytes(safetensors.torch.save(read_file(path)[0], invaders))
    assert "checksum" in refusal(path, game="space_invaders")


@pytest.mark.parametrize(
    "changes",
    [
        {"size": "net2"},
        {"size": "net4"},
        {"observation_shape": [4, 84, 84]},
        {"observation_shape": [3]},
        {"observation_shape": [3, 84, 84]},
    ],
    ids=str,
)
def test_weights_that_do_not_fit_their_card_are_refused_in_one_line(tmp_path, changes):
    message = refusal(checksummed(tmp_path, agent(**changes)))
    assert "card and weights differ" in message and "\n" not in message


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"games": {"pong": 6}}, "expected games as a list; got 6"),
        ({"games": {"pong": ["NOOP", "FIRE"]}}, "made for the actions NOOP, FIRE; pong has NOOP"),
        ({"games": {"pong": list(GAMES["pong"].actions)[::-1]}}, "made for the actions LEFTFIRE"),
        ({"games": {"pnog": ["NOOP"]}}, "did you mean 'pong'"),
        ({"size": None}, "expected size as a line of text; got None"),
        ({"size": ["net3"]}, "expected size as a line of text; got ['net3']"),
        ({"size": "net9"}, "unknown size 'net9'"),
        ({"observation_shape": 2}, "expected observation_shape as a list; got 2"),
        ({"observation_shape": [10**9]}, "expected observation_shape[0] in 1..65536"),
        ({"preprocessing": PREPROCESSING | {"frame_skip": 1}}, "'frame_skip' 1; expected 4"),
        ({"preprocessing": None}, "expected preprocessing as a mapping; got None"),
        ({"normalization": "batch"}, "expected normalization as 'none' or 'layer'; got 'batch'"),
        ({"made": {"by": "me"}}, "expected made.by as 'dqn'"),
        ({"made": {"by": "dqn", "updates": -1}}, "expected made.updates of at least 0; got -1"),
        ({"made": {"by": "dqn", "seconds": math.nan}}, "expected made.seconds as a finite number"),
        ({"made": {"by": "dqn", "config": {"n_step": 0}}}, "expected config.n_step in 1..1000"),
        ({"made": {"by": "dqn", "config": {"loss": "kl"}}}, "unknown entry 'loss' in config"),
        ({"made": {"by": "dqn", "games": ["qbert"]}}, "made for qbert; plays pong"),
        ({"score": {"pong": {"mean": 9, "low": 10}}}, "expected low <= mean <= high; got 10.0, 9"),
        ({"score": {"qbert": {"mean": 9}}}, "expected scores of its games; got ['qbert']"),
        ({"unheard_of": 1}, "unknown entry 'unheard_of'"),
    ],
    ids=str,
)
def test_a_card_that_makes_no_sense_is_neither_read_nor_written(tmp_path, changes, sentence):
    message = refusal(checksummed(tmp_path, agent(**changes)))
    assert sentence in message and "\n" not in message
    with pytest.raises(ValueError, match=re.escape(sentence)):
        saved(tmp_path, **changes)


@pytest.mark.parametrize("missing", ["games", "size", "observation_shape", "preprocessing", "made"])
@pytest.mark.parametrize("game", [None, "pong"])
def test_a_card_with_an_entry_missing_is_refused(tmp_path, missing, game):
    mine = agent()
    del mine.card[missing]
    assert f"expected an entry {missing}; it is missing" in refusal(
        checksummed(tmp_path, mine), game=game
    )


@pytest.mark.parametrize("card", [[1, 2], None], ids=str)
def test_a_card_that_is_no_card_is_refused(tmp_path, card):
    write_file(tmp_path / "state", agent().network.state_dict(), card)
    assert "its card is damaged" in refusal(tmp_path / "state")


@pytest.mark.parametrize("card", [{"kind": "dqn"}, {}], ids=str)
def test_a_file_that_holds_no_agent_is_refused(tmp_path, card):
    write_file(tmp_path / "state", agent().network.state_dict(), card)
    assert "expected an agent" in refusal(tmp_path / "state")


@pytest.mark.parametrize("change", ["missing", "unknown"])
def test_weights_with_other_names_are_refused(tmp_path, change):
    weights = agent().network.state_dict()
    weights["bias.of.nothing"] = torch.zeros(1)
    if change == "missing":
        weights = {key: value for key, value in weights.items() if "bias" not in key}
    write_file(tmp_path / "agent", weights, {"kind": "agent", **agent().card})
    assert "card and weights differ" in refusal(tmp_path / "agent")


# --- older cards ---


def test_an_older_card_of_one_game_is_read_in_the_current_form(tmp_path):
    mine = agent()
    card = {key: value for key, value in mine.card.items() if key not in ("games", "score")}
    older = card | {
        "kind": "agent",
        "game": "pong",
        "actions": list(GAMES["pong"].actions),
        "made": {"by": "online", "game": "pong", "teacher": "da9f", "config": {"teacher": {}}},
        "score": {"mean": 20.5},
        "chosen_by": {"mean": 21.0},
    }
    write_file(tmp_path / "agent", mine.network.state_dict(), older)
    read = read_agent(tmp_path / "agent")
    assert read.card == card | {
        "games": {"pong": list(GAMES["pong"].actions)},
        "made": {
            "by": "online",
            "games": ["pong"],
            "teachers": ["da9f"],
            "config": {"teacher": {}},
        },
        "score": {"pong": {"mean": 20.5}},
        "chosen_by": {"pong": {"mean": 21.0}},
    }
    assert read.game == "pong" and read.score == {"mean": 20.5}


def test_a_card_in_the_current_form_stays_as_it_is():
    assert current_card(agent().card) == agent().card
    assert current_card(for_several().card) == for_several().card


# --- several games in one file ---


def for_several(**changes) -> Agent:
    games = {game: list(GAMES[game].actions) for game in ("freeway", "pong")}
    card = {
        "games": games,
        "size": "multi3",
        "observation_shape": [2],
        "preprocessing": dict(PREPROCESSING),
        "made": {"by": "dqn"},
        "score": {"freeway": {"mean": 30.5}},
    }
    generator = torch.Generator().manual_seed(0)
    counts = {game: len(actions) for game, actions in games.items()}
    made = Agent(MultiGameNetwork(counts, "multi3", (2,), generator), card)
    made.card.update(changes)
    return made


def saved_for_several(folder: Path, **changes) -> Path:
    save_agent(folder / "several", for_several(**changes))
    return folder / "several"


@pytest.mark.parametrize("game", ["freeway", "pong"])
def test_one_game_of_a_file_for_several_answers_as_before(tmp_path, game):
    observation = torch.tensor([[1.0, -2.0]])
    loaded = read_agent(saved_for_several(tmp_path), game)
    expected = for_several().network.for_game(game)(observation)
    assert loaded.game == game
    assert torch.equal(loaded.network(observation), expected)


def test_the_card_of_one_game_is_that_of_an_agent_for_it_alone(tmp_path):
    card = read_agent(saved_for_several(tmp_path), "pong").card
    assert card == {
        "games": {"pong": list(GAMES["pong"].actions)},
        "size": "multi3",
        "observation_shape": [2],
        "preprocessing": dict(PREPROCESSING),
        "made": {"by": "dqn"},
        "score": {},
    }


def test_a_loaded_network_for_several_games_asks_for_no_gradients(tmp_path):
    network = read_agent(saved_for_several(tmp_path), "pong").network
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_a_file_for_several_games_asks_which(tmp_path):
    path = saved_for_several(tmp_path)
    assert refusal(path) == (
        f"{path}: plays several games and none was named; expected one of freeway, pong"
    )


def test_a_game_that_a_file_for_several_does_not_hold_is_refused_with_those_it_does(tmp_path):
    path = saved_for_several(tmp_path)
    assert refusal(path, game="qbert") == f"{path}: plays 'freeway', 'pong'; expected 'qbert'"


@pytest.mark.parametrize(
    "changes",
    [
        {"games": {"freeway": ["NOOP"], "pong": ["NOOP"]}},
        {"games": {"freeway": ["NOOP", "UP", "DOWN"]}},
        {"games": {"pong": 6, "freeway": 3}},
        {"games": {}},
        {"size": "net3"},
        {"size": "multi10"},
        {"games": ["freeway", "pong"]},
    ],
    ids=str,
)
def test_a_card_for_several_games_that_does_not_fit_is_refused(tmp_path, changes):
    message = refusal(checksummed(tmp_path, for_several(**changes)), game="pong")
    assert re.search(
        "card and weights|made for the actions|expected games|is for (one|several)", message
    )
    assert "\n" not in message


def test_an_agent_for_several_games_is_asked_for_one_before_it_plays():
    with pytest.raises(ValueError, match="none was named; expected one of freeway, pong"):
        _ = for_several().game


def test_an_agent_for_one_game_is_its_own_part():
    mine = agent()
    assert mine.games == ("pong",) and mine.for_game("pong") is mine
    with pytest.raises(CheckpointError, match="plays 'pong'; expected 'qbert'"):
        mine.for_game("qbert")


def test_the_part_for_one_game_is_not_saved_as_if_it_were_the_whole(tmp_path):
    with pytest.raises(ValueError, match="expected a whole network to save"):
        save_agent(tmp_path / "part", for_several().for_game("pong"))
    assert list(tmp_path.iterdir()) == []


# --- nothing is unpickled ---


class Trap:
    """Make a folder when unpickled."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def trapped(kind: str, folder: Path) -> bytes:
    if kind == "pickle":
        return pickle.dumps(Trap(folder))
    buffer = io.BytesIO()
    torch.save(Trap(folder), buffer)
    return buffer.getvalue()


def test_loading_an_agent_unpickles_nothing(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("something was unpickled")

    path = saved(tmp_path)
    for module, name in (
        (pickle, "load"),
        (pickle, "loads"),
        (pickle, "Unpickler"),
        (torch, "load"),
    ):
        monkeypatch.setattr(module, name, refuse)
    assert read_agent(path).game == "pong"


def test_the_trap_works(tmp_path):
    pickle.loads(trapped("pickle", tmp_path / "sprung"))
    assert (tmp_path / "sprung").exists()


@pytest.mark.parametrize("kind", ["pickle", "torch"])
def test_a_file_with_code_in_it_is_refused(tmp_path, kind):
    path = tmp_path / "agent"
    path.write_bytes(trapped(kind, tmp_path / "sprung"))
    assert "not a whole safetensors file" in refusal(path)


@pytest.mark.parametrize("kind", ["pickle", "torch"])
def test_a_file_with_code_in_it_does_not_run_it(tmp_path, kind):
    path = tmp_path / "agent"
    path.write_bytes(trapped(kind, tmp_path / "sprung"))
    try:
        read_agent(path)
    except Exception:
        pass
    assert not (tmp_path / "sprung").exists()


def test_a_card_of_a_network_of_another_size_is_refused():
    with pytest.raises(ValueError, match="size 'net5' and the card of size 'net3'.*with_network"):
        Agent(QNetwork(6, "net5", (2,)), agent().card)


def test_another_network_plays_the_same_game_and_claims_no_score():
    mine = agent()
    other = mine.with_network(QNetwork(6, "net5", (2,)), "logits")
    assert mine.outputs == "q" and other.outputs == "logits"
    assert other.actions == mine.actions and other.card["size"] == "net5"
    assert other.card["preprocessing"] == mine.card["preprocessing"]
    assert other.score == {} and "made" not in other.card
    with pytest.raises(ValueError, match="'q' or 'logits'; got 'values'"):
        mine.with_network(other.network, "values")


def test_an_agent_with_another_network_is_not_saved(tmp_path):
    other = agent().with_network(QNetwork(6, "net5", (2,)), "logits")
    with pytest.raises(CheckpointError, match="made; it is missing"):
        save_agent(tmp_path / "agent", other)
    assert not (tmp_path / "agent").exists()
