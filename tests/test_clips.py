"""Recorded play: pictures and decisions belong together."""

import numpy as np
import pytest
import torch

from pdlearn.checkpoints import Agent
from pdlearn.envs.console import Colours
from pdlearn.networks import QNetwork
from pdlearn.web.clips import record_clip


@pytest.fixture(scope="module")
def clip():
    network = QNetwork(6, "net3", generator=torch.Generator().manual_seed(0)).requires_grad_(False)
    return record_clip("untrained", Agent(network, {"games": {"pong": []}}), agent_steps=120)


def test_a_clip_has_one_row_a_step(clip):
    assert clip.frames.shape == (120, 210, 160) and clip.values.shape == (120, 6)
    assert len(clip.actions) == len(clip.scores) == len(clip.observations) == 120


def test_the_picture_is_the_one_the_agent_saw(clip):
    # The scoreboard aside, a column of the picture is bright where the network's frame is.
    grey = clip.palette[clip.frames].mean(-1)
    for t in (0, 60, 119):
        picture = grey[t].reshape(42, 5, 32, 5).mean((1, 3)).mean(1)
        seen = clip.observations[t, -1].astype(float).reshape(42, 2, 42, 2).mean((1, 3)).mean(1)
        assert np.corrcoef(picture, seen)[0, 1] > 0.9


def test_the_score_only_counts_points_already_won(clip):
    assert clip.scores[0] == 0 and np.abs(np.diff(clip.scores)).max() <= 1


def test_a_palette_gives_back_every_colour():
    pictures = np.random.default_rng(0).integers(0, 4, (2, 5, 4, 3)).astype(np.uint8) * 80
    colours = Colours()
    indices = np.stack([colours.index(picture) for picture in pictures])
    assert (colours.palette[indices] == pictures).all()


def test_more_colours_than_a_byte_can_number_are_refused():
    picture = np.zeros((16, 16, 3), np.uint8)
    picture[..., 0] = np.arange(256).reshape(16, 16)
    with pytest.raises(ValueError, match="at most 255 colours"):
        Colours().index(picture)
