"""What every part of the GPU benchmarks is given: the device, the sizes, a picture, where things lie."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.clip import Frame
from models.svd.settings import Dtype, Picture, Settings
from tests.benchmarks.gpu_checkpoint import FRAMES, SMALL_FRAMES

LUGGAGE = Path(os.environ.get("DAILIES_GPU_LUGGAGE", ".gpu"))
"""What a machine without a network was brought: `rife-v4.6/flownet.param`, and packages (README.md)."""


@dataclass(frozen=True)
class Bench:
    """One run of one part. `small`: a tiny checkpoint and pictures, to see that it runs; its figures mean nothing."""

    device: torch.device
    small: bool
    rounds: int
    cache: Path
    ceiling: float
    """TFLOP/s of a matrix product in the same process."""

    @property
    def size(self) -> tuple[int, int]:
        """The canvas: width and height."""
        return (128, 64) if self.small else (1024, 576)

    @property
    def frames(self) -> int:
        """Frames of a clip: as many as the network makes at once."""
        return SMALL_FRAMES if self.small else FRAMES

    @property
    def dtype(self) -> Dtype:
        """What is timed. Tiny networks on a CPU are faster in fp32."""
        return "fp32" if self.small else "bf16"

    @property
    def ways(self) -> dict[str, bool]:
        """How each network is run: its name, and whether it is compiled. Small ones would take minutes to compile."""
        return {"eager": False} if self.small else {"eager": False, "compiled": True}

    def settings(self, steps: int, **changed: Any) -> Settings:
        """The published settings of svd-xt, without noise on the picture so that the stock pipeline needs none."""
        made = Settings(
            task="image",
            frames=self.frames,
            window=self.frames,
            width=self.size[0],
            height=self.size[1],
            schedule="karras",
            steps=min(steps, 3) if self.small else steps,
            sigma_start=0.0,
            guidance=(1.0, 3.0),
            conditioning_fps=7,
            motion_bucket=127,
            noise_aug=0.0,
            seed=1,
            ladder=("decode_25", "decode_8", "decode_4", "decode_2", "decode_1", "offload"),
            fidelity="off",
            split_px=12.0,
        )
        return replace(made, **changed)


def picture(settings: Settings, number: int = 0) -> Picture:
    """A smooth picture with some texture, and a product in its middle; each number is another one."""
    return Picture(still(number, settings.width, settings.height), matte(settings.width, settings.height))


def still(number: int, width: int, height: int) -> Frame:
    """(height, width, 3): waves of several lengths."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    turn = 0.7 * number
    red = 128 + 60 * np.sin(x / (0.2 * width) + turn) + 40 * np.sin(y / 9 + x / 13)
    green = 128 + 70 * np.cos(y / (0.15 * height) - turn) * np.sin(x / 23)
    blue = 110 + 90 * np.sin((x + 2 * y) / (0.3 * width) + turn)
    return np.stack([red, green, blue], axis=-1).clip(0, 255).astype(np.uint8)


def matte(width: int, height: int) -> Frame:
    """(height, width): 255 in an ellipse a third as wide and half as high as the picture."""
    y, x = np.mgrid[0:height, 0:width]
    inside = ((x - width / 2) / (width / 6)) ** 2 + ((y - height / 2) / (height / 4)) ** 2 <= 1
    return inside.astype(np.uint8) * 255
