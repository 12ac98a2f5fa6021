"""`rife.Warp`: each pixel fetched from where its flow points."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - what everybody calls it
from torch import Tensor


def warp(image: Tensor, flow: Tensor) -> Tensor:
    """Backward warp: `out[y, x] = image[y + flow[1], x + flow[0]]`, bilinear, the border's pixels going on outside.

    `image` (N, C, H, W), `flow` (N, 2, H, W) in pixels -> (N, C, H, W) in the image's dtype. Positions are kept in
    float32 whatever the flow's dtype: half a float has no pixel of its own beyond 2,048.
    """
    height, width = image.shape[-2:]
    x = torch.arange(width, dtype=torch.float32, device=flow.device)
    y = torch.arange(height, dtype=torch.float32, device=flow.device)[:, None]
    # grid_sample's units: -1 is the centre of the first pixel, 1 that of the last.
    right = (flow[:, 0].float() + x) * (2 / max(width - 1, 1)) - 1
    down = (flow[:, 1].float() + y) * (2 / max(height - 1, 1)) - 1
    grid = torch.stack((right, down), dim=-1)
    fetched = F.grid_sample(image.float(), grid, mode="bilinear", padding_mode="border", align_corners=True)
    return fetched.to(image.dtype)
