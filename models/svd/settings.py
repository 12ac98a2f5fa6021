"""What one clip of Stable Video Diffusion is made by: plain values, no defaults, no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.clip import Frame

Task = Literal["image", "inbetween", "loop", "long"]
Schedule = Literal["karras", "align-your-steps", "lcm"]
Dtype = Literal["fp32", "fp16", "bf16"]
Fidelity = Literal["strict", "blend", "off"]
Rung = Literal["decode_25", "decode_8", "decode_4", "decode_2", "decode_1", "offload"]

LADDER: tuple[Rung, ...] = ("decode_25", "decode_8", "decode_4", "decode_2", "decode_1", "offload")
"""Frames the temporal decoder takes at once, each rung smaller; `offload` also keeps idle networks in main memory."""


class Picture(NamedTuple):
    """One picture given to the engine: `rgb` (H, W, 3) uint8 sRGB at the canvas size, and where the product is.

    `matte`: (H, W) uint8, 255 on the product; None where nothing tells it from its surroundings.
    """

    rgb: Frame
    matte: NDArray[np.uint8] | None


@dataclass(frozen=True)
class Settings:
    """One clip.

    `task` decides which pictures are wanted, in order:

    - `image`: the still; with `sigma_start` > 0 all `frames` views of the commanded camera path instead, the still
      first: they are the prior the sampler starts from (CamTrol, arXiv 2406.10126), and what fidelity is held to.
    - `inbetween`: the first and the last picture (ViBiDSampler, arXiv 2410.05651).
    - `loop`: as `image`; the clip leads back into its first frame, which is not repeated at the end.
    - `long`: all `frames` views of the camera path; every `window - 1`-th is an anchor, the gaps are in-betweened.
    """

    task: Task
    frames: int
    """Frames that come out; `image` and `inbetween` at most the window, `loop` at most one less."""
    window: int
    """Frames the network makes at once: what its checkpoint was trained for (14 or 25)."""
    width: int
    height: int
    """The canvas, in pixels: multiples of 64."""
    schedule: Schedule
    steps: int
    """Network steps of the whole schedule, from pure noise; a prior skips those above `sigma_start`."""
    sigma_start: float
    """Noise the camera's prior is given, 0 for none: then sampling starts from pure noise."""
    guidance: tuple[float, float]
    """Classifier-free guidance of the first and the last frame, linear between; both 1: none."""
    conditioning_fps: int
    """What the network is told of the rate, 5 to 30; not what plays."""
    motion_bucket: int
    """How much motion the network is told there is, 0 to 255."""
    noise_aug: float
    """Noise on the conditioning picture, >= 0."""
    seed: int
    ladder: tuple[Rung, ...]
    """The rungs that may run, the first one first."""
    fidelity: Fidelity
    """`strict`: the product's texture and form are the picture's own; `blend`: half of it; `off`: the network's."""
    split_px: float
    """Where `fidelity` parts light (the network's) from texture (the picture's): sigma of the blur, canvas pixels."""

    @property
    def guided(self) -> bool:
        """True where a camera path gives one picture for every frame."""
        return self.task == "long" or (self.task != "inbetween" and self.sigma_start > 0)
