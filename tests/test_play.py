"""Play without a browser: the emulator on demand, the match of a person and an agent."""

import os
import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from fakes import make_agent
from shown import STUDENT, TEACHER

from pdlearn import envs
from pdlearn.checkpoints import Agent
from pdlearn.interop.profiles import PROFILES
from pdlearn.replay.recordings import load_recording
from pdlearn.rollout import Scripted
from pdlearn.starts import load_starts, play_from
from pdlearn.web.clips import record_clip
from pdlearn.widgets import play
from pdlearn.widgets.match import Match

RIGHT, LEFT = 2, 3


def new_match(agent=TEACHER, seed=3) -> Match:
    match = Match(agent, epsilon=0.0)
    match.new_game(seed)
    return match


def test_an_agent_sees_and_does_in_a_match_what_it_does_anywhere_else():
    clip = record_clip("clip", TEACHER, epsilon=0.0, seed=3, agent_steps=40)
    match = new_match()
    for t in range(40):
        for game in (match.own, match.rival):
            assert np.abs(game.observation.astype(int) - clip.observations[t]).max() <= 1
            shown = match.colours.palette[game.screen()]
            np.testing.assert_array_equal(shown, clip.palette[clip.frames[t]])
        assert match.rival_action == clip.actions[t]
        match.advance(None, 4)
    np.testing.assert_array_equal([kept.action for kept in match.kept], clip.actions)


@pytest.mark.parametrize("name", ["sb3", "atari-agents"])
def test_a_foreign_agents_match_is_under_its_own_preprocessing(name):
    agent = foreign(PROFILES[name])
    clip = record_clip("clip", agent, epsilon=0.0, seed=3, agent_steps=120)
    match = new_match(agent)
    for t in range(len(clip.frames)):
        for game in (match.own, match.rival):
            np.testing.assert_array_equal(game.observation, clip.observations[t])
            assert game.score == clip.scores[t]
            screen = game.screen()
            shown = match.colours.palette[screen]
            np.testing.assert_array_equal(shown, clip.palette[clip.frames[t]])
        assert match.rival_action == clip.actions[t]
        match.advance(None, 4)
    for save in (match.save_start, match.save_demonstrations):
        with pytest.raises(ValueError, match="saved under pdlearn's own preprocessing; this one"):
            save("nowhere")


def test_the_widget_takes_a_foreign_agent_and_plays_under_its_preprocessing():
    agent = foreign(PROFILES["sb3"])
    widget = play("breakout", agent, seed=3)
    clip = record_clip("clip", agent, epsilon=0.0, seed=3, agent_steps=1)
    np.testing.assert_array_equal(widget.match.own.observation, clip.observations[0])
    assert widget.data["actions"] == list(agent.actions)
    widget.close()


def foreign(profile, game="breakout") -> Agent:
    agent = make_agent(4, game)
    seen = {"preprocessing": profile.card(), "observation_shape": [4, 84, 84]}
    return Agent(agent.network, agent.card | seen)


def test_a_person_moves_frame_by_frame_while_the_agent_decides_every_fourth():
    match = new_match()
    decided = []
    network = match.agent.network
    watched = network.register_forward_hook(lambda *_: decided.append(match.frames))
    for _ in range(8):
        match.advance(RIGHT, 1)
    match.advance(LEFT, 2)
    watched.remove()
    assert match.own.frames == match.rival.frames == 10
    assert decided == [4, 8]
    assert [kept.action for kept in match.kept] == [RIGHT, RIGHT, LEFT]


def test_an_agent_in_a_match_leaves_processors_to_the_browser(monkeypatch):
    match, numbers = new_match(), []
    monkeypatch.setattr(torch, "get_num_threads", lambda: 6)
    monkeypatch.setattr(torch, "set_num_threads", numbers.append)
    match.advance(RIGHT, 4)
    assert numbers == [1, 6]


SPENT = """
import time
from shown import TEACHER
from pdlearn.widgets.match import Match
match = Match(TEACHER, 0.0)
match.new_game(0)
spent = []
for _ in range(5):
    match.advance(0, 4)
    before = time.process_time()
    time.sleep(0.1)
    spent.append(time.process_time() - before)
print(sorted(spent)[2])
"""


def test_a_match_uses_no_processor_between_its_steps():
    # Two threads, or there would be none to spin; processor time, whatever else this machine does.
    several = {f"{library}_NUM_THREADS": "2" for library in ("OMP", "OPENBLAS", "MKL")}
    here = {"PYTHONPATH": str(Path(__file__).parent)}
    command = [sys.executable, "-c", SPENT]
    out = subprocess.run(command, env=os.environ | several | here, capture_output=True, check=True)
    assert float(out.stdout) < 0.01


def test_the_agent_takes_over_and_hands_back_in_mid_game():
    match = new_match()
    for action in (RIGHT, None, None, LEFT):
        expected = match.agent_action if action is None else action
        match.advance(action, 4)
        assert match.action == expected
    assert [kept.by_person for kept in match.kept] == [True, False, False, True]


def test_a_saved_start_leads_the_environments_to_the_same_state(tmp_path):
    match = new_match()
    for t in range(30):
        match.advance((RIGHT, LEFT, 1)[t // 4 % 3], 4)
    match.save_start(tmp_path / "start.safetensors")
    starts = load_starts(tmp_path / "start.safetensors", "pong")
    (start,) = starts.entries
    assert start.seed == envs.env_seeds(3, "show", 1)[0] and len(start.actions) == 30
    assert starts.card["made"]["steps_by_person"] == 30
    play = play_from(starts, starts.entries, Scripted((), 6))
    step = next(islice(play, 30, None))
    play.close()
    assert np.abs(step.observation[0].numpy().astype(int) - match.own.observation).max() <= 1


def test_a_game_whose_actions_changed_within_a_step_is_no_start(tmp_path):
    match = new_match()
    match.advance(RIGHT, 2)
    match.advance(LEFT, 2)
    with pytest.raises(ValueError, match="expected 15 throughout"):
        match.save_start(tmp_path / "start.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_demonstrations_hold_what_was_seen_done_and_advised(tmp_path):
    match = new_match()
    seen, advised = [], []
    for t in range(12):
        seen.append(match.own.observation)
        advised.append(match.q[0])
        match.advance(RIGHT if t < 9 else None, 4)
    match.save_demonstrations(tmp_path / "play.rec")
    memory, card = load_recording(tmp_path / "play.rec", "pong")
    assert len(memory) == 12 and card["steps_by_person"] == 9
    slots = torch.arange(12)
    stacks = memory.observation(slots, torch.zeros(12, dtype=torch.int64))
    np.testing.assert_array_equal(stacks, np.stack(seen))
    torch.testing.assert_close(memory.teacher_q[:12], torch.stack(advised))
    assert memory.action[:9].tolist() == [RIGHT] * 9


def test_a_finished_games_demonstrations_end_with_its_last_observation(tmp_path):
    match = new_match()
    for _ in range(10):
        match.advance(RIGHT, 4)
    match.own.over = True
    match.save_demonstrations(tmp_path / "play.rec")
    memory, _ = load_recording(tmp_path / "play.rec")
    assert memory.last.tolist() == [False] * 10 + [True]


def test_logits_and_games_hardly_begun_are_no_demonstrations(tmp_path):
    for match, message in ((new_match(STUDENT), "puts out logits"), (new_match(), "at least 8")):
        with pytest.raises(ValueError, match=message):
            match.save_demonstrations(tmp_path / "play.rec")


@pytest.mark.parametrize(
    ("game", "keywords", "message"),
    [
        ("pongo", {}, "did you mean 'pong'"),
        ("pong", {"rate": 20}, "a rate of 15, 30, 60 a second; got 20"),
        ("qbert", {"against": TEACHER}, "the agent plays 'pong'; expected 'qbert'"),
    ],
)
def test_what_cannot_be_played_is_refused_in_a_sentence(game, keywords, message):
    with pytest.raises(ValueError, match=message):
        play(game, **keywords)


def test_an_agent_is_called_as_its_user_calls_it():
    ours = play("pong", STUDENT, name="ours")
    assert ours.data["name"] == "ours" and "yours and ours’s" in ours.data["label"]
    assert play("pong", STUDENT).data["name"] == STUDENT.card["size"]


# --- what the browser asks and is told ---


@pytest.fixture
def asked(tmp_path):
    """Return a function that asks a widget something and returns what it answers."""
    widget = play("pong", TEACHER, seed=3, folder=tmp_path)
    told = []
    widget.send = lambda message, buffers=None: told.append((message, buffers))

    def ask(**message):
        widget.answer(message)
        return told[-1]

    ask.match = widget.match
    return ask


def test_a_step_lasts_as_long_as_the_rate_says(asked):
    for rate, frames in ((15, 4), (30, 6), (60, 7)):
        message, _ = asked(t="step", rate=rate, action=RIGHT, view="a", asked=7)
        assert message["frames"] == frames and message["actions"][0] == RIGHT
        assert (message["view"], message["asked"]) == ("a", 7)


def test_a_new_game_is_from_another_start(asked):
    asked(t="step", rate=15, action=RIGHT)
    message, _ = asked(t="new")
    assert (message["seed"], message["frames"]) == (4, 0)


def test_saving_never_overwrites_and_says_where_or_why_not(asked, tmp_path):
    for _ in range(9):
        asked(t="step", rate=15, action=RIGHT)
    told = [asked(t="save", what=w)[0]["text"] for w in ("start", "start", "demonstrations")]
    names = ["pong-1.safetensors", "pong-2.safetensors", "pong-1.rec"]
    assert told == [f"Saved as {tmp_path / name}." for name in names]
    asked(t="step", rate=60, action=RIGHT)
    asked(t="step", rate=60, action=LEFT)
    assert asked(t="save", what="start")[0]["text"].startswith("Not saved: this game was played at")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)


class Shell:
    """Stands in for a kernel's shell; it says which cell runs."""

    def __init__(self):
        self.parent = {"header": {"msg_id": "0"}, "metadata": {}, "content": {"code": ""}}

    def get_parent(self):
        return self.parent

    def execute(self, cell, times):
        self.parent = {
            "header": {"msg_id": f"{cell}-{times}"},
            "metadata": {"cellId": cell},
            "content": {"code": "play('pong')"},
        }


def test_a_cell_that_runs_again_closes_the_games_it_made_before(monkeypatch):
    shell = Shell()
    monkeypatch.setattr("pdlearn.widgets.playing.get_ipython", lambda: shell)
    shell.execute("other", 1)
    kept = play("pong", TEACHER)
    shell.execute("cell", 1)
    first, second = play("pong", TEACHER), play("pong", TEACHER, seed=1)
    games = [first.match.own, second.match.rival]
    assert first.match is not None  # two of one execution stay
    shell.execute("cell", 2)
    third = play("pong", TEACHER)
    assert first.match is None and second.match is None
    for game in games:
        with pytest.raises(ValueError, match="no call after close"):
            game.reset(0, "show")
    assert kept.match is not None and third.match is not None
    for widget in (kept, third):
        widget.close()
