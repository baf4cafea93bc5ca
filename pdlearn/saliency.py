"""What in a picture a decision hangs on: blur it spot by spot and see what the network makes of it.

Perturbation saliency (Greydanus et al. 2018, "Visualizing and Understanding Atari Agents"): a spot
is faded into a blurred copy of the picture under a small Gaussian mask, and its saliency is half
the squared change of the outputs. From these their mean is taken first: what all actions gain alike
decides nothing, so of Q-values the gaps between actions remain, and logits are left as they are.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

# The paper's, for pictures of 80 x 80.
SPACING = 5  # pixels between spots
MASK_SIGMA = 5.0  # pixels
BLUR_SIGMA = 3.0  # pixels


class Saliency(NamedTuple):
    """One state's saliency at a grid of spots; the grid's first spot is at pixel (2, 2)."""

    strength: Tensor  # float32 [R, C], half the squared change
    choice: Tensor  # int64 [R, C], the best action when the spot is blurred


@torch.no_grad()
def perturbation_saliency(network: nn.Module, observation: Tensor) -> Saliency:
    """Return the saliency of `observation`, uint8 `[S, H, W]`, for the choice of `network`.

    A spot is blurred in all S frames at once. Takes R x C + 1 forward passes: 290 for 84 x 84.
    """
    frames = observation.float()
    height, width = frames.shape[1:]
    device = frames.device
    blurred = _gaussian(height, device) @ frames @ _gaussian(width, device).T
    rows, columns = (_masks(size, device) for size in (height, width))
    strengths, choices = [], []
    before = _centred(network(frames[None]))
    for row in rows:  # a row of spots at a time: all of them would be a large batch
        mask = row[None, :, None] * columns[:, None, :]  # [C, H, W]
        fading = frames + mask[:, None] * (blurred - frames)  # [C, S, H, W]
        after = _centred(network(fading))
        strengths.append((after - before).square().sum(1) / 2)
        choices.append(after.argmax(1))
    return Saliency(torch.stack(strengths), torch.stack(choices))


def _centred(outputs: Tensor) -> Tensor:
    return outputs - outputs.mean(1, keepdim=True)


def _gaussian(size: int, device: torch.device) -> Tensor:
    """Return `[size, size]`: each row blurs a line of pixels around its own."""
    at = torch.arange(size, device=device, dtype=torch.float32)
    weights = torch.exp(-((at[:, None] - at) ** 2) / (2 * BLUR_SIGMA**2))
    return weights / weights.sum(1, keepdim=True)


def _masks(size: int, device: torch.device) -> Tensor:
    """Return `[spots, size]`: one axis of the mask of each spot, 1 at its centre."""
    at = torch.arange(size, device=device, dtype=torch.float32)
    centres = at[SPACING // 2 :: SPACING]
    return torch.exp(-((centres[:, None] - at) ** 2) / (2 * MASK_SIGMA**2))
