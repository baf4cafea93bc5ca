"""The base class of environments, and the seeds of their emulators.

Autoreset follows Gymnasium's NEXT_STEP rule: the step after an episode's end ignores its action and
returns the first observation of the next episode. `rollout.steps` marks these steps.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pdlearn.envs.preprocessing import FRAMES_PER_STEP
from pdlearn.schema import CountOrZero, checked, shown

FRAMES_PER_SECOND = 60
STEPS_PER_SECOND = FRAMES_PER_SECOND / FRAMES_PER_STEP
MAX_EPISODE_FRAMES = 30 * 60 * FRAMES_PER_SECOND  # 30 minutes (paper, section 4)

SEEDS = 2**31  # emulator seeds are 0 to this number - 1

# An emulator seed's residue modulo 4 is its purpose, so an evaluation shares no seed with training.
PURPOSES = ("train", "collect", "evaluate", "show")

# Emulator seeds of purpose "evaluate": entry n makes an Atari game wait n frames, n from 0 to 29.
# ale-py draws the number, 0 to `noop_max` - 1, by C++'s `uniform_int_distribution` from a Mersenne
# twister with the emulator seed, which has no other effect on a game. Of the twister's first word x
# GNU's library makes 30 * x / 2**32 and LLVM's the last five bits of x; the seeds are the first for
# which the two agree.
NO_OP_SEEDS = np.array([
    1590, 34, 966, 4966, 438, 814, 822, 1078, 4094, 418, 2102, 1478, 3174, 174, 4342,
    3922, 790, 766, 7602, 4218, 3102, 22042, 4086, 538, 2590, 582, 2018, 2286, 16838, 3890,
])  # fmt: skip


class Outcome(NamedTuple):
    """The result of one vector step; the leading axis `[E]` of every array is the copies."""

    observation: np.ndarray  # uint8 [E, 4, 84, 84], or float32 [E, D]
    reward: np.ndarray  # float32 [E], raw
    terminated: np.ndarray  # bool [E]
    truncated: np.ndarray  # bool [E]
    lives: np.ndarray  # int [E], 0 in games without lives


def env_seeds(seed: int, purpose: str, num_envs: int) -> np.ndarray:
    """Return `[num_envs]` emulator seeds that belong to `purpose` alone.

    Raises ValueError for a negative seed and for a purpose that is not among `PURPOSES`.
    """
    checked(seed, CountOrZero, "seed")
    if purpose not in PURPOSES:
        raise ValueError(f"unknown purpose {shown(purpose)}; expected {', '.join(PURPOSES)}")
    index = PURPOSES.index(purpose)
    words = np.random.SeedSequence([seed, index]).generate_state(num_envs)
    return (words.astype(np.int64) % (2**29)) * len(PURPOSES) + index


def refuse_other_actions(game: str, actions: Sequence[str], names: Sequence[str]) -> None:
    """Raise ValueError unless `actions` are the `names` of the game's actions, in order."""
    if tuple(actions) != tuple(names):
        raise ValueError(
            f"made for the actions {', '.join(actions)[:300]}; {game} has {', '.join(names)[:300]}"
        )


class Environment:
    """A vector of `num_envs` copies of one game; see `make`.

    Subclasses implement the methods with an underscore. The others check their order and their
    arguments, because an emulator waits for ever after an action or a call that it does not expect.
    """

    name: str
    num_envs: int
    action_names: tuple[str, ...]
    observation_shape: tuple[int, ...]
    preprocessing: dict
    _awaits = "reset"  # what may be called next

    @property
    def num_actions(self) -> int:
        return len(self.action_names)

    def with_actions(self, actions: Sequence[str]) -> "Environment":
        """Return itself; close it and raise ValueError unless these are its actions, in order."""
        try:
            refuse_other_actions(self.name, actions, self.action_names)
        except ValueError:
            self.close()
            raise
        return self

    def reset(self, seed: int, purpose: str) -> np.ndarray:
        """Start every copy afresh and return the first observations."""
        return self.reset_to(env_seeds(seed, purpose, self.num_envs))

    def reset_to(self, seeds: np.ndarray) -> np.ndarray:
        """Start copy e afresh from emulator seed `seeds[e]`; return the first observations."""
        self._refuse_integers(seeds, "seeds", SEEDS)
        self._refuse_order("reset", self._awaits in ("reset", "send"))
        observation = self._reset_to(np.asarray(seeds))
        self._awaits = "send"
        return observation

    def send(self, action: np.ndarray) -> None:
        """Begin one step with `action` int64 `[E]`; it runs on other threads.

        Raises ValueError for another shape or type and for an action that the game does not have.
        """
        self._refuse_integers(action, "actions", self.num_actions)
        self._refuse_order("send", self._awaits == "send")
        self._send(action)
        self._awaits = "recv"

    def recv(self) -> Outcome:
        """Wait for the step that `send` began; return its outcome."""
        self._refuse_order("recv", self._awaits == "recv")
        self._awaits = "send"
        return self._recv()

    def close(self) -> None:
        """Release the emulators; closing twice has no effect."""
        if self._awaits != "nothing":
            self._awaits = "nothing"
            self._close()

    def _refuse_integers(self, values: np.ndarray, what: str, end: int) -> None:
        array = np.asarray(values)
        fits = array.shape == (self.num_envs,) and array.dtype.kind in "iu"
        if not fits or not 0 <= array.min() <= array.max() < end:
            raise ValueError(
                f"{self.name}: expected {what} as integers [{self.num_envs}] in 0..{end - 1}; "
                f"got {array.dtype} {list(array.shape)}, {shown(array.tolist())}"
            )

    def _refuse_order(self, call: str, allowed: bool) -> None:
        if not allowed:
            closed = self._awaits == "nothing"
            raise ValueError(
                f"{self.name}: expected {'no call after close' if closed else self._awaits}; "
                f"got {call}"
            )

    def _reset_to(self, seeds: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def _send(self, action: np.ndarray) -> None:
        raise NotImplementedError

    def _recv(self) -> Outcome:
        raise NotImplementedError

    def _close(self) -> None:
        raise NotImplementedError
