"""Perturbation saliency: which parts of a picture change a network's outputs when blurred.

Source: Greydanus et al. 2018, "Visualizing and Understanding Atari Agents". A Gaussian mask blends
a spot of the picture with a blurred copy. The spot's saliency is half the squared change of the
outputs. The mean over actions is subtracted from the outputs first, because a change that all
actions share does not change the choice.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from pdlearn.torso import blends

# The paper's values, for pictures of 80 x 80.
SPACING = 5  # pixels between spots
MASK_SIGMA = 5.0  # pixels
BLUR_SIGMA = 3.0  # pixels


class Saliency(NamedTuple):
    """Saliency of one state on a grid of spots; the first spot is at pixel (2, 2)."""

    strength: Tensor  # float32 [R, C], half the squared change
    choice: Tensor  # int64 [R, C], the best action when the spot is blurred


def perturbation_saliency(network: nn.Module, observation: Tensor) -> Saliency:
    """Return the saliency of `observation`, uint8 `[S, H, W]`, for `network`.

    A spot is blurred in all S frames at once. It takes R x C + 1 forward passes: 290 for 84 x 84.
    Raises ValueError for observations of another type or number of dimensions.
    """
    if observation.dtype != torch.uint8 or observation.ndim != 3:
        raise ValueError(
            "expected an observation as uint8 [S, H, W]; got "
            f"{observation.dtype} {list(observation.shape)}"
        )
    with blends(network), torch.no_grad():
        return _perturbed(network, observation)


def _perturbed(network: nn.Module, observation: Tensor) -> Saliency:
    frames = observation.float()
    height, width = frames.shape[1:]
    device = frames.device
    blurred = _gaussian(height, device) @ frames @ _gaussian(width, device).T
    rows, columns = (_masks(size, device) for size in (height, width))
    strengths, choices = [], []
    before = _centred(network(frames[None]))
    for row in rows:  # one row of spots at a time, to keep the batch small
        mask = row[None, :, None] * columns[:, None, :]  # [C, H, W]
        fading = frames + mask[:, None] * (blurred - frames)  # [C, S, H, W]
        after = _centred(network(fading))
        strengths.append((after - before).square().sum(1) / 2)
        choices.append(after.argmax(1))
    return Saliency(torch.stack(strengths), torch.stack(choices))


def _centred(outputs: Tensor) -> Tensor:
    return outputs - outputs.mean(1, keepdim=True)


def _gaussian(size: int, device: torch.device) -> Tensor:
    """Return `[size, size]`, a Gaussian blur of a line of pixels as a matrix."""
    at = torch.arange(size, device=device, dtype=torch.float32)
    weights = torch.exp(-((at[:, None] - at) ** 2) / (2 * BLUR_SIGMA**2))
    return weights / weights.sum(1, keepdim=True)


def _masks(size: int, device: torch.device) -> Tensor:
    """Return `[spots, size]`: each spot's mask along one axis, 1 at its centre."""
    at = torch.arange(size, device=device, dtype=torch.float32)
    centres = at[SPACING // 2 :: SPACING]
    return torch.exp(-((centres[:, None] - at) ** 2) / (2 * MASK_SIGMA**2))
