"""The benchmark's peer: the DQN of Stable-Baselines3 with 8 samples per agent step."""

from collections.abc import Generator

LEARNING_STARTS = 1_000
SLICE_STEPS = 40


def sb3_steps(game: str, device: str) -> Generator[int, None, None]:
    """Train SB3's DQN on `game` with its Atari settings; yield the agent steps of each slice.

    Raises ValueError without Stable-Baselines3 or without opencv, which its Atari wrapper needs.
    """
    try:
        import cv2  # noqa: F401
        from stable_baselines3 import DQN
        from stable_baselines3.common.env_util import make_atari_env
        from stable_baselines3.common.vec_env import VecFrameStack
    except ImportError as error:
        raise ValueError(
            f"the peer needs stable-baselines3 and opencv ({error}); "
            "pip install stable-baselines3 opencv-python-headless"
        ) from error

    env = VecFrameStack(make_atari_env(f"{game.capitalize()}NoFrameskip-v4", n_envs=1, seed=0), 4)
    # The Atari settings of SB3's zoo: a minibatch of 32 every 4 steps.
    model = DQN(
        "CnnPolicy", env, buffer_size=10_000, learning_rate=1e-4, batch_size=32,
        learning_starts=LEARNING_STARTS, target_update_interval=1_000, train_freq=4,
        gradient_steps=1, device=device, seed=0,
    )  # fmt: skip
    model.learn(LEARNING_STARTS)
    try:
        while True:
            model.learn(SLICE_STEPS, reset_num_timesteps=False)
            yield SLICE_STEPS
    finally:
        env.close()
