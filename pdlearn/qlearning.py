"""The base of DQN and PQN: games, network, agent's card, evaluations and the best agent."""

import copy
import math
from collections.abc import Sequence
from pathlib import Path

import torch

from pdlearn import envs
from pdlearn.checkpoints import Agent, save_agent
from pdlearn.evaluation import evaluate
from pdlearn.games import columns_by_game, joint_score
from pdlearn.learner import Learner
from pdlearn.networks import MultiGameNetwork, QNetwork, network_for, part_for
from pdlearn.presets import EvalConfig, QLearningConfig
from pdlearn.runs import Run
from pdlearn.schema import Name, checked


def epsilon_at(config: QLearningConfig, agent_steps: int) -> float:
    """Return the exploration after `agent_steps`: linear from start to final, then constant."""
    done = min(agent_steps / config.epsilon_decay_steps, 1.0)
    return config.epsilon_start + done * (config.epsilon_final - config.epsilon_start)


class QLearning(Run):
    """Train one network on one or several games; `DQN` and `PQN` define how it plays and learns.

    A row contains: agent_steps, updates, episodes, epsilon, loss, score (mean of the newest
    training episodes, at least 20 and at least one per copy), evaluation (mean score of a few
    episodes, if one was due), best_evaluation, steps_per_second, seconds. For several games, score
    and evaluation are a `joint_score`, and columns score_GAME and evaluation_GAME follow.

    `best` is the agent of the best evaluation so far, `best.safetensors` in the folder. Evaluate it
    again for an unbiased score, because that evaluation selected it.

    Args:
        game: a name, or several that one network learns
        config: the settings
        seed, device, precision, folder, resume, minutes: as in `Run`

    Raises:
        ValueError: for no game, for a game named twice, for games with observations of different
            shapes, for a size that does not suit the number of games, and as `Run` does
    """

    config: QLearningConfig

    def __init__(
        self,
        game: str | Sequence[str],
        config: QLearningConfig,
        *,
        seed: int = 0,
        device: torch.device | str = "cpu",
        precision: str = "auto",
        folder: str | Path | None = None,
        resume: bool = False,
        minutes: float = math.inf,
    ):
        super().__init__(
            config, seed=seed, device=device, precision=precision, folder=folder, resume=resume,
            minutes=minutes,
        )  # fmt: skip
        games = checked([game] if isinstance(game, str) else game, list[Name], "games")
        if not games or len(set(games)) < len(games):
            raise ValueError(f"expected different games; got {', '.join(games) or 'none'}")
        self.envs = {game: _closed_copy(game) for game in games}  # for their properties
        _refuse_different_shapes(self.envs)
        network = self.make_network(
            {game: env.num_actions for game, env in self.envs.items()},
            self.envs[games[0]].observation_shape,
            torch.Generator().manual_seed(self.seed),
        )
        self.learner = self.make_learner(network.to(self.device))
        self.parts = {game: part_for(network, game) for game in games}
        self.episodes = 0
        self.best_evaluation = -math.inf
        self.best: Agent | None = None

    def make_network(
        self, num_actions: dict[str, int], shape: tuple[int, ...], generator: torch.Generator
    ) -> QNetwork | MultiGameNetwork:
        """Make the network to train, with its first weights.

        Args:
            num_actions: the number of actions by game
            shape: of an observation
            generator: draws the weights

        Returns:
            a network for these games

        Raises:
            ValueError: for a size that does not suit the number of games
        """
        config = self.config
        return network_for(
            num_actions, config.size, shape, generator, normalization=config.normalization
        )

    def make_learner(self, network: QNetwork | MultiGameNetwork) -> Learner:
        """Make the learner of a network.

        Args:
            network: as `make_network` returned it

        Returns:
            a learner with the run's settings
        """
        raise NotImplementedError

    def identity(self) -> dict:
        return {"games": list(self.envs), "seed": self.seed}

    def counters(self) -> dict:
        samples = self.learner.updates * self.config.minibatch
        best = None if math.isinf(self.best_evaluation) else self.best_evaluation
        more = {"episodes": self.episodes, "best_evaluation": best}
        return super().counters() | more | {"samples": samples}

    def load_counters(self, counters: dict) -> None:
        super().load_counters(counters)
        self.episodes = counters["episodes"]
        best = counters["best_evaluation"]
        self.best_evaluation = -math.inf if best is None else best

    def agent(self) -> Agent:
        env = next(iter(self.envs.values()))
        card = {
            "games": {game: list(each.action_names) for game, each in self.envs.items()},
            "size": self.learner.network.size,
            "normalization": self.learner.network.normalization,
            "observation_shape": list(env.observation_shape),
            "preprocessing": env.preprocessing,
            "made": self.made(),
        }
        return Agent(self.learner.network, card)

    def row(self, loss: float, scores: dict[str, float], evaluation_due: bool, rate: float) -> dict:
        """Return the row of metrics; evaluate the agent first if an evaluation is due."""
        evaluations = self._evaluate() if evaluation_due else dict.fromkeys(scores, math.nan)
        return {
            "agent_steps": self.agent_steps,
            "updates": self.learner.updates,
            "episodes": self.episodes,
            "epsilon": round(epsilon_at(self.config, self.agent_steps), 4),
            "loss": loss,
            "score": joint_score(scores),
            "evaluation": joint_score(evaluations),
            "best_evaluation": self.best_evaluation,
            "steps_per_second": rate,
            "seconds": self.seconds,
            **columns_by_game("score", scores),
            **columns_by_game("evaluation", evaluations),
        }

    def passed(self, period_steps: int, newest_steps: int) -> bool:
        """Return whether the `newest_steps` reached or passed a multiple of `period_steps`."""
        return self.agent_steps % period_steps < newest_steps

    def _evaluate(self) -> dict[str, float]:
        """Return each game's mean score; keep the agent if it is the best so far."""
        config = EvalConfig(
            episodes=self.config.evaluation_episodes, epsilon=self.config.evaluation_epsilon
        )
        # Different episodes every time, so that the best agent is not best on one draw only.
        seed = self.seed + self.agent_steps
        agent = self.agent()
        results = {game: evaluate(agent.for_game(game), config, seed) for game in self.envs}
        means = {game: result.mean for game, result in results.items()}
        if joint_score(means) >= self.best_evaluation:
            self.best_evaluation = joint_score(means)
            chosen_by = {game: result.card() for game, result in results.items()}
            network = copy.deepcopy(agent.network).requires_grad_(False)
            self.best = Agent(network, agent.card | {"chosen_by": chosen_by})
            if self.folder is not None:
                save_agent(self.folder / "best.safetensors", self.best)
        return means


def _closed_copy(game: str) -> envs.Environment:
    env = envs.make(game, 1)
    env.close()
    return env


def _refuse_different_shapes(games: dict[str, envs.Environment]) -> None:
    """Raise ValueError unless the observations of all `games` have one shape."""
    first, *others = games.values()
    for env in others:
        if env.observation_shape != first.observation_shape:
            raise ValueError(
                f"expected games that show the same; observations are {env.observation_shape} in "
                f"{env.name!r} and {first.observation_shape} in {first.name!r}"
            )
