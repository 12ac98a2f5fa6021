"""Frames as the raw bytes ffmpeg reads, checked against the clip they came under."""

from __future__ import annotations

import numpy as np

from models.clip import Clip, Frame, Planes
from tasks.encode.process import EncodeError


def buffers(frame: Frame | Planes, clip: Clip, *, planes: bool) -> list[memoryview]:
    """The bytes of one frame as ffmpeg reads them. Raises EncodeError (WRONG_SIZE) when it is not what `clip` says."""
    width, height = clip.width, clip.height
    half = (height // 2, width // 2)
    wanted = [(height, width), half, half] if planes else [(height, width, 3)]
    parts = list(frame) if isinstance(frame, Planes) else [frame]
    if [part.shape for part in parts] != wanted or any(part.dtype != np.uint8 for part in parts):
        raise EncodeError(
            f"encode: a frame is {', '.join(f'{part.shape} {part.dtype}' for part in parts)}, "
            f"the clip wants {wanted} uint8",
            code="WRONG_SIZE",
            remedy="the engine before this stage broke its contract; report it with the shot's trace",
        )
    return [np.ascontiguousarray(part).data.cast("B") for part in parts]


def wrong_count(clip: Clip, found: int) -> EncodeError:
    """The error (FRAME_COUNT) for a stream that ended early or did not end."""
    more = "or more " if found > clip.frames else ""
    return EncodeError(
        f"encode: {found} {more}frames came, the clip announced {clip.frames}",
        code="FRAME_COUNT",
        remedy="the engine before this stage broke its contract; report it with the shot's trace",
    )
