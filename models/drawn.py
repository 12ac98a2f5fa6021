"""What passes between a worker and its generator child; no torch, for the worker loads none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from models.clip import Frame


class Drawn(NamedTuple):
    """One frame: as the network drew it, as the master keeps it, and enlarged where that was wanted."""

    raw: Frame
    master: Frame
    mezzanine: Frame | None


@dataclass(frozen=True)
class Enlarge:
    """Real-ESRGAN's `model`, its `scale` and `tile`, and the size in pixels that is wanted in the end."""

    model: str
    scale: int
    tile: int
    width: int
    height: int
