"""What the UNet is told: the picture as CLIP sees it, as the VAE encodes it, and three numbers. And all noise.

Noise is drawn on the CPU from generators that know the clip's seed, what the noise is for and which window it is in,
and nothing else: the same clip gets the same noise on any device, in any company, resumed or not.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from models.clip import Frame
from models.svd.loading import Networks
from models.svd.memory import resident

CLIP_SIDE = 224


@dataclass(frozen=True)
class Condition:
    """One picture, as the UNet is told of it."""

    embedding: Tensor
    """(1, 1, E): CLIP's projected image embedding."""
    picture: Tensor
    """(1, 1, 4, h, w): z_c, the VAE's mode, not scaled; the same for every frame."""
    ids: tuple[float, float, float]
    """fps - 1 (the network was trained so), motion bucket, noise augmentation."""


def noise(shape: tuple[int, ...], seed: int, purpose: str, window: int, device: torch.device) -> Tensor:
    """Standard normal numbers, fp32, on `device`. The same arguments give the same numbers.

    On CUDA the copy is queued, not waited for.
    """
    digest = hashlib.sha256(f"{seed}/{purpose}/{window}".encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
    drawn = torch.randn(shape, generator=generator)
    return drawn.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else drawn.to(device)


def tensor_of(rgb: Frame) -> Tensor:
    """(H, W, 3) uint8 -> (1, 3, H, W) fp32 in [-1, 1], on the CPU."""
    return torch.tensor(rgb).permute(2, 0, 1).unsqueeze(0).float().div_(255).mul_(2).sub_(1)


def condition(
    networks: Networks, rgb: Frame, *, fps: int, bucket: int, aug: float, seed: int, purpose: str, window: int
) -> Condition:
    """What the UNet is told of the picture `rgb` (H, W, 3) uint8.

    `purpose` and `window` name the augmentation noise, so that two pictures of one clip get noise of their own.
    """
    picture = tensor_of(rgb)
    disturbed = picture + aug * noise(tuple(picture.shape), seed, f"aug {purpose}", window, picture.device)
    return Condition(
        embedding=embed(networks, picture),
        picture=encode(networks, disturbed).to(networks.dtype).unsqueeze(1),
        ids=(float(fps - 1), float(bucket), float(aug)),
    )


@torch.no_grad()
def embed(networks: Networks, picture: Tensor) -> Tensor:
    """(1, 3, H, W) in [-1, 1] -> CLIP's embedding (1, 1, E); any aspect is squashed to a square, as in training."""
    pixels = (_shrink(picture) + 1) / 2
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (networks.mean, networks.std))
    pixels = ((pixels - mean) / std).to(networks.device, networks.dtype)
    with resident(networks, "image_encoder"):
        return networks.image_encoder(pixels).image_embeds.unsqueeze(1)


@torch.no_grad()
def encode(networks: Networks, pictures: Tensor) -> Tensor:
    """(N, 3, H, W) in [-1, 1] -> the VAE's mode (N, 4, H/8, W/8), fp32, not scaled. One picture at a time."""
    with resident(networks, "vae"):
        weights = next(networks.vae.encoder.parameters())
        modes = [
            networks.vae.encode(picture.to(networks.device, weights.dtype)).latent_dist.mode().float()
            for picture in pictures.split(1)
        ]
    return torch.cat(modes)


def latent(networks: Networks, rgb: Frame) -> Tensor:
    """A picture as a frame the sampler could have made: (1, 4, h, w), fp32, scaled."""
    return encode(networks, tensor_of(rgb)) * networks.scaling_factor


def _shrink(picture: Tensor) -> Tensor:
    """To 224x224 as CLIP was shown pictures in training: a Gaussian against aliasing, then bicubic on the corners."""
    for side in (3, 2):
        kernel = _gaussian(picture.shape[side] / CLIP_SIDE)
        half = len(kernel) // 2
        shape = (3, 1, 1, -1) if side == 3 else (3, 1, -1, 1)
        padded = functional.pad(picture, (half, half, 0, 0) if side == 3 else (0, 0, half, half), mode="reflect")
        picture = functional.conv2d(padded, kernel.expand(3, -1).reshape(shape), groups=3)
    return functional.interpolate(picture, size=(CLIP_SIDE, CLIP_SIDE), mode="bicubic", align_corners=True)


def _gaussian(factor: float) -> Tensor:
    """Normalised, for shrinking by `factor`: sigma (factor - 1) / 2, cut at 2 sigma, an odd number of taps."""
    sigma = max((factor - 1) / 2, 0.001)
    taps = int(max(4 * sigma, 3)) | 1
    place = torch.arange(taps, dtype=torch.float32) - taps // 2
    weights = torch.exp(-place.square() / (2 * sigma**2))
    return weights / weights.sum()
