"""How much device memory a clip needs, said before anything is loaded: counted, without torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from models.svd.checkpoint import Checkpoint
from models.svd.settings import LADDER, Dtype, Rung

# Counted on the meta device at 1024x576 by `python -m tests.benchmarks.vram`, in units of one activation of the first
# block: peak bytes / (channels * positions * frames * bytes per number). They hold for every size and frame count.
STEP = 27.0
"""A UNet step, 3.7 GiB in fp16: the gated feed-forward of the last block (14 units) and what waits beside it."""
GUIDED_STEP = 28.25
"""The same with guidance, both halves in one call; of 14 frames, which is slightly the most: 7.7 GiB for 25."""
STEP_IN_PARTS = 15.0
GUIDED_STEP_IN_PARTS = 16.25
"""With the feed-forward in parts, as `offload` runs it: 4.4 GiB with guidance."""
DECODE = 8.0
"""The decoder, of its 128 channels at full size: 1.125 GiB a frame in fp16."""
ENCODE = 5.0
"""The encoder, a picture at a time and in fp32 (fp16 overflows there): 1.4 GiB."""

ENCODER_SHARE = 0.35
"""Of the VAE's numbers; they stay in fp32."""

CONTEXT_BYTES = 600 << 20
"""CUDA's context and the libraries' own workspaces. Judged, not counted."""
SLACK = 1.08
"""The allocator's rounding and fragments, and cuDNN's workspaces. Judged, not counted."""
KEPT_BYTES = 4 * 3
"""Per pixel and frame: decoded pictures wait in fp32 for the rest of their clip."""
BYTES: dict[Dtype, int] = {"fp32": 4, "fp16": 2, "bf16": 2}


@dataclass(frozen=True)
class Need:
    """Bytes of device memory.

    `bytes`: the most at any moment, all included. `weights`: of the networks that lie on the device at once.
    `sampling`, `decoding`: what a UNet step and one decoder call make on top.
    """

    bytes: int
    weights: int
    sampling: int
    decoding: int


def estimate(
    checkpoint: Checkpoint, width: int, height: int, frames: int, dtype: Dtype, rung: Rung, guidance: bool
) -> Need:
    """What `frames` frames made at once (a window, not a long clip) of `width` x `height` need at `rung`.

    Counted from the network's shapes with attention that never writes its scores out, not measured on a card; room for
    the CUDA context and fragments is judged. Compiled networks need about the same or less. What follows in the same
    process (Real-ESRGAN, RIFE) comes on top. Other architectures than svd-xt's are scaled by their channels.
    """
    size = BYTES[dtype]
    weights = {name: count * size for name, count in checkpoint.parameters.items()}
    weights["vae"] += round(ENCODER_SHARE * checkpoint.parameters["vae"] * (BYTES["fp32"] - size))
    offload = rung == "offload"
    resident = max(weights.values()) if offload else sum(weights.values())
    units = (GUIDED_STEP_IN_PARTS if guidance else STEP_IN_PARTS) if offload else (GUIDED_STEP if guidance else STEP)
    unet, vae = (checkpoint.config(name)["block_out_channels"][0] for name in ("unet", "vae"))
    positions = (width // 8) * (height // 8) * frames * (2 if guidance else 1)
    at_once = 1 if offload else min(frames, int(rung.removeprefix("decode_")))
    sampling = round(units * unet * positions * size)
    decoding = round(DECODE * vae * width * height * at_once * size)
    encoding = round(ENCODE * vae * width * height * BYTES["fp32"])
    kept = KEPT_BYTES * width * height * frames
    peak = max(
        (weights["unet"] if offload else resident) + SLACK * sampling,
        (weights["vae"] if offload else resident) + SLACK * decoding + kept,
        (weights["vae"] if offload else resident) + SLACK * encoding,
        resident,
    )
    return Need(CONTEXT_BYTES + round(peak), resident, sampling, decoding)


def first_rung(
    checkpoint: Checkpoint,
    width: int,
    height: int,
    frames: int,
    dtype: Dtype,
    guidance: bool,
    room_bytes: int,
    ladder: Sequence[Rung] = LADDER,
) -> Rung | None:
    """The first rung of `ladder` that by `estimate` goes into `room_bytes` (what is free, not what the card has)."""
    for rung in ladder:
        if estimate(checkpoint, width, height, frames, dtype, rung, guidance).bytes <= room_bytes:
            return rung
    return None
