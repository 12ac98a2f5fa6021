"""The poster: one frame of the stream as a JPEG."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.clip import Frame, Planes

_QUALITY = 90


def write_poster(frame: Frame | Planes, path: Path, width: int, height: int) -> None:
    """Write `frame` at `width` x `height` as sRGB JPEG, quality 90, 4:4:4, without any metadata."""
    picture = Image.fromarray(rgb_of(frame) if isinstance(frame, Planes) else frame)
    if picture.size != (width, height):
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    picture.save(path, "JPEG", quality=_QUALITY, subsampling=0)


def rgb_of(planes: Planes) -> Frame:
    """Limited-range BT.709 4:2:0 (chroma sited left) -> (H, W, 3) sRGB uint8. ITU-R BT.709-6, item 3."""
    luma = (planes.y.astype(np.float32) - 16) / 219
    blue = _full_size(planes.u) / 224 * 1.8556
    red = _full_size(planes.v) / 224 * 1.5748
    r, b = luma + red, luma + blue
    g = (luma - 0.2126 * r - 0.0722 * b) / 0.7152
    return (np.stack([r, g, b], -1).clip(0, 1) * 255 + 0.5).astype(np.uint8)


def _full_size(chroma: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(H/2, W/2) -> (H, W) around zero, bilinear: samples sit on even columns and between two rows."""
    c = chroma.astype(np.float32) - np.float32(128)
    right = np.concatenate([c[:, 1:], c[:, -1:]], 1)
    wide = np.stack([c, (c + right) / 2], -1).reshape(c.shape[0], -1)
    above = np.concatenate([wide[:1], wide[:-1]], 0)
    below = np.concatenate([wide[1:], wide[-1:]], 0)
    tall = np.stack([0.75 * wide + 0.25 * above, 0.75 * wide + 0.25 * below], 1).astype(np.float32)
    return tall.reshape(-1, wide.shape[1])
