"""How a clip moves from frame to frame: how much, how smoothly, whether at all, and whether its end meets its start."""

from __future__ import annotations

import cv2
import numpy as np

from models.clip import Frame
from models.fidelity.motion import Luma, Relief, at, confirmed, luma, places, relief, seek

AGREEMENT_PX = 0.5
"""Forward and backward motion that disagree by more are not believed (reduced pixels)."""
FROZEN_LEVELS = 1.0
"""Two frames are one picture where even the 0.2% of pixels that differ most do so by less than this on average."""
MOVING_SHARE = 0.05
"""Dynamic degree asks how fast the fastest twentieth of the picture moves."""
STILL_LEVELS = 0.1
"""A typical change from frame to frame below this says nothing about a seam."""


class Steadiness:
    """Takes a clip's frames in order and keeps two of them, and the first."""

    def __init__(self, *, loop: bool) -> None:
        self._loop = loop
        self._first: Luma | None = None
        self._last: tuple[Luma, Relief] | None = None
        self._flicker: list[float] = []
        self._speed: list[float] = []
        self._change: list[float] = []
        self._frozen = 0

    def add(self, frame: Frame) -> None:
        """The next frame, (H, W, 3) uint8."""
        here = luma(frame)
        now = (here, relief(here))
        if self._first is None:
            self._first = here
        if self._last is not None:
            self._compare(self._last, now, reduction=frame.shape[1] / here.shape[1])
        self._last = now

    def _compare(self, was: tuple[Luma, Relief], now: tuple[Luma, Relief], reduction: float) -> None:
        difference = cv2.absdiff(was[0], now[0]).ravel()
        self._change.append(float(difference.mean(dtype=np.float64)))
        most = max(1, difference.size // 500)
        self._frozen += bool(np.partition(difference, -most)[-most:].mean() < FROZEN_LEVELS)
        # From the later frame back, so that the earlier one is sampled where the later one's pixels are.
        back, forth = seek(now[1], was[1]), seek(was[1], now[1])
        believed = confirmed(back, forth, AGREEMENT_PX)
        if believed.any():
            brought = at(was[0], places(*was[0].shape) + back)
            self._flicker.append(float(cv2.absdiff(brought, now[0])[believed].mean(dtype=np.float64)))
        speed = cv2.magnitude(*cv2.split(back)).ravel()
        fastest = max(1, int(speed.size * MOVING_SHARE))
        self._speed.append(float(np.partition(speed, -fastest)[-fastest:].mean()) * reduction)

    def figures(self) -> dict[str, float]:
        """What was measured; see `models.fidelity.measures`. Empty for fewer than two frames."""
        if not self._change:
            return {}
        made = {
            "dynamic_degree_px": float(np.mean(self._speed)),
            "frozen_share": self._frozen / len(self._change),
        }
        if self._flicker:
            made["temporal_flickering_levels"] = float(np.mean(self._flicker))
        if self._loop and self._first is not None and self._last is not None:
            seam = float(cv2.absdiff(self._last[0], self._first).mean(dtype=np.float64))
            made["loop_seam_ratio"] = seam / max(float(np.median(self._change)), STILL_LEVELS)
        return made
