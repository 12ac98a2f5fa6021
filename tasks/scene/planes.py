"""Frames of a scene as YUV planes: clips read back without a change, cards converted once, mixed as editors do."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from models.clip import Frame, Planes
from models.errors import EngineError
from tasks.errors import Cancelled

BLACK_LUMA, NO_CHROMA = 16, 128


def read_planes(path: Path, first: int, *, cancelled: Callable[[], bool] = lambda: False) -> Generator[Planes]:
    """Frames of the clip at `path` from frame `first` on, as 8-bit 4:2:0. Memory is one frame.

    `cancelled` is asked with every frame, also with those before `first`: they are decoded too. Raises EngineError
    (`CLIP_SHORT`) where the clip ends before that frame, `tasks.errors.Cancelled`.
    """
    with av.open(f"file:{path}") as container:
        video = container.streams.video[0]
        video.thread_type = "AUTO"
        found = False
        for number, frame in enumerate(container.decode(video)):
            if cancelled():
                raise Cancelled(f"scene: cancelled while frame {number} of a clip was read")
            if number < first:
                continue
            found = True
            yield planes_in(frame)
        if not found:
            raise EngineError(f"scene: a clip ends before its frame {first}", code="CLIP_SHORT")


def planes_in(frame: VideoFrame) -> Planes:
    """A decoded frame, BT.709 limited as deliveries have it, as 8-bit 4:2:0; 10 bits are dithered to 8."""
    same = frame if frame.format.name == "yuv420p" else frame.reformat(format="yuv420p")
    return Planes(*(_plane(plane) for plane in same.planes))


def planes_of(picture: Frame) -> Planes:
    """(H, W, 3) sRGB, H and W even -> BT.709 limited range, chroma sited left (ITU-R BT.709-6, item 3)."""
    rgb = np.asarray(picture, np.float32) / np.float32(255)
    luma = np.asarray(rgb @ np.array([0.2126, 0.7152, 0.0722], np.float32), np.float32)
    blue = np.asarray((rgb[..., 2] - luma) / 1.8556, np.float32)
    red = np.asarray((rgb[..., 0] - luma) / 1.5748, np.float32)
    y = np.rint(16 + 219 * luma).astype(np.uint8)
    return Planes(y, *(np.rint(128 + 224 * _halved(chroma)).clip(16, 240).astype(np.uint8) for chroma in (blue, red)))


def mixed(going: Planes, coming: Planes, share: float) -> Planes:
    """`share` of what comes over what goes, 0 to 1."""
    return Planes(*(_blend(a, b, share) for a, b in zip(going, coming, strict=True)))


def dimmed(planes: Planes, share: float) -> Planes:
    """`share` of the picture over black."""
    black = [np.full_like(plane, value) for plane, value in zip(planes, _BLACK, strict=True)]
    return mixed(Planes(*black), planes, share)


_BLACK = (BLACK_LUMA, NO_CHROMA, NO_CHROMA)


def _blend(going: NDArray[np.uint8], coming: NDArray[np.uint8], share: float) -> NDArray[np.uint8]:
    import cv2

    return np.asarray(cv2.addWeighted(going, 1 - share, coming, share, 0), np.uint8)


def _halved(chroma: NDArray[np.float32]) -> NDArray[np.float32]:
    """Half as wide and high: three taps across, for samples sit on even columns, and two down."""
    edged = np.pad(chroma, ((0, 0), (1, 1)), mode="edge")
    wide = (edged[:, :-2:2] + 2 * edged[:, 1:-1:2] + edged[:, 2::2]) / 4
    return np.asarray((wide[::2] + wide[1::2]) / 2, np.float32)


def _plane(plane: Any) -> NDArray[np.uint8]:
    lines = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
    return np.ascontiguousarray(lines[:, : plane.width])
