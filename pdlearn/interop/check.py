"""Whether an imported teacher plays as well as its maker reported."""

from dataclasses import dataclass

from pdlearn.checkpoints import Agent
from pdlearn.evaluation import Evaluation, evaluate, profile_of
from pdlearn.presets import EvalConfig


@dataclass(frozen=True)
class Check:
    """An evaluation beside the score that the agent's maker reported."""

    result: Evaluation
    reported: float | None

    @property
    def agrees(self) -> bool | None:
        """Whether the reported score lies in the 95 % interval or below it; None without one."""
        if self.reported is None:
            return None
        return self.reported <= self.result.interval[1]

    def __str__(self) -> str:
        low, high = self.result.interval
        line = (
            f"{self.result.game}: {self.result.mean:.1f} [{low:.1f}, {high:.1f}] over "
            f"{self.result.episodes} episodes ({self.result.protocol})"
        )
        if self.reported is None:
            return line
        verdict = "it reaches" if self.agrees else "it does not reach: see its preprocessing"
        return f"{line}; its maker reported {self.reported:g}, which {verdict}"


def check_teacher(
    agent: Agent, reported: float | None = None, episodes: int = 10, seed: int = 0
) -> Check:
    """Play a few episodes under the agent's preprocessing, with the ε of its maker's evaluation.

    Args:
        agent: for one game
        reported: the mean raw score that the agent's maker gives
        episodes: to play, all in parallel
        seed: of the starts and the exploration

    Returns:
        the evaluation beside the reported score; printed, it is one line

    Raises:
        ValueError: for a number of episodes out of range
    """
    epsilon = profile_of(agent).evaluation_epsilon
    config = EvalConfig(episodes=episodes, num_envs=episodes, epsilon=epsilon)
    return Check(evaluate(agent, config, seed), reported)
