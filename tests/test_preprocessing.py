"""A game is shown and begun as a profile says, to one agent or to two at once."""

from dataclasses import replace

import numpy as np
import pytest

from pdlearn import envs
from pdlearn.envs import Preprocessing, from_card
from pdlearn.envs.profiled import ProfiledAtari, weights
from pdlearn.games import GAMES
from pdlearn.interop.profiles import PROFILES

OURS = Preprocessing()
FIRES = Preprocessing(fire_on_reset=True, fire_after_life=True)


def play(env, actions, seed=7):
    """Return the first observation of copy 0, and the outcome of each action."""
    first = env.reset_to(envs.NO_OP_SEEDS[[seed] * env.num_envs])
    outcomes = []
    for action in actions:
        env.send(np.full(env.num_envs, action))
        outcomes.append(env.recv())
    env.close()
    return first[0], outcomes


def actions_for(game, count, seed=0):
    return np.random.default_rng(seed).integers(GAMES[game].num_actions, size=count)


# --- what a card says ---


def test_the_card_of_our_own_profile_is_that_of_the_shipped_agents():
    assert envs.PREPROCESSING == {
        "height": 84, "width": 84, "stack": 4, "frame_skip": 4, "max_of_last_two_frames": True,
        "resize": "area", "padding": "zeros", "noop_max": 30, "fire_on_reset": False,
        "sticky_action_probability": 0.0,
    }  # fmt: skip


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_comes_back_from_its_card(name):
    assert from_card(PROFILES[name].card()) == PROFILES[name]


@pytest.mark.parametrize(
    ("card", "said"),
    [
        ({"height": 96}, "'height' 96; expected 84"),
        ({"flicker": True}, "unknown entry 'flicker' in preprocessing"),
        ({"height": 84}, "expected an entry preprocessing.width; it is missing"),
        ({"resize": "nearest"}, "preprocessing.resize as .*; got 'nearest'"),
        ({"padding": "ones"}, "preprocessing.padding as .*; got 'ones'"),
        ({"grey": "red"}, "preprocessing.grey as .*; got 'red'"),
        ({"sticky_action_probability": 1.5}, "sticky_action_probability in 0..1; got 1.5"),
        ({"noop_max": -1}, "preprocessing.noop_max in 0..1000; got -1"),
    ],
)
def test_a_card_with_other_settings_is_refused(card, said):
    with pytest.raises(ValueError, match=said):
        from_card(card)


# --- what is seen ---


@pytest.mark.parametrize("game", ["breakout", "freeway", "pong", "seaquest"])
def test_our_own_profile_is_the_game_of_ale_pys_vector(game):
    actions = actions_for(game, 150)
    first, theirs = play(envs.make(game, 1), actions)
    begun, ours = play(ProfiledAtari(game, 1, OURS), actions)
    assert np.abs(first.astype(int) - begun).max() <= 1
    for their, our in zip(theirs, ours, strict=True):
        assert (their.reward, their.terminated, their.lives) == (
            our.reward, our.terminated, our.lives,
        )  # fmt: skip
        if their.terminated:
            break
        assert np.abs(their.observation.astype(int) - our.observation).max() <= 1


def test_the_weights_of_a_resize_are_those_of_areas_and_of_pixel_centres():
    for side in (160, 210):
        for resize in ("area", "bilinear"):
            assert np.allclose(weights(side, resize).sum(1), 1)
    assert weights(210, "area")[0, :4].tolist() == pytest.approx([0.4, 0.4, 0.2, 0])
    assert weights(210, "bilinear")[0, :3].tolist() == pytest.approx([0.25, 0.75, 0])
    assert weights(160, "area")[0, :3].tolist() == pytest.approx([0.525, 0.475, 0])


@pytest.mark.parametrize("key", [{"resize": "bilinear"}, {"grey": "resized_rgb"}])
def test_another_filter_shows_the_same_game_with_other_pixels(key):
    actions = actions_for("seaquest", 30)
    _, plain = play(ProfiledAtari("seaquest", 1, OURS), actions)
    _, other = play(envs.make("seaquest", 1, preprocessing=replace(OURS, **key)), actions)
    difference = np.abs(plain[-1].observation.astype(int) - other[-1].observation)
    assert difference.max() > 0 and difference.mean() < 6
    assert [o.reward for o in plain] == [o.reward for o in other]


def test_a_first_observation_is_padded_as_the_profile_says():
    zeros, _ = play(ProfiledAtari("pong", 1, OURS), [])
    firsts, _ = play(envs.make("pong", 1, preprocessing=Preprocessing(padding="first")), [])
    assert not zeros[:3].any()
    assert (firsts == zeros[3]).all()


def test_two_agents_see_the_same_state_each_in_its_own_way():
    actions = actions_for("breakout", 120)
    theirs = PROFILES["cleanrl"]
    _, both = play(envs.make("breakout", 2, preprocessing=theirs, also_seen_as=OURS), actions)
    _, alone = play(envs.make("breakout", 2, preprocessing=theirs), actions)
    assert both[0].observation.shape == (2, 8, 84, 84)
    for two, one in zip(both, alone, strict=True):
        assert (two.observation[:, :4] == one.observation).all()
        difference = np.abs(two.observation[:, 7].astype(int) - one.observation[:, 3])
        assert difference.max() < 40 and difference.mean() < 1
    first, _ = play(envs.make("breakout", 1, preprocessing=theirs, also_seen_as=OURS), [])
    assert first[0].any() and not first[4:7].any()  # copies of the first frame, and zeros


def test_the_screen_shows_the_game_of_the_profile():
    actions = actions_for("breakout", 60)
    _, seen = play(envs.make("breakout", 1, preprocessing=FIRES), actions)
    _, shown = play(envs.make("breakout", 1, preprocessing=FIRES, screen=True), actions)
    assert shown[-1].observation.shape == (1, 1, 210, 160, 3)
    assert [o.reward for o in seen] == [o.reward for o in shown]
    assert seen[-1].lives == shown[-1].lives < 5


# --- what the game does by itself ---


def test_fire_is_pressed_on_reset_and_after_a_lost_life():
    still = [0] * 60
    _, waits = play(envs.make("breakout", 1), still)
    assert {int(outcome.lives[0]) for outcome in waits} == {5}
    on_reset = replace(FIRES, fire_after_life=False)
    _, once = play(envs.make("breakout", 1, preprocessing=on_reset), still * 3)
    assert once[-1].lives == 4
    _, always = play(envs.make("breakout", 1, preprocessing=FIRES), still * 3)
    assert always[-1].lives < 4 or always[-1].terminated


def test_no_fire_is_pressed_in_a_game_without_one():
    _, plain = play(ProfiledAtari("freeway", 1, OURS), [1] * 20)
    _, fires = play(envs.make("freeway", 1, preprocessing=FIRES), [1] * 20)
    assert (plain[-1].observation == fires[-1].observation).all()


@pytest.mark.parametrize("padding", ["zeros", "first"])
def test_a_stack_begins_anew_after_a_lost_life_where_the_profile_says_so(padding):
    profile = replace(FIRES, restart_after_life=True, padding=padding)
    lives, fresh = 5, 0
    _, outcomes = play(envs.make("breakout", 1, preprocessing=profile), [0] * 70)
    for outcome in outcomes:
        stack = outcome.observation[0]
        if outcome.lives[0] < lives and not outcome.terminated[0]:
            fresh += 1
            assert (stack[:3] == (stack[3] if padding == "first" else 0)).all()
        lives = outcome.lives[0]
    assert fresh >= 2


@pytest.mark.parametrize("extra", [{}, {"grey": "rgb"}], ids=["ale-py's vector", "profiled"])
def test_sticky_actions_come_from_the_seed(extra):
    sticky = Preprocessing(sticky_action_probability=0.25, noop_max=0, **extra)
    actions = actions_for("pong", 60)

    def last(seed):
        return play(envs.make("pong", 1, preprocessing=sticky), actions, seed)[1][-1].observation

    assert (last(3) == last(3)).all()
    assert not (last(3) == last(4)).all()


def test_the_full_set_of_actions_is_offered():
    for profile in (replace(OURS, full_action_set=True), replace(FIRES, full_action_set=True)):
        env = envs.make("pong", 1, preprocessing=profile)
        assert env.action_names == envs.make("seaquest", 1).action_names
        env.close()


def test_an_episode_ends_and_the_next_begins_after_it():
    env = envs.make("breakout", 1, preprocessing=FIRES)
    _, outcomes = play(env, [0] * 200)
    ends = [step for step, outcome in enumerate(outcomes) if outcome.terminated[0]]
    assert ends and outcomes[ends[0]].lives == 0
    after = outcomes[ends[0] + 1]
    assert after.lives == 5 and not after.reward and not after.observation[0, :3].any()


def test_the_frame_cap_cuts_an_episode(monkeypatch):
    monkeypatch.setattr("pdlearn.envs.profiled.MAX_EPISODE_FRAMES", 100)
    _, outcomes = play(envs.make("pong", 1, preprocessing=FIRES), [0] * 40)
    cut = [step for step, outcome in enumerate(outcomes) if outcome.truncated[0]]
    assert cut and not any(outcome.terminated[0] for outcome in outcomes)


def test_a_game_frame_by_frame_has_our_own_profile():
    with pytest.raises(ValueError, match="frame by frame"):
        envs.make("pong", 1, preprocessing=FIRES, frames_per_step=1)
