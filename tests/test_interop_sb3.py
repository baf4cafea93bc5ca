"""Files that Stable-Baselines3 and SB3-contrib themselves wrote; without them nothing is tested."""

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces

import pdlearn
from pdlearn import CheckpointError, envs, load_teacher
from pdlearn.cli import main
from pdlearn.interop.profiles import PROFILES

sb3 = pytest.importorskip("stable_baselines3")
contrib = pytest.importorskip("sb3_contrib")

STATES = np.random.default_rng(0).integers(0, 256, (32, 4, 84, 84), dtype=np.uint8)


class Noise(gymnasium.Env):
    """What SB3 needs to build a policy for pixels; it is never played."""

    observation_space = spaces.Box(0, 255, (4, 84, 84), np.uint8)

    def __init__(self, actions=6):
        self.action_space = spaces.Discrete(actions)


def saved(kind, path, actions=6, policy="CnnPolicy", **settings):
    if kind in (sb3.DQN, contrib.QRDQN):
        settings["buffer_size"] = 8
    model = kind(policy, Noise(actions), seed=0, device="cpu", **settings)
    # Biases are zero at first; with others, a mistake with them shows.
    with torch.no_grad():
        for parameter in model.policy.parameters():
            if parameter.ndim == 1:
                parameter += 0.1 * torch.rand(parameter.shape, generator=torch.Generator())
    model.save(path)
    return model


def expected(model) -> torch.Tensor:
    """Return the model's own values, or the logits of its policy."""
    states = torch.from_numpy(STATES)
    with torch.no_grad():
        if isinstance(model, sb3.DQN):
            return model.q_net(states)
        if isinstance(model, contrib.QRDQN):
            return model.quantile_net(states).mean(1)
        return model.policy.get_distribution(states).distribution.logits


@pytest.mark.parametrize(
    ("kind", "maker", "settings"),
    [
        (sb3.DQN, "Stable-Baselines3 DQN", {}),
        (contrib.QRDQN, "SB3-contrib QR-DQN", {}),
        (contrib.QRDQN, "SB3-contrib QR-DQN", {"policy_kwargs": {"n_quantiles": 30}}),
        (sb3.PPO, "Stable-Baselines3 PPO or A2C", {}),
        (sb3.A2C, "Stable-Baselines3 PPO or A2C", {}),
        (
            sb3.PPO, "Stable-Baselines3 PPO or A2C",
            {"policy_kwargs": {"share_features_extractor": False}},
        ),
    ],
    ids=["DQN", "QR-DQN", "QR-DQN of 30", "PPO", "A2C", "PPO with two torsos"],
)  # fmt: skip
def test_outputs_equal_those_of_the_library(kind, maker, settings, tmp_path):
    model = saved(kind, tmp_path / "agent.zip", **settings)
    agent = load_teacher(tmp_path / "agent.zip", "pong")
    theirs, ours = expected(model), agent.network(torch.from_numpy(STATES))
    if agent.card["outputs"] == "logits":
        theirs, ours = theirs.softmax(1), ours.softmax(1)
    assert (theirs - ours).abs().max() < 1e-6
    assert agent.card["made"]["by"] == maker
    assert agent.card["outputs"] == ("logits" if "PPO" in maker else "q")
    assert agent.card["preprocessing"] == PROFILES["sb3"].card()


def test_the_actions_of_a_qr_dqn_are_those_that_its_settings_state(tmp_path):
    saved(contrib.QRDQN, tmp_path / "agent.zip", actions=4)
    assert len(load_teacher(tmp_path / "agent.zip", "breakout").actions) == 4
    with pytest.raises(CheckpointError, match="has 4 actions; expected 6"):
        load_teacher(tmp_path / "agent.zip", "pong")


@pytest.mark.parametrize("kind", [sb3.DQN, sb3.PPO])
def test_a_policy_with_hidden_layers_after_the_convolutions_is_refused(kind, tmp_path):
    saved(kind, tmp_path / "agent.zip", policy_kwargs={"net_arch": [64]})
    with pytest.raises(CheckpointError, match="hidden layers after the convolutions"):
        load_teacher(tmp_path / "agent.zip", "pong")


def test_a_policy_that_does_not_scale_its_pixels_is_refused(tmp_path):
    saved(sb3.DQN, tmp_path / "agent.zip", policy_kwargs={"normalize_images": False})
    with pytest.raises(CheckpointError, match="normalize_images=False"):
        load_teacher(tmp_path / "agent.zip", "pong")


def test_an_mlp_policy_is_refused(tmp_path):
    sb3.DQN("MlpPolicy", "CartPole-v1", buffer_size=8, device="cpu").save(tmp_path / "agent.zip")
    with pytest.raises(CheckpointError, match="without convolutions"):
        load_teacher(tmp_path / "agent.zip", "pong")


@pytest.mark.parametrize("game", ["breakout", "pong", "freeway"])
def test_a_game_looks_as_it_does_through_the_wrappers_of_sb3(game):
    wrappers = pytest.importorskip("stable_baselines3.common.atari_wrappers")
    pytest.importorskip("cv2")
    title = pdlearn.GAMES[game].title.replace(" ", "")
    bare = gymnasium.make(f"ale_py:ALE/{title}-v5", frameskip=1, repeat_action_probability=0.0)
    bare = bare.unwrapped
    theirs = wrappers.AtariWrapper(bare)
    noop = theirs
    while not isinstance(noop, wrappers.NoopResetEnv):
        noop = noop.env
    noop.override_num_noops = 7

    ours = envs.make(game, 1, preprocessing=PROFILES["sb3"])
    seen = ours.reset_to(envs.NO_OP_SEEDS[[7]])[0]
    stack = np.zeros((4, 84, 84), np.uint8)
    stack[-1] = theirs.reset(seed=0)[0][..., 0]
    lost = 0
    for step, action in enumerate(np.random.default_rng(1).integers(ours.num_actions, size=400)):
        assert np.abs(stack.astype(int) - seen).max() <= 1, step
        ours.send(np.array([action]))
        outcome = ours.recv()
        frame, reward, terminated, _, _ = theirs.step(int(action))
        assert np.sign(outcome.reward[0]) == reward
        if terminated and bare.ale.game_over():
            assert outcome.terminated[0]
            break
        if terminated:
            lost += 1
            frame, stack = theirs.reset()[0], np.zeros_like(stack)
        stack = np.concatenate([stack[1:], frame[None, ..., 0]])
        seen = outcome.observation[0]
    assert lost == {"breakout": 4}.get(game, 0)


@pytest.mark.parametrize("kind", [sb3.DQN, contrib.QRDQN, sb3.PPO, sb3.A2C])
def test_every_kind_plays_and_is_recorded(kind, tmp_path):
    saved(kind, tmp_path / "agent.zip", actions=4)
    agent = load_teacher(tmp_path / "agent.zip", "breakout")
    memory = pdlearn.collect(agent, 24, num_envs=2, epsilon=0.3)
    assert len(memory) == 24 and memory.observation_shape == (4, 84, 84)


@pytest.mark.parametrize("kind", [sb3.DQN, sb3.PPO])
def test_one_command_distils_a_file_that_the_library_wrote(kind, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pdlearn.distill.HELD_OUT_STEPS", 120)
    saved(kind, tmp_path / "agent.zip", actions=4)
    smoke = ["--budget", "smoke", "--device", "cpu", "--folder", "run"]
    assert main(["distill", "breakout", "--teacher", "agent.zip", *smoke]) == 0
    assert "agent.zip: S" in capsys.readouterr().err
    student = pdlearn.load_agent("run/agent.safetensors")
    assert student.game == "breakout" and student.card["made"]["by"] == "distill"
    usual = pdlearn.DISTILL_BUDGETS["smoke"].temperature
    assert student.card["made"]["config"]["temperature"] == (1.0 if kind is sb3.PPO else usual)
    assert main(["evaluate", "run/agent.safetensors", "--episodes", "1"]) == 0
    assert "FIRE after a lost life" in capsys.readouterr().out


def test_an_sb3_teacher_plays_its_game(tmp_path):
    saved(sb3.DQN, tmp_path / "agent.zip", actions=4)
    agent = load_teacher(tmp_path / "agent.zip", "breakout")
    result = pdlearn.evaluate(agent, pdlearn.EvalConfig(episodes=2, num_envs=2, epsilon=0.3))
    assert len(result.scores) == 2 and min(result.lengths) > 20
