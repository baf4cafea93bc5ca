"""Recorded starts: replayed as they were, nobody's points counted, an episode from each."""

import json

import numpy as np
import pytest
import torch
from fakes import CATCH, catch_experts, deal, untrained

from pdlearn import cli, envs
from pdlearn.checkpoints import save_agent
from pdlearn.evaluation import evaluate
from pdlearn.games import GAMES
from pdlearn.presets import EvalConfig
from pdlearn.starts import FOLDER, Start, Starts, digest, load_starts, play_from, save_starts
from pdlearn.starts.recorder import (
    PersistentRandom,
    card_of,
    random_play,
    record_starts,
    start_after,
    verify,
)
from pdlearn.tensor_files import CheckpointError, read_file, write_file

# --- playing on from them, on a tape whose reward at time t is t ---


def tape_start(env, length):
    """Return a start of `length` steps; on the tape a copy's number takes the seed's place."""
    stack = np.zeros((2, 2, 2), np.uint8)
    for t in range(length + 1):
        stack = np.concatenate([stack[1:], np.array([[[env, 0], [t + 1, 0]]], np.uint8)])
    return Start(env, np.zeros(length, np.uint8), digest(stack))


def tape_starts(*lengths):
    entries = tuple(tape_start(env, length) for env, length in enumerate(lengths))
    return Starts("tape", entries, {"actions": ["LEFT", "RIGHT"]})


@pytest.fixture
def tape(monkeypatch):
    """Return a function that lets `envs.make` give copies of a script; none stays open."""
    made = []

    def play(script):
        make, dealt = deal(script)
        made.append(dealt)
        monkeypatch.setattr(envs, "make", make)

    yield play
    assert all(dealt and all(env.closed for env in dealt) for dealt in made)


class Right:
    """Always the second action."""

    device = torch.device("cpu")

    def __call__(self, observation):
        return torch.ones(len(observation), dtype=torch.int64), torch.zeros(len(observation), 2)


def agent_of(game, actions):
    agent = catch_experts()[0]
    network = torch.nn.Linear(1, 1)
    network.forward = lambda observation: torch.zeros(len(observation), actions)
    return type(agent)(network, {**agent.card, "games": {game: []}})


def test_points_and_steps_before_the_hand_over_are_not_the_agents(tape):
    tape([[(6, "terminated", ())] + [(9, "terminated", ())] * 9] * 3)
    result = evaluate(agent_of("tape", 2), EvalConfig(num_envs=3), starts=tape_starts(0, 2, 5))
    assert result.scores == [1 + 2 + 3 + 4 + 5 + 6, 3 + 4 + 5 + 6, 6]
    assert result.lengths == [6, 4, 1]
    assert result.card()["protocol"].startswith("3 recorded starts,")


def test_the_recorded_actions_are_played_and_then_the_agents(tape):
    tape([[(6, "terminated", ())] * 9] * 2)
    starts = tape_starts(1, 3)
    play = play_from(starts, starts.entries, Right())
    actions = [next(play).action.tolist() for _ in range(5)]
    play.close()
    assert actions == [[0, 0], [1, 0], [1, 0], [1, 1], [1, 1]]


def test_each_start_is_played_once_and_scores_stand_in_the_starts_order(tape):
    # The second start's are short: the next ones must not be taken in place of the first's.
    tape({0: [(40, "truncated", ())] * 50, 1: [(4, "terminated", ())] * 50})
    starts = Starts("tape", tape_starts(1, 1).entries * 2, {"actions": ["LEFT", "RIGHT"]})
    result = evaluate(agent_of("tape", 2), EvalConfig(num_envs=2), starts=starts)
    assert result.lengths == [39, 3, 39, 3]
    assert result.starts == [0, 1, 2, 3] and result.emulator_seeds == [0, 1, 0, 1]
    assert result.truncated == 2


def test_another_picture_at_the_hand_over_is_refused(tape):
    tape([[(6, "terminated", ())] * 9] * 2)
    starts = tape_starts(1, 3)
    altered = (starts.entries[0], Start(7, starts.entries[1].actions, b"otherwise"))
    with pytest.raises(ValueError, match="start of seed 7 leads to another picture"):
        evaluate(agent_of("tape", 2), starts=Starts("tape", altered, starts.card))


def test_starts_of_another_game_or_of_other_actions_are_refused(tape):
    with pytest.raises(ValueError, match="starts of 'tape'; expected 'pong'"):
        evaluate(agent_of("pong", 6), starts=tape_starts(1))
    tape([[(6, "terminated", ())] * 9])
    with pytest.raises(ValueError, match="made for the actions UP, DOWN; tape has LEFT, RIGHT"):
        starts = Starts("tape", tape_starts(1).entries, {"actions": ["UP", "DOWN"]})
        evaluate(agent_of("tape", 2), starts=starts)


# --- recording them ---


def recorded(count=20, seed=0, num_envs=8):
    entries = tuple(record_starts(CATCH, count, seed, num_envs))
    return Starts(CATCH, entries, card_of(CATCH, random_play(seed)))


def same(one, other):
    facts = [
        [(start.seed, start.actions.tolist(), start.digest) for start in starts.entries]
        for starts in (one, other)
    ]
    return facts[0] == facts[1]


def test_the_same_seed_gives_the_same_starts_and_every_replay_leads_there():
    starts = recorded()
    assert same(starts, recorded()) and not same(starts, recorded(seed=1))
    verify(starts, num_envs=3)


def test_a_start_lies_in_the_first_fifth_of_its_episode():
    # Catch lasts 11 steps, and a fifth of it 2.
    lengths = [len(start.actions) for start in recorded(60).entries]
    assert set(lengths) == {0, 1, 2}


def test_an_episode_ends_where_the_game_does(tape):
    # A fifth of 9 steps is 1, and would be 2 if the step after the end were the episode's.
    tape([[(9, "terminated", ())] * 9, [(9, "truncated", ())] * 9] * 20)
    lengths = {len(start.actions) for start in record_starts("tape", 40, 0, num_envs=40)}
    assert lengths == {0, 1}


def test_starts_are_games_that_no_teacher_learns_from():
    residues = {start.seed % len(envs.PURPOSES) for start in recorded().entries}
    assert residues == {envs.PURPOSES.index("evaluate")}


def test_random_play_holds_its_actions_for_up_to_16_steps():
    policy = PersistentRandom(1, 1_000, np.random.default_rng(0))
    actions = [int(policy(torch.zeros(1, 1))[0]) for _ in range(2_000)]
    changes = np.flatnonzero(np.diff(actions)) + 1
    assert set(np.diff(changes)) == set(range(1, 17))


def test_no_starts_is_an_error():
    with pytest.raises(ValueError, match="number of starts in 1..100000; got 0"):
        next(record_starts(CATCH, 0, 0))


# --- files ---


def test_starts_come_back_from_a_file_as_they_were(tmp_path):
    starts = recorded()
    save_starts(tmp_path / "s.safetensors", starts)
    again = load_starts(tmp_path / "s.safetensors", CATCH)
    assert same(starts, again) and again.game == CATCH
    assert "persistent random" in again.card["made"]["by"]


def test_what_is_no_set_of_starts_is_refused_in_one_sentence(tmp_path):
    path = tmp_path / "s.safetensors"
    save_starts(path, recorded(3))
    with pytest.raises(CheckpointError, match="starts of 'pdlearn/Catch-v0'; expected 'pong'"):
        load_starts(path, "pong")
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(CheckpointError, match="checksum"):
        load_starts(path)
    with pytest.raises(CheckpointError, match="holds 'agent'; expected starts"):
        load_starts(FOLDER.parent / "zoo" / "pong" / "net3.safetensors")
    with pytest.raises(CheckpointError, match="did you mean 'qbert'"):
        load_starts("qbret")


def test_a_set_has_its_first_so_many():
    starts = recorded(5)
    assert starts.first(2).entries == starts.entries[:2]
    with pytest.raises(ValueError, match="expected episodes, one a start, in 1..5; got 6"):
        starts.first(6)


# --- what ships ---


def test_the_shipped_starts_are_small():
    assert sum(path.stat().st_size for path in FOLDER.glob("*.safetensors")) < 1_000_000


@pytest.mark.parametrize("game", sorted(GAMES))
def test_a_hundred_starts_ship_for_every_game_and_replay_as_they_were_recorded(game):
    starts = load_starts(game, game)
    assert len(starts) == len({start.seed for start in starts.entries}) == 100
    assert starts.card["actions"] == list(GAMES[game].actions)
    assert starts.card["preprocessing"] == envs.PREPROCESSING
    shortest = sorted(starts.entries, key=lambda start: len(start.actions))
    verify(Starts(game, tuple(shortest[5:9]), starts.card))


# --- from the shell ---


def test_starts_are_made_and_evaluated_from_by_command(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PDLEARN_QUIET", "1")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["starts", CATCH, "s.safetensors", "--count", "12"]) == 0
    assert "12 starts, the longest of 2 agent steps" in capsys.readouterr().out
    save_agent("a.safetensors", untrained())
    evaluation = ["evaluate", "a.safetensors", "--starts", "s.safetensors", "--json", "a.json"]
    assert cli.main([*evaluation, "--episodes", "5"]) == 0
    assert json.loads((tmp_path / "a.json").read_text())["episodes"] == 5
    assert cli.main(evaluation) == 0
    result = json.loads((tmp_path / "a.json").read_text())
    assert result["episodes"] == 12 and result["mean_steps"] < 11
    capsys.readouterr()
    assert cli.main([*evaluation, "--episodes", "13"]) == 2
    assert "in 1..12; got 13" in capsys.readouterr().err


def test_a_perfect_agent_is_perfect_from_every_start():
    expert = catch_experts()[0]
    expert.network.register_parameter("unused", torch.nn.Parameter(torch.zeros(1)))
    result = evaluate(expert, EvalConfig(epsilon=0.0, num_envs=6), starts=recorded())
    assert result.scores == [1.0] * 20
    assert result.lengths == [11 - len(start.actions) for start in recorded().entries]


def test_a_start_after_given_actions_is_where_they_lead():
    recorded = next(entry for entry in load_starts("pong").entries if len(entry.actions) > 20)
    again = start_after("pong", recorded.seed, recorded.actions.tolist())
    assert again.digest == recorded.digest
    other = start_after("pong", recorded.seed, recorded.actions.tolist()[:-1])
    assert other.digest != recorded.digest


def test_there_is_no_start_where_the_game_is_over():
    with pytest.raises(ValueError, match="this game is over; expected one that has not ended"):
        start_after(CATCH, 0, [0] * 40)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seeds": torch.tensor([-1, 0, 0])}, "expected seeds in 0..2147483647"),
        ({"seeds": torch.tensor([2**31, 0, 0])}, "expected seeds in"),
        ({"seeds": torch.zeros(3)}, "expected seeds as torch.int64"),
        ({"seeds": torch.zeros(0, dtype=torch.int64)}, "expected lengths as"),
        ({"lengths": torch.tensor([-1, 1, 2])}, "expected lengths in 0..27000 that add up"),
        ({"lengths": torch.tensor([10**6, 1, 2])}, "expected lengths in 0..27000 that add up"),
        ({"actions": torch.tensor([0, 250], dtype=torch.uint8)}, "in 0..2; got others|add up"),
        ({"digests": torch.zeros(3, 7, dtype=torch.uint8)}, "expected digests as"),
        ({"more": torch.zeros(1)}, "expected other tensors"),
    ],
)
def test_checksummed_tensors_that_no_starts_hold_are_refused(tmp_path, change, message):
    save_starts(tmp_path / "s.safetensors", recorded(3))
    tensors, card = read_file(tmp_path / "s.safetensors")
    write_file(tmp_path / "s.safetensors", tensors | change, card)
    with pytest.raises(CheckpointError, match=message):
        load_starts(tmp_path / "s.safetensors")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"game": "pong"}, "expected preprocessing of pong; got none"),
        ({"game": None}, "expected game as a line of text"),
        ({"actions": []}, "expected actions a length of at least 1"),
        ({"actions": [0, 1, 2]}, r"expected actions.0. as a line of text; got 0"),
        ({"preprocessing": 4}, "expected preprocessing as a mapping; got 4"),
        ({"made": {"seed": float("nan")}}, "finite number; got nan"),
        ({"more": 1}, "unknown entry 'more'"),
    ],
)
def test_checksummed_cards_that_no_starts_have_are_refused(tmp_path, change, message):
    save_starts(tmp_path / "s.safetensors", recorded(3))
    tensors, card = read_file(tmp_path / "s.safetensors")
    write_file(tmp_path / "s.safetensors", tensors, card | change)
    with pytest.raises(CheckpointError, match=message):
        load_starts(tmp_path / "s.safetensors")


def test_no_starts_are_not_saved(tmp_path):
    with pytest.raises(ValueError, match="at least one start; got none"):
        save_starts(tmp_path / "s.safetensors", Starts(CATCH, (), recorded(3).card))
