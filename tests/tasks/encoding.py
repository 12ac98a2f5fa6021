"""What the tests of the encoder feed it: recipes of every codec, and frames that move."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from models.clip import Clip, Frame, Planes
from tasks.encode import ffmpeg_path
from tasks.recipe import EncodeRecipe

FFMPEG = ffmpeg_path()
BARS = [
    (191, 191, 191),
    (191, 191, 0),
    (0, 191, 191),
    (0, 191, 0),
    (191, 0, 191),
    (191, 0, 0),
    (0, 0, 191),
    (255, 255, 255),
]
SKIN_AND_ENDS = [
    (200, 120, 60),
    (40, 80, 160),
    (255, 0, 0),
    (0, 255, 0),
    (0, 0, 255),
    (0, 0, 0),
    (16, 16, 16),
    (128, 128, 128),
]
OWN: dict[str, dict[str, Any]] = {
    "h264": {"profile": "high", "speed": "veryfast", "crf": 18},
    "hevc": {"profile": "main", "speed": "fast", "crf": 18},
    "av1": {"profile": "main", "speed": "8", "crf": 24, "pix_fmt": "yuv420p10le"},
    "prores": {"profile": "hq", "speed": "", "crf": -1, "pix_fmt": "yuv422p10le", "container": "mov"},
}
CODECS = tuple(OWN)
SECOND = Clip(320, 180, Fraction(30), 30)


def recipe(codec: str = "h264", clip: Clip = SECOND, **changes: Any) -> EncodeRecipe:
    values = {
        "preset": "test",
        "container": "mp4",
        "codec": codec,
        "pix_fmt": "yuv420p",
        "width": clip.width,
        "height": clip.height,
        "rate": str(clip.rate),
        "frames": clip.frames,
        "bitrate": 0,
        "maxrate": 0,
        "bufsize": 0,
        "gop": 15,
        "bframes": 2,
        "closed_gop": True,
        "audio": "none",
        "audio_bitrate": 0,
        "max_bytes": 0,
        "threads": 2,
        "poster_at": 0,
    }
    return EncodeRecipe(**{**values, **OWN.get(codec, OWN["h264"]), **changes})


def moving(clip: Clip, seed: int = 0) -> Iterator[Frame]:
    """A textured square travelling over a gradient."""
    tile = np.random.default_rng(seed).integers(0, 256, (clip.height // 3, clip.height // 3, 3), np.uint8)
    for index in range(clip.frames):
        frame = np.empty((clip.height, clip.width, 3), np.uint8)
        frame[:] = np.linspace(60, 200, clip.width).astype(np.uint8)[None, :, None]
        x = index * (clip.width - tile.shape[1]) // clip.frames
        frame[clip.height // 3 : clip.height // 3 + tile.shape[0], x : x + tile.shape[1]] = tile
        yield frame


def bars() -> Frame:
    """SMPTE-like bars, 320x180: eight patches over eight others, 40 px wide."""
    rows = [np.repeat(np.array(row, np.uint8)[None], height, 0) for row, height in ((BARS, 120), (SKIN_AND_ENDS, 60))]
    return np.ascontiguousarray(np.repeat(np.concatenate(rows), 40, axis=1))


def planes_of(rgb: Frame) -> Planes:
    """BT.709 by the book, limited range; chroma taken at even columns and rows (the picture is flat there)."""
    r, g, b = (rgb[..., i] / 255 for i in range(3))
    y = 0.2126 * r + 0.7152 * g + 0.0722 * b
    exact = (16 + 219 * y, 128 + 224 * (b - y) / 1.8556, 128 + 224 * (r - y) / 1.5748)
    y8, u8, v8 = (np.rint(plane).astype(np.uint8) for plane in exact)
    return Planes(y8, u8[::2, ::2].copy(), v8[::2, ::2].copy())
