"""Saliency: where a made-up network looks, and nowhere else, by a formula done the long way."""

import re

import numpy as np
import pytest
import torch
from fakes import make_agent
from shown import BLOCKS, STATE, STUDENT, TEACHER, decode
from torch import nn

from pdlearn.saliency import perturbation_saliency
from pdlearn.torso import blends
from pdlearn.widgets import saliency


class Looker(nn.Module):
    """Weighs the mean of one patch of the newest frame, differently for each action."""

    def __init__(self, weights, row=42, column=62):
        super().__init__()
        self.weights, self.row, self.column = torch.tensor(weights), row, column

    def forward(self, observation):
        patch = observation.float()[:, -1, self.row - 1 : self.row + 2, self.column - 1 :]
        return patch[..., :3].mean((1, 2))[:, None] * self.weights


def dots() -> torch.Tensor:
    """Return a state of separate bright dots, 10 pixels apart: blurring moves each of them."""
    state = torch.zeros(4, 84, 84, dtype=torch.uint8)
    state[:, 2::10, 2::10] = 255
    return state


def test_the_brightest_spot_is_where_the_network_looks_and_far_ones_are_dark():
    strength, _ = perturbation_saliency(Looker([1.0, 0.0]), dots())
    assert strength.shape == (17, 17)
    row, column = divmod(int(strength.argmax()), 17)
    assert (2 + 5 * row, 2 + 5 * column) == (42, 62)
    assert strength[0, 0] < 1e-6 * strength.max()


def test_what_moves_all_actions_alike_decides_nothing():
    strength, _ = perturbation_saliency(Looker([3.0, 3.0]), dots())
    assert strength.max() < 1e-8


def test_strength_is_half_the_squared_change_of_the_centred_outputs():
    state = torch.from_numpy(STATE)
    frames = STATE.astype(float)
    at = np.arange(84)
    kernel = np.exp(-((at[:, None] - at) ** 2) / (2 * 3.0**2))
    kernel /= kernel.sum(1, keepdims=True)
    blurred = np.einsum("ab,sbc,dc->sad", kernel, frames, kernel)
    y, x = 37, 12  # the spot of row 7, column 2
    mask = np.exp(-((at[:, None] - y) ** 2 + (at - x) ** 2) / (2 * 5.0**2))
    faded = torch.from_numpy(frames * (1 - mask) + blurred * mask).float()
    with blends(TEACHER.network):
        before, after = (TEACHER.network(each[None])[0] for each in (state.float(), faded))
    change = (after - after.mean()) - (before - before.mean())
    strength, choice = perturbation_saliency(TEACHER.network, state)
    assert strength[7, 2].item() == pytest.approx(0.5 * (change**2).sum().item(), rel=1e-3)
    assert choice[7, 2] == after.argmax()


def test_the_widget_holds_each_agents_map_on_a_scale_of_its_own(attending):
    for agent, packed in zip((TEACHER, STUDENT), attending.data["agents"], strict=True):
        states = torch.from_numpy(BLOCKS)
        maps = torch.stack([perturbation_saliency(agent.network, s).strength for s in states])
        np.testing.assert_allclose(decode(packed["strength"]), maps / maps.max(), atol=1e-5)
        np.testing.assert_array_equal(decode(packed["choice"]), agent.network(states).argmax(1))
    np.testing.assert_array_equal(decode(attending.data["pictures"]), BLOCKS[:, -1])


@pytest.mark.parametrize(
    ("state", "student", "message"),
    [
        (STATE[:3], None, "expected a state of shape [4, 84, 84]; got [3, 84, 84]"),
        (STATE[None] / 255, None, "expected a state of uint8; got float64"),
        (STATE, make_agent(game="qbert"), "the student plays 'qbert'; expected 'pong'"),
    ],
)
def test_what_an_agent_cannot_see_is_refused(state, student, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        saliency(TEACHER, state, student)
