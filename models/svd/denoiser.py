"""The network as a denoiser: `D(x; sigma)`, the expected clean latents of noisy ones."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from models.svd.conditioning import Condition
from models.svd.loading import Networks


class Denoiser:
    """`D` for one condition and one number of frames; latents are (1, F, 4, h, w) fp32.

    `guidance`: weight of the first and the last frame, linear between; both 1 and not `pair`: the conditional branch
    alone runs, else both run in one call. Nothing in a call waits for the device.
    """

    def __init__(
        self,
        networks: Networks,
        condition: Condition,
        frames: int,
        guidance: tuple[float, float] = (1.0, 1.0),
        *,
        pair: bool = False,
    ) -> None:
        self._unet = networks.unet
        self._both = pair or guidance != (1.0, 1.0)
        branches = 2 if self._both else 1
        height, width = condition.picture.shape[-2:]
        device, dtype = networks.device, networks.dtype
        # Channels 0-3 are written at every step, 4-7 hold z_c. The unconditional branch, the first of the two, keeps
        # zeros for z_c and for CLIP's embedding, and is told the same three numbers.
        self._input = torch.zeros(branches, frames, 8, height, width, device=device, dtype=dtype)
        self._input[-1, :, 4:] = condition.picture[0]
        self._embedding = torch.zeros(branches, *condition.embedding.shape[1:], device=device, dtype=dtype)
        self._embedding[-1] = condition.embedding[0]
        self._ids = torch.tensor([condition.ids] * branches, device=device)
        self._guidance = torch.linspace(*guidance, frames).view(1, -1, 1, 1, 1).to(device)

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        """`D(x; sigma)` under guidance: `D_u + w (D_c - D_u)`, w per frame."""
        if not self._both:
            return self._denoised(x, sigma)
        without, with_ = self.pair(x, sigma)
        return without + self._guidance * (with_ - without)

    def pair(self, x: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
        """`(D_u, D_c)`: without and with the condition. Only of a denoiser that runs both."""
        without, with_ = self._denoised(x, sigma).chunk(2)
        return without, with_

    @torch.no_grad()
    def _denoised(self, x: Tensor, sigma: float) -> Tensor:
        """`x / (s^2 + 1) - s / sqrt(s^2 + 1) F(x / sqrt(s^2 + 1), ln(s) / 4)`, the preconditioning of arXiv
        2206.00364 for v-prediction: (branches, F, 4, h, w) fp32.
        """
        root = math.sqrt(sigma**2 + 1)
        self._input[:, :, :4] = x / root
        time = torch.full((1,), math.log(sigma) / 4, device=x.device)  # filled on the device: a copy would wait
        made: Tensor = self._unet(
            self._input, time, encoder_hidden_states=self._embedding, added_time_ids=self._ids, return_dict=False
        )[0]
        return x / root**2 - made.float() * (sigma / root)
