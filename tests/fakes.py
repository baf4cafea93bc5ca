"""Fakes: an environment that plays a script, its frames naming where they come from; agents."""

import numpy as np
import torch

from pdlearn.checkpoints import Agent
from pdlearn.envs import Environment, Outcome
from pdlearn.games import GAMES
from pdlearn.networks import QNetwork


class TapeEnvironment(Environment):
    """Copies that play scripted episodes; a frame's first pixels are (env, episode, t + 1).

    `script[env]` is a list of (length, how it ends, steps at which a life is lost). The reward of
    the step to time t is `10 * episode + t`; the step after an end ignores its action and restarts.
    """

    name = "tape"
    action_names = ("LEFT", "RIGHT")
    observation_shape = (2, 2, 2)
    preprocessing: dict = {}

    def __init__(self, script):
        self.script = script
        self.num_envs = len(script)
        self.closed = False
        self.sent = None

    def reset(self, seed, purpose):
        self.at = [(0, 0)] * self.num_envs
        self.over = [False] * self.num_envs
        self.lives = [9] * self.num_envs
        self.stacks = np.zeros((self.num_envs, *self.observation_shape), np.uint8)
        for env in range(self.num_envs):
            self._show(env, fresh=True)
        return self.stacks.copy()

    def _show(self, env, fresh):
        episode, t = self.at[env]
        frame = np.array([[env, episode], [t + 1, 0]], np.uint8)
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


class AlternatingPolicy:
    """Acts 0, 1, 0, 1, …; its values are the newest frame's (env, episode)."""

    device = torch.device("cpu")

    def __init__(self):
        self.count = 0

    def __call__(self, observation):
        action = torch.full((len(observation),), self.count % 2)
        self.count += 1
        return action, observation[:, -1, 0].float()


def make_agent(seed=0, game="pong", **made) -> Agent:
    """Return an untrained net3; `made` is what its card says of its making."""
    actions = GAMES[game].actions
    network = QNetwork(len(actions), "net3", generator=torch.Generator().manual_seed(seed))
    card = {"game": game, "actions": actions, "size": "net3", "made": made}
    return Agent(network.requires_grad_(False), card)
