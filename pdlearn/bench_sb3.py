"""The peer of the bench: Stable-Baselines3's DQN at 8 samples learnt an agent step."""

import time


def sb3_rate(game: str, device: str, seconds: float) -> float:
    """Return agent steps a second of SB3's DQN with its Atari hyper-parameters, while it learns.

    Raises ValueError if Stable-Baselines3 or the opencv that its Atari wrapper needs is missing.
    """
    try:
        import cv2  # noqa: F401
        from stable_baselines3 import DQN
        from stable_baselines3.common.callbacks import BaseCallback
        from stable_baselines3.common.env_util import make_atari_env
        from stable_baselines3.common.vec_env import VecFrameStack
    except ImportError as error:
        raise ValueError(
            f"the peer needs stable-baselines3 and opencv ({error}); "
            "pip install stable-baselines3 opencv-python-headless"
        ) from error

    marks: list[float] = []
    learning_starts = 1_000

    class Clock(BaseCallback):
        def _on_step(self) -> bool:
            if self.num_timesteps > learning_starts + 200:
                marks.append(time.perf_counter())
            return len(marks) < 2 or marks[-1] - marks[0] < seconds

    env = VecFrameStack(make_atari_env(f"{game.capitalize()}NoFrameskip-v4", n_envs=1, seed=0), 4)
    # Its zoo's Atari settings: minibatch 32 every 4 steps.
    model = DQN(
        "CnnPolicy", env, buffer_size=10_000, learning_rate=1e-4, batch_size=32,
        learning_starts=learning_starts, target_update_interval=1_000, train_freq=4,
        gradient_steps=1, device=device, seed=0,
    )  # fmt: skip
    model.learn(10**9, callback=Clock())
    env.close()
    return (len(marks) - 1) / (marks[-1] - marks[0])
