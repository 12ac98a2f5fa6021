"""Small pictures and settings for SVD's tests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from models.svd.settings import LADDER, Picture, Settings

WIDTH, HEIGHT = 64, 64
SETTINGS = Settings(
    task="image",
    frames=4,
    window=4,
    width=WIDTH,
    height=HEIGHT,
    schedule="karras",
    steps=4,
    sigma_start=0.0,
    guidance=(1.0, 3.0),
    conditioning_fps=7,
    motion_bucket=127,
    noise_aug=0.02,
    seed=3,
    ladder=LADDER,
    fidelity="off",
    split_px=4.0,
)


def settings(**changed: Any) -> Settings:
    """SETTINGS with some of them changed."""
    return replace(SETTINGS, **changed)


def picture(number: int = 0, width: int = WIDTH, height: int = HEIGHT) -> Picture:
    """A smooth picture with some texture; each number is another one."""
    y, x = np.mgrid[0:height, 0:width]
    turn = 0.7 * number
    red = 128 + 120 * np.sin(x / 11 + turn)
    green = 128 + 120 * np.cos(y / 7 - turn) * np.sin(x / 23)
    blue = (3 * x + 5 * y + 40 * number) % 256
    return Picture(np.stack([red, green, blue], axis=-1).clip(0, 255).astype(np.uint8), None)


def pictures(count: int) -> list[Picture]:
    return [picture(number) for number in range(count)]


def nothing(*_: int) -> None:
    """Progress nobody looks at."""
