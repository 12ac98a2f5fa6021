"""How much arithmetic a clip is, counted, without torch: what estimates of time are made from."""

from __future__ import annotations

from models.svd.checkpoint import Checkpoint

# Counted for svd-xt at 1024x576 by `python -m tests.benchmarks.vram`: TFLOP for one frame, a multiply-add being two.
PIXELS = 1024 * 576
STEP = 128.75 / 50
"""A UNet call without spatial attention: grows with the pixels (a guided step of 25 frames is 50 of them)."""
STEP_ATTENTION = 31.15 / 50
"""Its attention, 99.6% of it across the picture: grows with the pixels' square."""
DECODE = 169.23 / 25
DECODE_ATTENTION = 4.35 / 25
ENCODE = 2.6
"""One picture; its attention is a fifteenth of it and left in."""
UNET_PARAMETERS = 1_524_623_082
VAE_PARAMETERS = 97_742_847


def tflop(
    checkpoint: Checkpoint, width: int, height: int, frames: int, steps: int, guidance: bool, pictures: int = 1
) -> float:
    """TFLOP of one window: `pictures` encoded, `steps` UNet steps (those that run), `frames` decoded.

    Scaled from svd-xt's counted figures by parameters and pixels: exact for svd-xt at any size, near for svd, and only
    an order of magnitude for another architecture. CLIP (0.3 TFLOP a picture) is left out.
    """
    size = width * height / PIXELS
    unet = checkpoint.parameters["unet"] / UNET_PARAMETERS
    vae = checkpoint.parameters["vae"] / VAE_PARAMETERS
    step = unet * (STEP * size + STEP_ATTENTION * size**2) * frames * (2 if guidance else 1)
    decode = vae * (DECODE * size + DECODE_ATTENTION * size**2) * frames
    return steps * step + decode + vae * ENCODE * size * pictures


ATTENTION_BATCH = 65_535
"""CUDA's fused attention launches one block per batch entry along an axis with this limit (pytorch issue 142228)."""


def attention_sequences(width: int, height: int, guidance: bool) -> int:
    """Sequences of attention across time: one for every latent position, as many again with guidance (18,432 at
    1024x576). More than `ATTENTION_BATCH` cannot be launched."""
    return (width // 8) * (height // 8) * (2 if guidance else 1)
