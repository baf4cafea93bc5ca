"""Catch: a ball falls and a paddle catches it. A network learns this game in seconds on a CPU.

Observations have Atari's shape (uint8 `[4, 84, 84]`, newest frame last, zeros before the first), so
every part of the library also runs on Catch. Registered as `pdlearn/Catch-v0`.
"""

import gymnasium
import numpy as np

ROWS = COLUMNS = 12
CELL = 84 // ROWS  # pixels


class Catch(gymnasium.Env):
    """Move the paddle left (1) or right (2), or stay (0); +1 for a caught ball, -1 for a miss.

    The ball falls one row per step.

    Args:
        balls: number of balls in an episode
    """

    observation_space = gymnasium.spaces.Box(0, 255, (4, 84, 84), np.uint8)
    action_space = gymnasium.spaces.Discrete(3)

    def __init__(self, balls: int = 1):
        self.balls = balls

    def reset(
        self, *, seed: int | None = None, options: dict | None = None
    ) -> tuple[np.ndarray, dict]:
        """Begin an episode; see `gymnasium.Env.reset`.

        Args:
            seed: of the columns from which the balls fall; None keeps the generator
            options: not used

        Returns:
            the observation, uint8 `[4, 84, 84]`, and an empty dictionary
        """
        super().reset(seed=seed)
        self._caught_or_missed = 0
        self._paddle = COLUMNS // 2
        self._stack = np.zeros((4, 84, 84), np.uint8)
        self._drop()
        return self._look(), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict]:
        """Move the paddle, and let the ball fall by a row; see `gymnasium.Env.step`.

        Args:
            action: 0 (stay), 1 (left) or 2 (right)

        Returns:
            observation, reward, whether the last ball has fallen, False, and an empty dictionary
        """
        self._paddle = int(np.clip(self._paddle + (0, -1, 1)[action], 0, COLUMNS - 1))
        self._row += 1
        reward = 0.0
        if self._row == ROWS - 1:
            reward = 1.0 if abs(self._column - self._paddle) <= 1 else -1.0
            self._caught_or_missed += 1
            if self._caught_or_missed < self.balls:
                self._drop()
        return self._look(), reward, self._caught_or_missed == self.balls, False, {}

    def _drop(self) -> None:
        self._row, self._column = 0, int(self.np_random.integers(COLUMNS))

    def _look(self) -> np.ndarray:
        frame = np.zeros((84, 84), np.uint8)
        row, column = self._row * CELL, self._column * CELL
        frame[row : row + CELL, column : column + CELL] = 255
        left, right = max(self._paddle - 1, 0) * CELL, (self._paddle + 2) * CELL
        frame[-CELL:, left:right] = 150
        self._stack = np.concatenate([self._stack[1:], frame[None]])
        return self._stack.copy()


gymnasium.register("pdlearn/Catch-v0", entry_point="pdlearn.envs.catch:Catch")
