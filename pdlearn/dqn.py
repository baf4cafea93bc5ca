"""The teacher's loop: deep Q-learning (Mnih et al. 2015).

The recipe is a `TeacherConfig`: Nature's to the letter, or with double and n-step targets and
larger minibatches. Rewards are clipped and lost lives end the bootstrap only as a transition is
stored; the game goes on, and every score here is the game's own.
"""

import copy
import math
import time
from collections import deque
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from pdlearn import envs
from pdlearn.checkpoints import Agent, save_agent
from pdlearn.evaluation import evaluate
from pdlearn.learner import Learner, load_part
from pdlearn.losses import td_loss, td_target
from pdlearn.memory import Memory, Transitions
from pdlearn.networks import QNetwork
from pdlearn.presets import EvalConfig, TeacherConfig
from pdlearn.rollout import EpisodeTracker, EpsilonGreedy, steps
from pdlearn.runs import Run


class QLearner(Learner):
    """A Q-network and the target network it bootstraps from."""

    def __init__(self, config: TeacherConfig, network: QNetwork, precision: str = "float32"):
        super().__init__(config, network, precision)
        self.target = copy.deepcopy(network).requires_grad_(False)

    def loss(self, batch: Transitions) -> Tensor:
        """Return the TD loss of a minibatch."""
        with torch.no_grad():
            online_q_t = self.network(batch.observation_t) if self.config.double else None
            target_q_t = self.target(batch.observation_t)
            target = td_target(batch.reward_t, batch.discount_t, target_q_t, online_q_t)
        return td_loss(self.network(batch.observation_tm1), batch.action_tm1, target)

    def learning_rate(self) -> float:
        """Return the step size of the next update: smaller in the run's last quarter."""
        config = self.config
        learnt = self.updates * config.minibatch
        late = learnt >= 0.75 * config.agent_steps * config.samples_per_step
        return config.learning_rate_final if late else config.learning_rate

    def update(self, batch: Transitions) -> Tensor:
        """Take one optimiser step; every `target_period_updates` the target catches up."""
        loss = super().update(batch)
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
    """Train a DQN teacher on `game`; see `Run` for the keywords.

    A row every `row_steps` agent steps: agent_steps, updates, episodes, epsilon, loss, score (mean
    of the last 20 training episodes), evaluation (mean score of a few episodes, when one was due),
    best_evaluation, steps_per_second, seconds. The agent of the best evaluation is kept beside the
    last one, as `best.safetensors`; that evaluation chose it, so score it afresh.

    A resumed run fills its memory again before it learns, playing the network as it stands.
    """

    kind = "teach"
    row_steps = 2_000

    def __init__(self, game: str, config: TeacherConfig, **keywords):
        super().__init__(config, **keywords)
        self.game = game
        self.env = envs.make(game, config.num_envs)
        network = QNetwork(
            self.env.num_actions, config.size, self.env.observation_shape,
            torch.Generator().manual_seed(self.seed),
        )  # fmt: skip
        self.learner = QLearner(config, network.to(self.device), self.precision)
        self.episodes = 0
        self.best_evaluation = -math.inf

    def facts(self) -> dict:
        return {"game": self.game, "seed": self.seed}

    def counts(self) -> dict:
        samples = self.learner.updates * self.config.minibatch
        more = {"episodes": self.episodes, "best_evaluation": self.best_evaluation}
        return super().counts() | more | {"samples": samples}

    def carry_on(self, counts: dict) -> None:
        super().carry_on(counts)
        self.episodes = counts["episodes"]
        self.best_evaluation = counts["best_evaluation"]

    def agent(self) -> Agent:
        card = {
            "game": self.game,
            "actions": list(self.env.action_names),
            "size": self.learner.network.size,
            "observation_shape": list(self.env.observation_shape),
            "preprocessing": self.env.preprocessing,
            "made": self.made(),
        }
        return Agent(self.learner.network, card)

    def rows(self) -> Iterator[dict]:
        config = self.config
        memory = Memory(
            config.memory_steps, config.num_envs, self.env.observation_shape, self.device
        )
        policy = EpsilonGreedy(self.learner.network, 1.0, self.generator, config.longest_hold_steps)
        tracker = EpisodeTracker(config.num_envs)
        scores = deque(maxlen=20)
        losses = []
        owed = 0.0  # samples that should have been learnt by now
        learn_start_steps = self.agent_steps + config.learn_start_steps
        row_at = time.monotonic()
        policy.epsilon = epsilon_at(config, self.agent_steps)
        play = steps(self.env, policy, self.env_seed, "teach")
        try:
            for step in play:
                reward = np.sign(step.reward) if config.clip_reward else step.reward
                ended = step.terminated
                if config.end_on_life_loss:
                    ended = ended | step.life_lost
                memory.add(step, reward, np.where(ended, 0.0, config.discount))
                for episode in tracker.add(step):
                    scores.append(episode.score)
                    self.episodes += 1
                self.agent_steps += config.num_envs
                policy.epsilon = epsilon_at(config, self.agent_steps)

                if self.agent_steps > learn_start_steps:
                    owed += config.num_envs * config.samples_per_step
                while owed >= config.minibatch:
                    batch = memory.sample_transitions(
                        config.minibatch, config.n_step, self.generator
                    )
                    losses.append(self.learner.update(batch))
                    owed -= config.minibatch

                finished = self.agent_steps >= config.agent_steps
                evaluation_due = losses and self._passed(config.evaluation_period_steps)
                if self._passed(self.row_steps) or evaluation_due or finished:
                    rate = self.row_steps / (time.monotonic() - row_at)
                    yield {
                        "agent_steps": self.agent_steps,
                        "updates": self.learner.updates,
                        "episodes": self.episodes,
                        "epsilon": round(policy.epsilon, 4),
                        "loss": torch.stack(losses).mean().item() if losses else math.nan,
                        "score": float(np.mean(scores)) if scores else math.nan,
                        "evaluation": self._evaluate() if evaluation_due else math.nan,
                        "best_evaluation": self.best_evaluation,
                        "steps_per_second": rate,
                        "seconds": self.seconds,
                    }
                    losses.clear()
                    row_at = time.monotonic()
                if finished:
                    return
        finally:
            play.close()

    def _passed(self, period_steps: int) -> bool:
        """Return whether the newest vector step reached a multiple of `period_steps`."""
        return self.agent_steps % period_steps < self.config.num_envs

    def _evaluate(self) -> float:
        config = EvalConfig(
            episodes=self.config.evaluation_episodes, epsilon=self.config.evaluation_epsilon
        )
        # New games every time: the best of many evaluations must not be the best on one draw.
        agent = self.agent()
        result = evaluate(agent, config, self.seed + self.agent_steps)
        if result.mean >= self.best_evaluation:
            self.best_evaluation = result.mean
            if self.folder is not None:
                card = {**agent.card, "chosen_by": result.card()}
                save_agent(self.folder / "best.safetensors", Agent(agent.network, card))
        return result.mean
