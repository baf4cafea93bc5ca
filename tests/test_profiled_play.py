"""A foreign teacher plays, is recorded and is evaluated under its own preprocessing."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from fakes import make_agent

from pdlearn import EvalConfig, Preprocessing, collect, evaluate, record_clip
from pdlearn.checkpoints import Agent
from pdlearn.evaluation import profile_of, start_list, starts_under
from pdlearn.interop.profiles import PROFILES
from pdlearn.networks import QNetwork
from pdlearn.replay.collecting import begin_recording, student_profile
from pdlearn.replay.compressed import CompressedMemory
from pdlearn.replay.memory import Memory
from pdlearn.replay.recordings import load_recording, save_recording
from pdlearn.starts import load_starts

OURS = Preprocessing()
SB3, CLEANRL = PROFILES["sb3"], PROFILES["cleanrl"]


def foreign(profile, game="breakout", seed=0) -> Agent:
    agent = make_agent(seed, game)
    return Agent(
        agent.network,
        agent.card | {"preprocessing": profile.card(), "observation_shape": [4, 84, 84]},
    )


def recorded(teacher, seen_as, count=400, kind=Memory):
    """Return a memory of a teacher's play, and the steps that it was filled from."""
    memory, play = begin_recording(
        teacher, 2, count, epsilon=0.3, generator=torch.Generator().manual_seed(0), seed=0,
        purpose="collect", seen_as=seen_as, kind=kind,
    )  # fmt: skip
    nothing = np.zeros(2, np.float32)
    steps = []
    for step in islice(play, count // 2):
        memory.add(step, nothing, nothing)
        steps.append(step)
    play.close()
    return memory, steps


# --- evaluation ---


def test_the_preprocessing_of_an_evaluation_is_the_agents_and_then_the_configs():
    agent = foreign(SB3)
    assert profile_of(agent) == SB3
    changed = EvalConfig(sticky_action_probability=0.25, fire_after_life=False)
    assert profile_of(agent, changed) == replace(
        SB3, sticky_action_probability=0.25, fire_after_life=False
    )


def test_the_protocol_names_what_the_game_does_by_itself():
    assert starts_under(OURS) == "no-op starts v2 (0 to 29 frames equally often)"
    assert starts_under(SB3) == (
        "no-op starts v2 (0 to 29 frames equally often), FIRE on reset, FIRE after a lost life"
    )
    assert starts_under(PROFILES["atari-agents"]) == (
        "drawn starts (no no-ops), sticky actions 0.25"
    )


def test_an_evaluation_is_played_under_the_preprocessing():
    # This agent always waits: only an environment that presses FIRE loses its lives.
    card, network = foreign(OURS).card | {"size": "net5"}, QNetwork(4, "net5")
    network.requires_grad_(False).out.bias[0] += 1e6
    config = EvalConfig(episodes=2, num_envs=2, epsilon=0.0)
    fires = Agent(network, card | {"preprocessing": SB3.card()})
    result = evaluate(fires, config)
    assert max(result.lengths) < 400 and result.truncated == 0
    assert "FIRE after a lost life" in result.protocol
    own = replace(config, fire_after_life=True)
    served = Agent(network, card | {"preprocessing": Preprocessing(fire_on_reset=True).card()})
    assert max(evaluate(served, own).lengths) < 400


def test_sticky_actions_give_every_episode_a_seed_of_its_own():
    sticky = Preprocessing(sticky_action_probability=0.25)
    starts, seeds = start_list("pong", 90, 0, sticky)
    assert len(set(seeds.tolist())) == 90 and starts.tolist() == list(range(90))
    assert len(set(start_list("pong", 90, 0)[1].tolist())) == 30


def test_sticky_actions_of_the_config_change_the_games():
    agent = make_agent(0, "breakout")
    plain = EvalConfig(episodes=2, num_envs=2, epsilon=1.0)
    sticky = evaluate(agent, replace(plain, sticky_action_probability=0.25))
    assert sticky.protocol.startswith("drawn starts (0 to 29 no-ops), sticky actions 0.25")
    again = evaluate(agent, replace(plain, sticky_action_probability=0.25))
    assert sticky.lengths == again.lengths


def test_recorded_starts_are_of_our_own_preprocessing_only():
    with pytest.raises(ValueError, match="expected it, got grey of RGB"):
        evaluate(foreign(SB3), EvalConfig(), starts=load_starts("breakout").first(1))


# --- recording ---


def test_a_memory_holds_what_we_see_and_the_values_of_what_the_teacher_saw():
    teacher = foreign(CLEANRL)
    memory, steps = recorded(teacher, OURS)
    same, own_steps = recorded(teacher, CLEANRL)
    assert memory.observation_shape == (4, 84, 84)
    env = torch.arange(2)
    for slot, (ours, theirs) in enumerate(zip(steps, own_steps, strict=True)):
        assert torch.equal(ours.action, theirs.action) and torch.equal(ours.q, theirs.q)
        assert torch.equal(ours.q, teacher.network(theirs.observation))
        seen = memory.observation(torch.full((2,), slot), env)
        assert torch.equal(seen, ours.observation)
    assert not torch.equal(steps[0].observation, own_steps[0].observation)
    assert not steps[0].observation[:, :3].any()  # padded as we pad
    assert any(step.life_lost.any() for step in steps)


@pytest.mark.parametrize("kind", [Memory, CompressedMemory])
@pytest.mark.parametrize("profile", [SB3, CLEANRL], ids=["sb3", "cleanrl"])
def test_stacks_of_the_teachers_view_come_back_as_they_were_seen(profile, kind):
    memory, steps = recorded(foreign(profile), profile, kind=kind)
    env = torch.arange(2)
    for slot, step in enumerate(steps):
        assert torch.equal(memory.observation(torch.full((2,), slot), env), step.observation), slot
    assert sum(step.life_lost.sum() for step in steps) >= 4


def test_a_recording_in_a_file_keeps_the_padding(tmp_path):
    memory, steps = recorded(foreign(CLEANRL), CLEANRL)
    card = {"game": "breakout", "preprocessing": CLEANRL.card()}
    save_recording(tmp_path / "play.rec", memory, card)
    again, _ = load_recording(tmp_path / "play.rec", "breakout")
    for slot, step in enumerate(steps):
        assert torch.equal(
            again.observation(torch.full((2,), slot), torch.arange(2)), step.observation
        )


def test_a_student_plays_part_of_a_foreign_teachers_games_on_its_own_view():
    student = make_agent(5, "breakout").network
    memory = collect(
        foreign(CLEANRL), 200, num_envs=2, epsilon=0.0, student=student, student_share=1.0
    )
    seen = [memory.observation(torch.full((2,), slot), torch.arange(2)) for slot in range(90)]
    acted = memory.action.view(-1, 2)[:90]
    assert torch.equal(torch.stack([student(each).argmax(1) for each in seen]), acted)


def test_a_students_profile_has_its_teachers_games_and_our_view():
    profile = student_profile(foreign(SB3))
    assert profile == Preprocessing(fire_on_reset=True, fire_after_life=True)
    own = student_profile(foreign(CLEANRL), CLEANRL)
    assert own == CLEANRL


def test_a_clip_shows_the_game_that_a_foreign_teacher_plays():
    clip = record_clip("foreign", foreign(SB3), seed=1, agent_steps=80)
    assert clip.frames.shape == (len(clip.actions), 210, 160)
    assert clip.observations.shape[1:] == (4, 84, 84)
    picture = clip.palette[clip.frames[-1]].mean(2).reshape(42, 5, 32, 5).mean((1, 3))
    seen = clip.observations[-1, -1].astype(float).reshape(42, 2, 42, 2).mean((1, 3))
    assert np.corrcoef(picture.mean(1), seen.mean(1))[0, 1] > 0.9
