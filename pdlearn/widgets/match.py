"""A match: a person's game and an agent's, from the same start, advanced together.

The agent decides every four frames in both games. In the person's game its choice is shown as
advice, and played while the person has handed the game over. The person's game is recorded, and can
be saved.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from pdlearn import envs
from pdlearn.checkpoints import Agent
from pdlearn.envs import FRAMES_PER_STEP
from pdlearn.envs.console import Colours, Console, ProfiledConsole
from pdlearn.envs.preprocessing import from_card
from pdlearn.hardware import torch_threads
from pdlearn.replay.memory import Memory
from pdlearn.replay.recordings import save_recording
from pdlearn.rollout import EpsilonGreedy, Step
from pdlearn.starts import Starts, save_starts
from pdlearn.starts.recorder import card_of, start_after


class Kept(NamedTuple):
    """An agent step of the person's game."""

    observation: np.ndarray  # uint8 [4, 84, 84]
    q: torch.Tensor  # float32 [A], the agent's output
    action: int
    by_person: bool


class Match:
    """Two games: `own`, a person's, and `rival`, the agent's; see `new_game`.

    Both are played under the agent's preprocessing.
    """

    def __init__(self, agent: Agent, epsilon: float):
        self.profile = from_card(agent.card.get("preprocessing"))
        self.agent = agent
        self.epsilon = epsilon
        self.colours = Colours()
        self.own, self.rival = self._console(), self._console()

    def _console(self) -> Console | ProfiledConsole:
        if self.profile.is_ours:
            return Console(self.agent.game, self.colours)
        return ProfiledConsole(self.agent.game, self.colours, self.profile)

    def new_game(self, seed: int) -> None:
        """Start both games from `seed`."""
        self.seed = seed
        for console in (self.own, self.rival):
            console.reset(seed, "show")
        generator = torch.Generator(self.agent.device).manual_seed(seed)
        self._policy = EpsilonGreedy(self.agent.network, self.epsilon, generator)
        self.frames = 0
        self.action = 0  # the last one in the person's game
        self.kept: list[Kept] = []
        self.in_agent_steps = True  # whether every action was held for an agent step
        self._decide()

    @property
    def over(self) -> bool:
        return self.own.over and self.rival.over

    def advance(self, action: int | None, frames: int) -> None:
        """Play `frames` frames of both games; if `action` is None, the agent plays both."""
        for _ in range(frames):
            if self.over:
                return
            move = self.agent_action if action is None else action
            if not self.own.over:
                self._keep(move, by_person=action is not None)
            self.own.advance(move)
            self.rival.advance(self.rival_action)
            self.frames += 1
            if self.frames % FRAMES_PER_STEP == 0:
                self._decide()

    def start(self) -> Starts:
        """Return the present state of the person's game as a set of one recorded start.

        Raises ValueError if an action changed within an agent step, if the game is over, and under
        another preprocessing than pdlearn's own.
        """
        if not self.in_agent_steps:
            raise ValueError(
                "this game was played at 30 or 60 decisions a second; expected 15 throughout, "
                "the agent's own, for a start"
            )
        self._refuse_other_preprocessing()
        game = self.agent.game
        seed = int(envs.env_seeds(self.seed, "show", 1)[0])
        start = start_after(game, seed, [step.action for step in self.kept])
        return Starts(game, (start,), card_of(game, self._made()))

    def save_start(self, path: str | Path) -> None:
        """Write `start` to `path`, for `evaluate`."""
        save_starts(path, self.start())

    def save_demonstrations(self, path: str | Path) -> None:
        """Write a recording of the person's game, from which a student can learn.

        It holds each state with the agent's values and the action taken. Where the action changed
        within an agent step, the first one is stored. Raises ValueError for fewer than 8 agent
        steps, for an agent that puts out logits, because a recording holds Q-values, and under
        another preprocessing than pdlearn's own.
        """
        self._refuse_other_preprocessing()
        if self.agent.outputs != "q":
            raise ValueError("the agent puts out logits; expected one whose outputs are Q-values")
        if len(self.kept) < 8:
            raise ValueError(f"expected at least 8 steps to save; got {len(self.kept)}")
        card = {
            "game": self.agent.game,
            "actions": list(self.own.action_names),
            "preprocessing": envs.PREPROCESSING,
            **self._made(),
        }
        save_recording(path, self._memory(), card)

    def _refuse_other_preprocessing(self) -> None:
        if not self.profile.is_ours:
            raise ValueError(
                "games are saved under pdlearn's own preprocessing; this one has "
                f"{self.profile.describe()}"
            )

    def _made(self) -> dict:
        """Return the card's entries on how the person's game was played."""
        return {
            "seed": self.seed,
            "steps_by_person": sum(step.by_person for step in self.kept),
            "score": self.own.score,
        }

    def close(self) -> None:
        self.own.close()
        self.rival.close()

    def _decide(self) -> None:
        """Compute the agent's values and actions in both games."""
        seen = np.stack([self.own.observation, self.rival.observation])
        with torch_threads(1):  # the browser needs the processors, and waiting for threads is slow
            action, q = self._policy(torch.from_numpy(seen).to(self.agent.device))
        self.q = q.cpu()  # [2, A]
        self.agent_action, self.rival_action = action.tolist()

    def _keep(self, move: int, by_person: bool) -> None:
        if self.frames % FRAMES_PER_STEP == 0:
            self.kept.append(Kept(self.own.observation, self.q[0], move, by_person))
        elif move != self.action:
            self.in_agent_steps = False
        self.action = move

    def _memory(self) -> Memory:
        """Return the recorded steps as a memory, with the last observation of a finished game."""
        kept = list(self.kept)
        if self.own.over:
            kept.append(Kept(self.own.observation, self.q[0], 0, by_person=False))
        memory = Memory(
            len(kept), 1, kept[0].observation.shape, num_actions=len(self.own.action_names)
        )
        zero, no = np.zeros(1, np.float32), np.zeros(1, bool)
        for t, (observation, q, action, _) in enumerate(kept):
            step = Step(
                torch.from_numpy(observation)[None],
                torch.tensor([action]),
                q[None],
                first=np.array([t == 0]),
                last=np.array([t == len(self.kept)]),
                reward=zero,
                terminated=no,
                truncated=no,
                life_lost=no,
            )
            memory.add(step, zero, zero)
        return memory
