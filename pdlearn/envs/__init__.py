"""Vectors of copies of a game, made by its plain name. All of pdlearn makes environments here.

Convention: environments stay raw. Rewards are the game's own, and a lost life is reported but does
not end the episode.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import ale_py
import gymnasium
import numpy as np
from ale_py.vector_env import AtariVectorEnv

import pdlearn.envs.catch  # noqa: F401  registers pdlearn/Catch-v0
from pdlearn.envs.environment import (
    FRAMES_PER_SECOND,
    MAX_EPISODE_FRAMES,
    NO_OP_SEEDS,
    PURPOSES,
    SEEDS,
    STEPS_PER_SECOND,
    Environment,
    Outcome,
    env_seeds,
)
from pdlearn.envs.preprocessing import FRAMES_PER_STEP, NOOP_COUNTS, Preprocessing, from_card
from pdlearn.envs.profiled import ProfiledAtari
from pdlearn.games import FULL_ACTIONS, GAMES, game_by_name, nearest
from pdlearn.networks import MOST_ACTIONS
from pdlearn.presets import MOST_ENVS, Copies
from pdlearn.schema import Range, checked, shown, told
from pdlearn.torso import PIXELS

__all__ = [
    "FRAMES_PER_SECOND", "FRAMES_PER_STEP", "MAX_EPISODE_FRAMES", "NOOP_COUNTS", "NO_OP_SEEDS",
    "PREPROCESSING", "PURPOSES", "SEEDS", "STEPS_PER_SECOND", "AtariEnvironment", "Environment",
    "GymnasiumEnvironment", "Outcome", "Preprocessing", "env_seeds", "from_card", "is_atari",
    "make", "refuse_mismatch",
]  # fmt: skip

ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)

# How pdlearn's own observations are made; part of every checkpoint's card.
PREPROCESSING = Preprocessing().card()


class AtariEnvironment(Environment):
    """Atari games with Nature DQN's preprocessing, on ale-py's threads (Mnih et al. 2015)."""

    def __init__(
        self, name: str, num_envs: int, profile: Preprocessing, *, num_threads: int, screen: bool,
        frames_per_step: int,
    ):  # fmt: skip
        game = game_by_name(name)
        self.name = game.name
        self.num_envs = num_envs
        self.action_names = FULL_ACTIONS if profile.full_action_set else game.actions
        self.preprocessing = profile.card()
        view: dict[str, Any] = (
            dict(img_height=210, img_width=160, grayscale=False, stack_num=1) if screen else {}
        )
        self._env = AtariVectorEnv(
            game.name,
            num_envs=num_envs,
            num_threads=num_threads,
            frameskip=frames_per_step,
            max_num_frames_per_episode=MAX_EPISODE_FRAMES,
            noop_max=profile.noop_max,
            repeat_action_probability=profile.sticky_action_probability,
            full_action_space=profile.full_action_set,
            use_fire_reset=False,
            reward_clipping=False,
            **view,
        )
        self.observation_shape = self._env.single_observation_space.shape or ()

    def _reset_to(self, seeds: np.ndarray) -> np.ndarray:
        return self._env.reset(seed=seeds)[0].copy()

    def _send(self, action: np.ndarray) -> None:
        self._env.send(action)

    def _recv(self) -> Outcome:
        observation, reward, terminated, truncated, info = self._env.recv()
        # Copies: ale-py returns its own buffers, which it overwrites a few steps later.
        return Outcome(
            observation.copy(),
            reward.astype(np.float32),
            terminated.copy(),
            truncated.copy(),
            info["lives"].copy(),
        )

    def _close(self) -> None:
        self._env.close()


class GymnasiumEnvironment(Environment):
    """A Gymnasium environment with discrete actions; its copies are stepped one after another.

    Raises ValueError for an unknown name, for other actions and for observations that no network
    here takes; and, while it is played, for a reward or an observation that is not finite.
    """

    def __init__(self, name: str, num_envs: int):
        self.name = name
        self.num_envs = num_envs
        self.preprocessing = {}
        try:
            self._env = gymnasium.make_vec(name, num_envs=num_envs, vectorization_mode="sync")
        except gymnasium.error.Error as error:
            near = nearest(name, [*GAMES, *gymnasium.registry])
            raise ValueError(
                f"unknown game {shown(name)} ({told(error)}); did you mean "
                f"{near!r}? games: {', '.join(GAMES)}, or any Gymnasium id"
            ) from error
        except Exception as error:  # the game's own code may raise anything
            what = f"{type(error).__name__}: {told(error)}"
            raise ValueError(f"{shown(name)} cannot be made ({what})") from error
        try:
            self._read_spaces()
        except ValueError:
            self._env.close()
            raise

    def _read_spaces(self) -> None:
        actions, seen = self._env.single_action_space, self._env.single_observation_space
        if not isinstance(actions, gymnasium.spaces.Discrete) or actions.n > MOST_ACTIONS:
            raise ValueError(
                f"{self.name} has actions {shown(actions)}; expected a Discrete action space of "
                f"1 to {MOST_ACTIONS}"
            )
        self.observation_shape = seen.shape or ()
        pixels = self.observation_shape == PIXELS and seen.dtype == np.uint8
        vector = isinstance(seen, gymnasium.spaces.Box) and len(self.observation_shape) == 1
        if not pixels and not vector:
            raise ValueError(
                f"{self.name} has observations {shown(seen)}; expected a Box of pixels, uint8 "
                f"{list(PIXELS)}, or of a vector"
            )
        self._dtype = np.uint8 if pixels else np.float32
        self.action_names = tuple(str(action) for action in range(actions.n))
        self._start = actions.start

    def _reset_to(self, seeds: np.ndarray) -> np.ndarray:
        self._steps = 0
        numbers: Any = [int(seed) for seed in seeds]
        return self._seen(self._env.reset(seed=numbers)[0])

    def _send(self, action: np.ndarray) -> None:
        self._action = action + self._start

    def _recv(self) -> Outcome:
        self._steps += 1
        observation, reward, terminated, truncated, _ = self._env.step(self._action)
        lives = np.zeros(self.num_envs, np.int64)
        reward = self._finite("reward", reward)
        return Outcome(self._seen(observation), reward, terminated, truncated, lives)

    def _close(self) -> None:
        self._env.close()

    def _seen(self, observation: np.ndarray) -> np.ndarray:
        """Return the observations as uint8 or float32, copied: the copies reuse their buffer."""
        if self._dtype == np.uint8:
            return observation.astype(np.uint8)
        return self._finite("observation", observation)

    def _finite(self, what: str, values: np.ndarray) -> np.ndarray:
        """Return `values` `[E, ...]` as float32; raise ValueError if one is infinite or NaN."""
        with np.errstate(over="ignore"):  # a larger number becomes infinite
            values = values.astype(np.float32)
        finite = np.isfinite(values).reshape(self.num_envs, -1).all(1)
        if not finite.all():
            copy = int(finite.argmin())
            raise ValueError(
                f"{self.name}: copy {copy} gave a {what} of {shown(values[copy].tolist())} at its "
                f"step {self._steps}; expected finite numbers"
            )
        return values


def refuse_mismatch(
    game: str,
    *,
    actions: Sequence[str] | None = None,
    preprocessing: Mapping | None = None,
    env: Environment | None = None,
) -> None:
    """Raise ValueError unless `actions` are those of the game, in order, under `preprocessing`.

    Without `env`, copies of the game, only Atari games are known. Raises ValueError too for
    preprocessing that no environment here has.
    """
    if env is not None:
        names = env.action_names
    elif is_atari(game):
        if preprocessing is not None and not preprocessing:
            raise ValueError(f"expected preprocessing of {game}; got none")
        own = game_by_name(game).actions
        names = FULL_ACTIONS if from_card(preprocessing).full_action_set else own
    elif preprocessing:
        raise ValueError(f"expected no preprocessing of {game}; got {shown(preprocessing)}")
    else:
        return
    if actions is not None and tuple(actions) != tuple(names):
        raise ValueError(
            f"made for the actions {', '.join(actions)[:300]}; {game} has {', '.join(names)[:300]}"
        )


def is_atari(name: str) -> bool:
    """Return whether `name` is an Atari game's plain name rather than a Gymnasium id."""
    return name in GAMES or ("/" not in name and "-v" not in name)


def make(
    name: str,
    num_envs: int,
    *,
    preprocessing: Preprocessing | Mapping | None = None,
    also_seen_as: Preprocessing | Mapping | None = None,
    num_threads: int = 0,
    screen: bool = False,
    frames_per_step: int = FRAMES_PER_STEP,
) -> Environment:
    """Make copies of a game, which are stepped together.

    Args:
        name: one of the ten games by plain name, or a Gymnasium id
        num_envs: number of copies E
        preprocessing: the profile under which an Atari game is played, or that of a card; None is
            pdlearn's own
        also_seen_as: a second profile; observations are then `[E, 8, 84, 84]`, four frames as the
            first profile shows them, then four of the same emulator state as the second one does
        num_threads: of the emulators; 0 lets ale-py choose
        screen: observations are the game's own pictures, uint8 `[E, 1, 210, 160, 3]`; the same seed
            and actions lead to the same game either way
        frames_per_step: 1 steps an Atari game frame by frame; see `console`

    Returns:
        an environment with observations uint8 `[E, 4, 84, 84]` or float32 `[E, D]`, and raw rewards

    Raises:
        ValueError: for an unknown name, with the most similar one, for numbers out of range, for an
            environment whose actions or observations fit no network here, and for a profile that
            has no single frames
    """
    checked(name, str, "a game's name")
    checked(num_envs, Copies, "num_envs")
    checked(num_threads, Annotated[int, Range(0, MOST_ENVS)], "num_threads")
    checked(frames_per_step, Annotated[int, Range(1, 60)], "frames_per_step")
    if not is_atari(name):
        return GymnasiumEnvironment(name, num_envs)
    profile = from_card(preprocessing)
    if profile.in_ale_vector and also_seen_as is None:
        return AtariEnvironment(
            name, num_envs, profile, num_threads=num_threads, screen=screen,
            frames_per_step=frames_per_step,
        )  # fmt: skip
    if frames_per_step != FRAMES_PER_STEP:
        raise ValueError(f"{name} frame by frame has pdlearn's own preprocessing; got {profile}")
    second = None if also_seen_as is None else from_card(also_seen_as)
    return ProfiledAtari(name, num_envs, profile, second=second, screen=screen)
