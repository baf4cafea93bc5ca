"""What tests share: an environment that plays a script, agents, and small settings.

A frame of the scripted environment names where it comes from.
"""

from dataclasses import replace

import gymnasium
import numpy as np
import torch
from torch import nn

from pdlearn.checkpoints import Agent
from pdlearn.envs import PREPROCESSING, Environment, Outcome
from pdlearn.envs.catch import CELL, Catch
from pdlearn.games import GAMES
from pdlearn.networks import QNetwork
from pdlearn.presets import DQN_BUDGETS


class TapeEnvironment(Environment):
    """Copies that play scripted episodes; a frame's first pixels are (env, episode, t + 1).

    `script[env]` is a list of (length, how it ends, steps at which a life is lost). The reward of
    the step to time t is `10 * episode + t`; the step after an end ignores its action and restarts.
    """

    name = "tape"
    action_names = ("LEFT", "RIGHT")
    observation_shape = (2, 2, 2)
    preprocessing: dict = {}

    def __init__(self, script, number=0):
        self.script = script
        self.numbers = range(number, number + len(script))  # of the copies
        self.num_envs = len(script)
        self.closed = False
        self.sent = None

    def reset_to(self, seeds):
        self.at = [(0, 0)] * self.num_envs
        self.over = [False] * self.num_envs
        self.lives = [9] * self.num_envs
        self.stacks = np.zeros((self.num_envs, *self.observation_shape), np.uint8)
        for env in range(self.num_envs):
            self._show(env, fresh=True)
        return self.stacks.copy()

    def _show(self, env, fresh):
        episode, t = self.at[env]
        frame = np.array([[self.numbers[env], episode], [t + 1, 0]], np.uint8)
        if fresh:
            self.stacks[env] = 0
        self.stacks[env] = np.concatenate([self.stacks[env, 1:], frame[None]])

    def send(self, action):
        assert self.sent is None, "sent twice without receiving"
        self.sent = action

    def recv(self):
        assert self.sent is not None, "received without sending"
        self.sent = None
        reward = np.zeros(self.num_envs, np.float32)
        terminated = np.zeros(self.num_envs, bool)
        truncated = np.zeros(self.num_envs, bool)
        for env in range(self.num_envs):
            episode, t = self.at[env]
            if self.over[env]:
                self.at[env] = (episode + 1, 0)
                self.over[env] = False
                self.lives[env] = 9
                self._show(env, fresh=True)
                continue
            length, end, lost = self.script[env][episode]
            t += 1
            self.at[env] = (episode, t)
            self._show(env, fresh=False)
            reward[env] = 10 * episode + t
            self.lives[env] -= t in lost
            if t == length:
                self.over[env] = True
                (terminated if end == "terminated" else truncated)[env] = True
        return Outcome(self.stacks.copy(), reward, terminated, truncated, np.array(self.lives))

    def close(self):
        self.closed = True


# A script for replay memories: three copies of 60 episodes.
GAMMA = 0.9
SCRIPT = [
    [(1 + (7 * k + e) % 9, ("terminated", "truncated")[(k + e) % 2], (2,)) for k in range(60)]
    for e in range(3)
]


def where(frame):
    """Return (env, episode, t) of a newest frame."""
    return int(frame[0, 0]), int(frame[0, 1]), int(frame[1, 0]) - 1


def expected(env, episode, t, n_step):
    """Return the n-step return, discount and arrival time by the script itself."""
    length, end, lost = SCRIPT[env][episode]
    reward, discount = 0.0, 1.0
    for _ in range(n_step):
        if t == length:
            break
        t += 1
        reward += discount * (10 * episode + t)
        dead = (t == length and end == "terminated") or t in lost
        discount *= 0.0 if dead else GAMMA
    return reward, discount, t


class SeededTape(TapeEnvironment):
    """Copies that play the episodes of the seed that they are reset to, of `{seed: episodes}`."""

    def __init__(self, episodes, num_envs):
        super().__init__([[]] * num_envs)
        self.episodes = episodes

    def reset_to(self, seeds):
        self.script = [self.episodes[seed] for seed in seeds]
        self.numbers = [list(self.episodes).index(seed) for seed in seeds]
        return super().reset_to(seeds)


def deal(script):
    """Return a stand-in for `envs.make` that deals out the script's copies in turn, and its list.

    Two environments of one copy each play what one environment of two copies would. Copies of a
    script `{seed: episodes}` go by the seed.
    """
    made = []

    def make(name, num_envs, **settings):
        if isinstance(script, dict):
            made.append(SeededTape(script, num_envs))
            return made[-1]
        number = sum(env.num_envs for env in made) % len(script)
        assert number + num_envs <= len(script), "more copies than the script has"
        made.append(TapeEnvironment(script[number : number + num_envs], number))
        return made[-1]

    return make, made


class AlternatingPolicy:
    """Acts 0, 1, 0, 1, …; its values are the newest frame's (env, episode)."""

    device = torch.device("cpu")

    def __init__(self):
        self.count = 0

    def __call__(self, observation):
        action = torch.full((len(observation),), self.count % 2)
        self.count += 1
        return action, observation[:, -1, 0].float()


class MirroredCatch(Catch):
    """Catch upside down, its moves exchanged, and with a fourth action that also stays."""

    action_space = gymnasium.spaces.Discrete(4)

    def step(self, action):
        return super().step((0, 2, 1, 0)[action])

    def _look(self):
        return super()._look()[:, ::-1].copy()


CATCH, MIRRORED = "pdlearn/Catch-v0", "pdlearn/MirroredCatch-v0"
gymnasium.register(MIRRORED, entry_point=MirroredCatch)


class CatchExpert(nn.Module):
    """Plays Catch, or its mirror, without a miss; values are 1 for the best action and 0 else."""

    def __init__(self, mirrored=False):
        super().__init__()
        self.mirrored = mirrored
        self.register_buffer("mark", torch.tensor([float(mirrored)]))  # a fingerprint of its own

    def forward(self, observation):
        frame = observation[:, -1].float()
        frame = frame.flip(1) if self.mirrored else frame
        columns = torch.arange(84.0) // CELL
        ball, paddle = frame[:, :-CELL].sum(1), frame[:, -CELL:].sum(1)  # [B, 84]
        ball = (ball * columns).sum(1) / ball.sum(1).clamp(min=1)
        paddle = (paddle * columns).sum(1) / paddle.sum(1)
        best = torch.where(ball < paddle - 0.6, 1, torch.where(ball > paddle + 0.6, 2, 0))
        if self.mirrored:
            best = torch.tensor([0, 2, 1])[best]
        return nn.functional.one_hot(best, 4 if self.mirrored else 3).float()


def catch_experts():
    """Return a teacher of Catch and one of its mirror."""
    return [
        Agent(
            CatchExpert(game == MIRRORED),
            {
                "games": {game: actions}, "size": "teacher",
                "observation_shape": [4, 84, 84], "preprocessing": {},
            },
        )
        for game, actions in ((CATCH, ["0", "1", "2"]), (MIRRORED, ["0", "1", "2", "3"]))
    ]  # fmt: skip


def make_agent(seed=0, game="pong", **made) -> Agent:
    """Return an untrained net3; `made` is what its card says of its making."""
    actions = GAMES[game].actions
    network = QNetwork(len(actions), "net3", generator=torch.Generator().manual_seed(seed))
    card = {"games": {game: list(actions)}, "size": "net3", "made": made}
    return Agent(network.requires_grad_(False), card)


def untrained(game=CATCH, actions=3, shape=(4, 84, 84)):
    """Return an untrained net3 of any game, with a whole card."""
    network = QNetwork(actions, "net3", shape, torch.Generator().manual_seed(0))
    names = {"tape": TapeEnvironment.action_names, CATCH: ("0", "1", "2")}.get(game)
    card = {
        "games": {game: names or GAMES[game].actions}, "size": "net3", "observation_shape": shape,
        "preprocessing": dict(PREPROCESSING) if game in GAMES else {}, "made": {"by": "dqn"},
    }  # fmt: skip
    return Agent(network.requires_grad_(False), card)


# A DQN of Catch that ends within a second, and one that learns the game.
TINY = replace(
    DQN_BUDGETS["smoke"], size="net3", num_envs=4, minibatch=16, learn_start_steps=200,
    agent_steps=2_000, memory_steps=1_000, evaluation_period_steps=10**9,
)  # fmt: skip
LEARNING = replace(
    TINY, num_envs=8, agent_steps=12_000, memory_steps=12_000, minibatch=32, samples_per_step=4.0,
    learning_rate=1e-3, target_period_updates=100, epsilon_decay_steps=6_000, learn_start_steps=500,
    priority_exponent=0.0, n_step=3,
)  # fmt: skip


def without_clocks(rows):
    """Return the rows as strings, without what differs between two equal runs."""
    clocks = ("seconds", "steps_per_second", "samples_per_second")
    return [{k: str(v) for k, v in row.items() if k not in clocks} for row in rows]
