"""What can be seen to be wrong in a stream of pictures, measured on luma shrunk to about 480 pixels.

Thresholds were set on slow camera moves over product photos, 720p, 4 s, x264 at crf 18 and 26 and SVT-AV1 at crf 30.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.inspect.report import Fault, Measurement
from tasks.recipe import InspectRecipe

Luma = NDArray[np.uint8]
"""(h, w), 8-bit limited-range luma, long side about 480."""

_LONG_SIDE = 480
_BLACK_LUMA = 32
_BLACK_PIXELS = 0.98
_FLAT_LEVELS = 6
_FLICKER_LEVELS = 6.0
# A held picture re-encoded differs from itself by at most 3 (a keyframe's fresh coding: 4); a push of 1% over 4 s, the
# slowest move tried, passes 3 after at most 9 frames and 20 over the clip.
_SAME = 3.0
_MOVED = 6.0
_EDGE_SHARE = 0.002


def shrink(luma: NDArray[Any], bits: int) -> Luma:
    """Luma (H, W) of `bits` bits, uint8 or uint16 -> what is measured here."""
    height, width = luma.shape
    factor = max(1, round(max(width, height) / _LONG_SIDE))
    if factor > 1:
        luma = np.asarray(cv2.resize(luma, (width // factor, height // factor), interpolation=cv2.INTER_AREA))
    return (luma >> (bits - 8)).astype(np.uint8)


def change(a: Luma, b: Luma) -> float:
    """How far two pictures differ, in levels: mean of the largest 0.2% of differences.

    Where a slow camera moves a product on a plain backdrop only the product's edges change; a mean over the picture
    would drown them, and the encoder leaves the rest untouched for many frames.
    """
    difference = cv2.absdiff(a, b).ravel()
    most = max(1, int(difference.size * _EDGE_SHARE))
    return float(np.partition(difference, -most)[-most:].mean())


class PictureMeter:
    """Takes frames in order, keeps two of them, and tells what was wrong. Memory does not grow with pictures."""

    def __init__(self) -> None:
        self._first: Luma | None = None
        self._anchor: Luma | None = None
        self._black = 0
        self._flat = 0
        self._moved = 0.0
        self._means: list[float] = []
        self._still_runs: list[int] = []
        """Lengths in frames of the stretches in which no frame differs from the stretch's first."""

    def add(self, luma: Luma) -> None:
        """Measure the next frame."""
        self._means.append(float(luma.mean()))
        dark = np.count_nonzero(luma <= _BLACK_LUMA)
        self._black += bool(dark >= _BLACK_PIXELS * luma.size)
        edge = max(1, luma.size // 500)
        ends = np.partition(luma.ravel(), (edge, luma.size - 1 - edge))
        self._flat += bool(int(ends[luma.size - 1 - edge]) - int(ends[edge]) < _FLAT_LEVELS)
        if self._first is None:
            self._first = luma
        else:
            self._moved = max(self._moved, change(self._first, luma))
        if self._anchor is None or change(self._anchor, luma) > _SAME:
            self._anchor = luma
            self._still_runs.append(0)
        self._still_runs[-1] += 1

    def findings(self, recipe: InspectRecipe) -> Iterator[tuple[Measurement, Fault | None]]:
        """Every measurement, with the fault it amounts to. Nothing is said of no frames."""
        if not self._means:
            return
        frames = len(self._means)
        if not recipe.black:
            yield _share("black_share", self._black / frames, "BLACK_FRAMES", "black")
            yield _share("flat_share", self._flat / frames, "FLAT_FRAMES", "of one flat tone")
        yield _finding(
            Measurement("flicker_levels", self._flicker(), _FLICKER_LEVELS, self._flicker() <= _FLICKER_LEVELS),
            "FLICKER",
            f"brightness jumping by {self._flicker():.1f} levels for one frame",
            f"at most {_FLICKER_LEVELS}",
            "look at the master; another seed or the camera engine may do better",
        )
        if recipe.moving:
            yield from self._frozen(Fraction(recipe.rate), recipe.rest_seconds)

    def _flicker(self) -> float:
        """Largest departure of one frame's mean luma from both its neighbours'; a step that stays is none."""
        means = np.array(self._means)
        if means.size < 3:
            return 0.0
        before, after = means[1:-1] - means[:-2], means[1:-1] - means[2:]
        alone = np.where(before * after > 0, np.minimum(np.abs(before), np.abs(after)), 0.0)
        return float(alone.max())

    def _frozen(self, rate: Fraction, rest_seconds: float) -> Iterator[tuple[Measurement, Fault | None]]:
        """A move may rest where it eases in and out, and pause where it turns; in proportion to its length.

        Beyond that the picture rests `rest_seconds` at its end on purpose.
        """
        seconds = float(len(self._means) / rate) - rest_seconds
        runs = self._still_runs
        inner, ends = max(runs[1:-1], default=0), max(runs[0], runs[-1])
        remedy = "render the shot again; if it is meant to stand, say move: hold"
        for name, run, share, meant in (
            ("frozen_inner_seconds", inner, 0.15, 0.0),
            ("frozen_end_seconds", ends, 0.25, rest_seconds),
        ):
            found, limit = float(run / rate), max(0.5, share * seconds) + meant
            measured = Measurement(name, found, limit, found <= limit)
            yield _finding(measured, "FROZEN_FRAMES", f"{found:.2f} s standing still", f"at most {limit:.2f} s", remedy)
        moved = Measurement("moved_levels", self._moved, _MOVED, self._moved >= _MOVED)
        yield _finding(moved, "FROZEN_FRAMES", "no frame different from the first", "a picture that moves", remedy)


def _share(name: str, share: float, code: str, what: str) -> tuple[Measurement, Fault | None]:
    return _finding(
        Measurement(name, share, 0.0, share == 0),
        code,
        f"{share:.0%} of frames {what}",
        "none",
        "look at the still and the master, then render the shot again",
    )


def _finding(
    measured: Measurement, code: str, found: str, wanted: str, remedy: str
) -> tuple[Measurement, Fault | None]:
    return measured, None if measured.passed else Fault(code, found, wanted, remedy)
