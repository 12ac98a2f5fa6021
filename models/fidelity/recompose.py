"""The product's own texture under the generated light: a frequency split inside its matte.

With W the original warped along the path, G the generated frame and m the matte, all that changed is G - W. Inside the
product only the low frequencies of that change are kept (the light), outside all of it (the new surroundings):

    out = W + m * low(G - W) + (1 - m) * around(G - W)

which for m = 1 is the split W + blur(G) - blur(W), and for m = 0 is G. Both filters are normalised convolutions
(Knutsson and Westin, 1993): `low` asks only pixels well inside the product, `around` only pixels outside, so neither
backdrop reaches the product's rim, and a rim pixel, part product and part backdrop, has each part changed by its own.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from models.errors import EngineError
from models.svd.settings import Fidelity

LIGHT_RANGE = 0.08
"""`strict`: how far the network may lighten or darken the product (luma, of 1): 20 levels of 255."""
TINT_RANGE = 0.02
"""`strict`: how far it may tint it (largest channel's distance from luma, of 1): 5 levels of 255."""
BLENDED = 0.5
"""`blend`: the share of the product's texture that is the picture's own."""
INSET_PX = 2
"""Light is read this far inside the matte: the generated product does not lie on its path to the pixel."""
THIN = 0.02
"""What the pixels nearer to the rim weigh: they are asked where nothing lies deeper, as in a handle or a cable."""
RIM_PX = 2.0
"""How far into the rim the surroundings are continued: a matte's edge is two to three pixels wide."""
OUTSIDE = 8
"""How steeply a pixel's word on the surroundings falls with the product's share in it. A dark cup moved from a white
to a black backdrop: its rim is 1.7 levels from the exact composite, 2.2 with 4, 11.3 where the product is pasted."""
_LUMA = (0.2126, 0.7152, 0.0722)


class Recompose:
    """Puts the product back into generated frames.

    `strict`: texture and form are W's, light is G's within `LIGHT_RANGE` and `TINT_RANGE`. `blend`: half way between G
    and the split without those limits: light and colour are G's, half of the texture. `off`: G as it is.
    `split_px`: sigma of the Gaussian that parts light from texture, in pixels of the frame.
    """

    def __init__(self, fidelity: Fidelity, split_px: float) -> None:
        if fidelity != "off" and not (math.isfinite(split_px) and split_px > 0):
            raise EngineError(
                f"fidelity {fidelity}: split_px is {split_px}, wanted a length in pixels above 0",
                remedy="set split_px, or fidelity: off",
                code="FIDELITY_SPLIT",
            )
        self.fidelity: Fidelity = fidelity
        self.split_px = split_px

    def frame(self, generated: Tensor, warped: Tensor, matte: Tensor) -> Tensor:
        """`generated` and `warped` (3, H, W), `matte` (1, H, W), all in [0, 1] -> (3, H, W) in [0, 1].

        On `generated`'s device and in its dtype; computed in float32, without waiting for the device. Where the matte
        is 0 the result is `generated`, bit for bit.
        """
        if self.fidelity == "off":
            return generated
        size = generated.shape[1:]
        if (generated.shape, warped.shape, matte.shape) != ((3, *size), (3, *size), (1, *size)):
            raise EngineError(
                f"fidelity: frame {tuple(generated.shape)}, original {tuple(warped.shape)}, matte "
                f"{tuple(matte.shape)}; wanted (3, H, W) twice and (1, H, W)",
                code="FRAME_SHAPE",
            )
        g, w, m = (tensor.to(generated.device, torch.float32) for tensor in (generated, warped, matte))
        change = g - w
        inside = -max_pool2d(-m, 2 * INSET_PX + 1, stride=1, padding=INSET_PX) + THIN * m * m
        light = _normalised(change, inside, self.split_px)
        if self.fidelity == "strict":
            light = _limited(light)
        around = _normalised(change, (1 - m) ** OUTSIDE, RIM_PX)
        made = w + m * light + (1 - m) * around
        if self.fidelity == "blend":
            made = BLENDED * made + (1 - BLENDED) * g
        return torch.where(m > 0, made.clamp(0, 1).to(generated.dtype), generated)


def _limited(light: Tensor) -> Tensor:
    """(3, H, W) with its luma inside `LIGHT_RANGE` and its tint, hue kept, inside `TINT_RANGE`."""
    luma = sum((share * light[c : c + 1] for c, share in enumerate(_LUMA)), torch.zeros_like(light[:1]))
    tint = light - luma
    largest = tint.abs().amax(0, keepdim=True)
    return luma.clamp(-LIGHT_RANGE, LIGHT_RANGE) + tint * (TINT_RANGE / largest.clamp_min(TINT_RANGE))


def _normalised(values: Tensor, weight: Tensor, sigma_px: float) -> Tensor:
    """The Gaussian mean of `values` (C, H, W) by `weight` (1, H, W) around each pixel; 0 where nothing has weight."""
    rows, columns = (_gaussian(size, sigma_px, values.device) for size in values.shape[-2:])
    summed = rows @ torch.cat([values * weight, weight]) @ columns.T
    return summed[:-1] / summed[-1:].clamp_min(1e-12)


@lru_cache(maxsize=8)
def _gaussian(size: int, sigma_px: float, device: torch.device) -> Tensor:
    """(size, size): a Gaussian of `sigma_px` with reflected borders as a matrix; the product is faster than taps.

    Two products of a 1024x576 frame are 8 GFLOP, whatever sigma is.
    """
    reach = math.ceil(4 * sigma_px)
    offsets = torch.arange(-reach, reach + 1)
    taps = torch.exp(-0.5 * (offsets.double() / sigma_px) ** 2)
    period = max(1, 2 * (size - 1))
    at = (torch.arange(size)[:, None] + offsets) % period
    at = torch.minimum(at, period - at)
    matrix = torch.zeros(size, size, dtype=torch.float64)
    matrix.scatter_add_(1, at, (taps / taps.sum()).expand(size, -1))
    return matrix.float().to(device)
