"""A teacher's term in the loss of a DQN: kickstarting (Schmitt et al. 2018).

    loss = TD loss + weight(t) * KL(softmax(Q_teacher / temperature) || softmax(Q / temperature))

The weight decreases linearly to zero. From then on the loss is the TD loss alone, so that the
student can become better than its teacher. QDagger (Agarwal et al. 2022) adds such a term to
Q-learning. Unlike in `kl_loss` for a student's logits, the temperature divides both networks'
values: the student's outputs remain values.
"""

import copy

import torch
from torch import Tensor

from pdlearn import envs
from pdlearn.checkpoints import Agent
from pdlearn.envs.preprocessing import from_card
from pdlearn.losses import kl_loss
from pdlearn.presets import DQNConfig
from pdlearn.schema import shown


def weight_at(config: DQNConfig, agent_steps: int) -> float:
    """Return the weight of the teacher's term after `agent_steps`: linear to zero, then zero."""
    left = 1 - agent_steps / config.distillation_decay_steps
    return config.distillation_weight * max(left, 0.0)


class TeacherTerm:
    """The teacher's term of the loss, with its present weight.

    The teacher's network is copied to `device`. `kl` is the latest KL, without the weight, a scalar
    on the device; NaN before the first one.
    """

    def __init__(self, config: DQNConfig, teacher: Agent, device: torch.device):
        self.network = copy.deepcopy(teacher.network).to(device).requires_grad_(False).eval()
        self.temperature = config.distillation_temperature
        self.weight = config.distillation_weight
        self.kl = torch.full((), torch.nan, device=device)

    def __call__(self, q: Tensor, observation: Tensor) -> Tensor:
        """Return the weighted KL for the student's values `q` `[B, A]`, a scalar."""
        with torch.no_grad():
            teacher_q = self.network(observation)
        kl = kl_loss(q / self.temperature, teacher_q, self.temperature)
        self.kl = kl.detach()
        return self.weight * kl


def refuse_unsuited_teacher(
    teacher: Agent | None, config: DQNConfig, games: dict[str, envs.Environment]
) -> None:
    """Raise ValueError unless a DQN of `games` can learn from `teacher` with these settings."""
    weight = config.distillation_weight
    if teacher is None:
        if weight > 0:
            raise ValueError(f"expected a teacher with distillation_weight {weight:g}; got none")
        return
    if not isinstance(teacher, Agent):
        raise ValueError(f"expected a teacher as an Agent; got {shown(teacher)}")
    if weight == 0:
        raise ValueError("expected a distillation_weight above 0 with a teacher; got 0")
    if len(games) > 1:
        raise ValueError(f"expected one game with a teacher; got {', '.join(games)}")
    ((game, env),) = games.items()
    if teacher.games != (game,):
        raise ValueError(f"expected a teacher of {game!r}; got one of {', '.join(teacher.games)}")
    if teacher.outputs != "q":
        raise ValueError(f"expected a teacher that gives values; got one of {teacher.outputs}")
    shape = tuple(teacher.card["observation_shape"])
    foreign = envs.is_atari(game) and not from_card(teacher.card["preprocessing"]).is_ours
    for what, wanted, got in (
        ("actions", list(env.action_names), list(teacher.actions)),
        ("observations", env.observation_shape, shape),
        ("preprocessing", "pdlearn's", "another" if foreign else "pdlearn's"),
    ):
        if got != wanted:
            raise ValueError(f"expected a teacher with {what} {wanted}; got {got}")
