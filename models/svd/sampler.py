"""From noise to latents: the loops over `D(x; sigma)`.

Latents are (1, F, 4, h, w) fp32 whatever the networks run in. `levels` is a whole schedule (`schedules.sigmas`) and
`start` the step to begin or to go on at: `x` must hold noise of `levels[start]`. `noise(step)` is fresh standard noise
of x's shape for that step, the same whenever it is asked for. `told` is called after every call of the network.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from models.svd.denoiser import Denoiser

Noise = Callable[[int], Tensor]
Told = Callable[[], None]


def pure_noise(noise: Tensor, levels: Sequence[float]) -> Tensor:
    """What sampling starts from where there is no prior: noise as wide as data and noise of the first level."""
    return noise * math.sqrt(levels[0] ** 2 + 1)


def prior(latents: Tensor, noise: Tensor, level: float) -> Tensor:
    """What sampling goes on from where the frames are roughly known: `z + s noise` (CamTrol, arXiv 2406.10126)."""
    return latents + level * noise


def euler(denoise: Denoiser, x: Tensor, levels: Sequence[float], told: Told, start: int = 0) -> Tensor:
    """Euler's method on the probability flow (algorithm 1 of arXiv 2206.00364 without churn).

    `x + (s' - s) (x - D) / s` written as `D + (s' / s) (x - D)`: the same, and exactly D where s' is 0.
    """
    for sigma, after in _steps(levels, start):
        x = torch.lerp(denoise(x, sigma), x, after / sigma)
        told()
    return x


def lcm(denoise: Denoiser, x: Tensor, levels: Sequence[float], noise: Noise, told: Told, start: int = 0) -> Tensor:
    """Multistep consistency sampling (algorithm 1 of arXiv 2303.01469): `x = D + s' noise`. For few-step weights."""
    for step, (sigma, after) in enumerate(_steps(levels, start), start):
        x = denoise(x, sigma)
        if after > 0:
            x = x + after * noise(step)
        told()
    return x


def vibid(
    ways: tuple[Denoiser, Denoiser],
    ends: tuple[Tensor, Tensor],
    x: Tensor,
    levels: Sequence[float],
    noise: Noise,
    told: Told,
    start: int = 0,
) -> Tensor:
    """Frames between two pictures (ViBiDSampler, arXiv 2410.05651, algorithm 1), with CFG++ at weight 1.

    `ways`: denoisers told of the first and of the last picture, both with `pair`; `ends`: the two pictures as scaled
    latents (1, 4, h, w). Each step goes forwards knowing the first picture, is noised again, and goes backwards, the
    frames reversed, knowing the last; each half puts the other picture's latent at its far end. Both ends are set at
    the finish: frames 0 and F-1 are `ends`, bit for bit. Two network calls per step.
    """
    (forwards, backwards), (first, last) = ways, ends
    for step, (sigma, after) in enumerate(_steps(levels, start), start):
        x = _half(forwards, x, sigma, after, last)
        told()
        x = x + math.sqrt(sigma**2 - after**2) * noise(step)
        x = _half(backwards, x.flip(1), sigma, after, first).flip(1)
        told()
    x = x.clone()
    x[:, 0], x[:, -1] = first, last
    return x


def _half(denoise: Denoiser, x: Tensor, sigma: float, after: float, far_end: Tensor) -> Tensor:
    """`D_c` with its far end replaced, noised by the unconditional direction: `d + s' (x - D_u) / s` (CFG++)."""
    without, with_ = denoise.pair(x, sigma)
    known = with_.clone()
    known[:, -1] = far_end
    return known + (after / sigma) * (x - without)


def _steps(levels: Sequence[float], start: int) -> list[tuple[float, float]]:
    """(this level, the next one) of every step from `start` on."""
    return list(zip(levels[start:-1], levels[start + 1 :], strict=True))
