"""The teacher's loop: deep Q-learning (Mnih et al. 2015).

The recipe is a `TeacherConfig`: Nature's to the letter, or with double and n-step targets and
larger minibatches. Several games are learnt by one network in turns, each from a memory of its own
(Rusu et al. 2015, section 3.3: Multi-DQN); one game is the list of length one.
"""

import copy
import itertools
import math
import time
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from pdlearn import envs
from pdlearn.checkpoints import Agent, save_agent
from pdlearn.evaluation import evaluate
from pdlearn.games import joint_score
from pdlearn.learner import Learner, load_part
from pdlearn.losses import td_error, td_loss, td_target
from pdlearn.memory import Transitions
from pdlearn.networks import MultiGameNetwork, QNetwork, network_for
from pdlearn.player import Player
from pdlearn.presets import EvalConfig, TeacherConfig
from pdlearn.runs import Run


class QLearner(Learner):
    """A Q-network and the target network it bootstraps from."""

    def __init__(
        self,
        config: TeacherConfig,
        network: QNetwork | MultiGameNetwork,
        precision: str = "float32",
    ):
        super().__init__(config, network, precision)
        self.target = copy.deepcopy(network).requires_grad_(False)
        self.error = None  # float32 [B], the TD errors of the minibatch learnt last

    def loss(self, batch: Transitions, game: str | None = None) -> Tensor:
        """Return the TD loss of a minibatch; `game` names the part of a network for several."""
        network, target = (
            part if game is None else part.for_game(game) for part in (self.network, self.target)
        )
        with torch.no_grad():
            online_q_t = network(batch.observation_t) if self.config.double else None
            target_q_t = target(batch.observation_t)
            goal = td_target(batch.reward_t, batch.discount_t, target_q_t, online_q_t)
        q_tm1 = network(batch.observation_tm1)
        self.error = td_error(q_tm1.detach(), batch.action_tm1, goal)
        return td_loss(q_tm1, batch.action_tm1, goal, batch.weight)

    def learning_rate(self) -> float:
        """Return the step size of the next update: smaller in the run's last quarter."""
        config = self.config
        learnt = self.updates * config.minibatch
        late = learnt >= 0.75 * config.agent_steps * config.samples_per_step
        return config.learning_rate_final if late else config.learning_rate

    def update(self, *batch) -> Tensor:
        """Take one optimiser step; every `target_period_updates` the target catches up."""
        loss = super().update(*batch)
        if self.updates % self.config.target_period_updates == 0:
            self.target.load_state_dict(self.network.state_dict())
        return loss

    def tensors(self) -> dict[str, Tensor]:
        target = {f"target.{k}": v for k, v in self.target.state_dict().items()}
        return super().tensors() | target

    def restore(self, tensors: dict[str, Tensor]) -> None:
        super().restore(tensors)
        load_part(self.target, "target.", tensors)


def epsilon_at(config: TeacherConfig, agent_steps: int) -> float:
    """Return the exploration after `agent_steps`: linear from start to final, then constant."""
    done = min(agent_steps / config.epsilon_decay_steps, 1.0)
    return config.epsilon_start + done * (config.epsilon_final - config.epsilon_start)


class Teaching(Run):
    """Train a DQN teacher on `game`, or one network on several games; see `Run` for the keywords.

    A row every `row_steps` agent steps: agent_steps, updates, episodes, epsilon, loss, score (mean
    of the last 20 training episodes), evaluation (mean score of a few episodes, when one was due),
    best_evaluation, steps_per_second, seconds. The agent of the best evaluation is kept beside the
    last one, as `best.safetensors`; that evaluation chose it, so score it afresh.

    Several games advance in turn, a vector step each, and minibatches are of each game in turn. All
    settings count the games together, but `memory_steps` and `num_envs` are of each. For each game
    columns score_GAME and evaluation_GAME follow, of which score and evaluation are `joint_score`.

    A resumed run fills its memories again before it learns, playing the network as it stands.

    Raises ValueError for no game, for one named twice, for games that show different things, and
    for a size that does not suit the number of games.
    """

    kind = "teach"
    row_steps = 2_000

    def __init__(self, game: str | Sequence[str], config: TeacherConfig, **keywords):
        super().__init__(config, **keywords)
        games = [game] if isinstance(game, str) else list(game)
        if not games or len(set(games)) < len(games):
            raise ValueError(f"expected different games; got {', '.join(games) or 'none'}")
        self.envs = {game: envs.make(game, config.num_envs) for game in games}
        _refuse_different_sights(self.envs)
        self.several = len(games) > 1
        network = network_for(
            {game: env.num_actions for game, env in self.envs.items()}, config.size,
            self.envs[games[0]].observation_shape, torch.Generator().manual_seed(self.seed),
        )  # fmt: skip
        self.learner = QLearner(config, network.to(self.device), self.precision)
        self.episodes = 0
        self.best_evaluation = -math.inf

    def facts(self) -> dict:
        games = list(self.envs)
        named = {"games": games} if self.several else {"game": games[0]}
        return named | {"seed": self.seed}

    def counts(self) -> dict:
        samples = self.learner.updates * self.config.minibatch
        more = {"episodes": self.episodes, "best_evaluation": self.best_evaluation}
        return super().counts() | more | {"samples": samples}

    def carry_on(self, counts: dict) -> None:
        super().carry_on(counts)
        self.episodes = counts["episodes"]
        self.best_evaluation = counts["best_evaluation"]

    def agent(self) -> Agent:
        actions = {game: list(env.action_names) for game, env in self.envs.items()}
        game, env = next(iter(self.envs.items()))
        card = {"games": actions} if self.several else {"game": game, "actions": actions[game]}
        card |= {
            "size": self.learner.network.size,
            "observation_shape": list(env.observation_shape),
            "preprocessing": env.preprocessing,
            "made": self.made(),
        }
        return Agent(self.learner.network, card)

    def rows(self) -> Iterator[dict]:
        config = self.config
        agent = self.agent()
        players = {
            game: Player(env, agent.for_game(game).network, config, self.generator, self.env_seed)
            for game, env in self.envs.items()
        }
        learn_start_steps = self.agent_steps + config.learn_start_steps
        owed = 0.0  # samples that should have been learnt by now
        losses = []
        row_at = time.monotonic()
        turns = itertools.cycle(players.values())
        try:
            while self.agent_steps < config.agent_steps:
                self.episodes += next(turns).advance(epsilon_at(config, self.agent_steps))
                self.agent_steps += config.num_envs

                if self.agent_steps > learn_start_steps:
                    owed += config.num_envs * config.samples_per_step
                while owed >= config.minibatch:
                    losses.append(self._learn(players))
                    owed -= config.minibatch

                finished = self.agent_steps >= config.agent_steps
                evaluation_due = losses and self._passed(config.evaluation_period_steps)
                if self._passed(self.row_steps) or evaluation_due or finished:
                    rate = self.row_steps / (time.monotonic() - row_at)
                    loss = torch.stack(losses).mean().item() if losses else math.nan
                    scores = {game: player.score for game, player in players.items()}
                    yield self._row(loss, scores, evaluation_due, rate)
                    losses.clear()
                    row_at = time.monotonic()
        finally:
            for player in players.values():
                player.close()

    def _learn(self, players: dict[str, Player]) -> Tensor:
        """Learn a minibatch of the game whose turn it is, and return the loss."""
        config = self.config
        game = list(players)[self.learner.updates % len(players)]
        batch = players[game].memory.sample_transitions(
            config.minibatch, config.n_step, self.generator
        )
        loss = self.learner.update(*([batch, game] if self.several else [batch]))
        if config.priority_exponent:
            players[game].memory.set_errors(batch.row, self.learner.error)
        return loss

    def _row(
        self, loss: float, scores: dict[str, float], evaluation_due: bool, rate: float
    ) -> dict:
        evaluations = self._evaluate() if evaluation_due else dict.fromkeys(scores, math.nan)
        row = {
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
        }
        if self.several:
            row |= {f"score_{game}": score for game, score in scores.items()}
            row |= {f"evaluation_{game}": score for game, score in evaluations.items()}
        return row

    def _passed(self, period_steps: int) -> bool:
        """Return whether the newest vector step reached a multiple of `period_steps`."""
        return self.agent_steps % period_steps < self.config.num_envs

    def _evaluate(self) -> dict[str, float]:
        """Return each game's mean score; keep the agent if it is the best so far."""
        config = EvalConfig(
            episodes=self.config.evaluation_episodes, epsilon=self.config.evaluation_epsilon
        )
        # New games every time: the best of many evaluations must not be the best on one draw.
        seed = self.seed + self.agent_steps
        agent = self.agent()
        results = {game: evaluate(agent.for_game(game), config, seed) for game in self.envs}
        means = {game: result.mean for game, result in results.items()}
        if joint_score(means) >= self.best_evaluation:
            self.best_evaluation = joint_score(means)
            if self.folder is not None:
                cards = {game: result.card() for game, result in results.items()}
                chosen_by = cards if self.several else next(iter(cards.values()))
                best = Agent(agent.network, agent.card | {"chosen_by": chosen_by})
                save_agent(self.folder / "best.safetensors", best)
        return means


def _refuse_different_sights(games: dict[str, envs.Environment]) -> None:
    """Raise ValueError unless a single network can look at all `games`."""
    first, *others = games.values()
    for env in others:
        if env.observation_shape != first.observation_shape:
            raise ValueError(
                f"expected games that show the same; observations are {env.observation_shape} in "
                f"{env.name!r} and {first.observation_shape} in {first.name!r}"
            )
