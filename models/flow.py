"""In-between frames along optical flow (DIS), knowing what is hidden: the interpolator every CPU has.

Both directions are sought once per pair; any number of in-between frames then costs two warps and a blend each. Where
a point is seen in one picture only (something covers it in the other, or it left the frame), only that one is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from models.clip import Frame
from models.errors import EngineError

Field = NDArray[np.float32]
"""(h, w, 2): x and y, in pixels of the flow's own resolution."""
Weight = NDArray[np.float32]
"""(h, w): 0..1."""

_NONE = cast(NDArray[np.float32], None)
"""What OpenCV's documentation asks for where there is no second map; its stubs do not know."""

SMALLEST = 32
"""Frames with a shorter side than this are refused: DIS has no pyramid left at half of it."""
REDUCTION = 2
"""Flow is sought at 1/2 size: a quarter of the work costs 0.5 dB of 37 on 1080p."""
INVERSIONS = 1
"""Steps of the fixed-point inversion: a second gains 0.15 dB of 37 for a quarter more time."""
AGREEMENT_PX = 1.0
"""Forward and backward flow that disagree by this much (flow pixels) are half believed."""
SETTLED_PX = 0.7
"""An inversion that still moves by this much (flow pixels) in its last step is half believed: there is a fold there."""
LEAST = 0.02
"""What a doubted picture still weighs: where both are doubted, time alone blends them."""
CUT = 0.15
"""Mean belief under which two frames are two shots: 0.0003-0.015 was seen on cuts, over 0.7 on motion."""


@lru_cache(maxsize=4)
def _grid(height: int, width: int) -> Field:
    """Where each pixel is."""
    grid = np.empty((height, width, 2), np.float32)
    grid[..., 0] = np.arange(width, dtype=np.float32)
    grid[..., 1] = np.arange(height, dtype=np.float32)[:, None]
    grid.flags.writeable = False
    return grid


def _doubled(frame: Frame) -> Frame:
    """(2H, 2W, 3): pixel (2y, 2x) is pixel (y, x) itself, those between are cubic. A plain resize would move all."""
    height, width = frame.shape[:2]
    one, half = np.ones(1, np.float32), np.array([-1, 9, 9, -1], np.float32) / 16
    beside = cv2.sepFilter2D(frame, -1, half, one, anchor=(1, 0), borderType=cv2.BORDER_REPLICATE)
    wide = cv2.merge([frame, beside]).reshape(height, 2 * width, 3)
    doubled = np.empty((2 * height, 2 * width, 3), np.uint8)
    doubled[0::2] = wide
    doubled[1::2] = cv2.sepFilter2D(wide, -1, one, half, anchor=(0, 1), borderType=cv2.BORDER_REPLICATE)
    return doubled


@lru_cache(maxsize=2)
def _doubled_grid(height: int, width: int) -> Field:
    """Where each pixel is in the doubled frame."""
    grid = _grid(height, width) * np.float32(2)
    grid.flags.writeable = False
    return grid


def _sample(field: NDArray, at: NDArray, border: int = cv2.BORDER_REPLICATE) -> NDArray:
    """`field` at the positions `at`; beyond its edges 0 (BORDER_CONSTANT) or the edge itself."""
    return cv2.remap(field, at, _NONE, cv2.INTER_LINEAR, borderMode=border)  # type: ignore


def _near(difference: NDArray, half_px: float) -> Weight:
    """1 where `difference` is nothing, 1/2 where it is `half_px` long, falling with its fourth power."""
    x, y = cv2.split(difference)
    square = (cv2.multiply(x, x) + cv2.multiply(y, y)) * np.float32(1 / half_px**2)
    return 1 / (1 + cv2.multiply(square, square))  # type: ignore[return-value]


def _seek(here: NDArray[np.uint8], there: NDArray[np.uint8]) -> Field:
    """Flow from one grey picture to another: here[x] is there[x + flow[x]]."""
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    # Against the preset (stride 3, 25 steps, alpha 20): two thirds of the time, 0.4 dB less on steps of 25 px at 1080p,
    # 4 dB more on steps of 50 px over fine repeating detail, where the stronger smoothness drags whole areas along.
    dis.setPatchStride(4)
    dis.setGradientDescentIterations(16)
    dis.setVariationalRefinementAlpha(5)
    dis.setVariationalRefinementIterations(2)  # of 5: a third of the time, and no less near the truth
    return dis.calc(here, there, _NONE)  # type: ignore[return-value]


def _belief(flow: Field, back: Field) -> Weight:
    """Forward-backward check: how far each vector is confirmed by the way back, 0 where it leaves the frame."""
    height, width = flow.shape[:2]
    there = cv2.add(_grid(height, width), flow)
    inside = _sample(np.ones((height, width), np.float32), there, cv2.BORDER_CONSTANT)
    return cv2.multiply(_near(cv2.add(flow, _sample(back, there)), AGREEMENT_PX), inside)  # type: ignore


class _View:
    """One frame as the two pairs it stands in need it: grey and small to seek in, doubled to warp from."""

    def __init__(self, frame: Frame, pool: ThreadPoolExecutor) -> None:
        height, width = frame.shape[:2]
        self.frame = frame
        self._doubled = pool.submit(_doubled, frame)  # while the flow is sought
        self.small = (round(width / REDUCTION), round(height / REDUCTION))
        self.grey = cv2.cvtColor(cv2.resize(frame, self.small, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)

    @property
    def doubled(self) -> Frame:
        """The frame at twice its size, (2H, 2W, 3).

        Source frames pass through untouched, so softer frames between them would make the picture pulse. Of the
        Laplacian energy, bilinear sampling of the frame keeps 75%, of the doubled frame 86% (all of it where nothing
        moves), bicubic sampling 99% at twice the time.
        """
        return self._doubled.result()


class Pair:
    """Two frames and the flow between them, both ways."""

    def __init__(self, a: _View, b: _View, pool: ThreadPoolExecutor) -> None:
        self._views = (a, b)
        self._pool = pool
        height, width = a.frame.shape[:2]
        self._size = (width, height)
        small = a.small
        self._stretch = (width / small[0], height / small[1])
        greys = [a.grey, b.grey]
        self._flows = tuple(pool.map(_seek, greys, greys[::-1]))
        self._beliefs = tuple(pool.map(_belief, self._flows, self._flows[::-1]))

    @property
    def belief(self) -> float:
        """Share of the picture, 0..1, whose motion both directions agree on."""
        return float(sum(b.mean() for b in self._beliefs) / 2)

    @property
    def cut(self) -> bool:
        """True where the two frames have next to nothing in common: they are two shots."""
        return self.belief < CUT

    def at(self, t: float) -> Frame:
        """The frame at `t` (0: the first frame, 1: the second), (H, W, 3). Across a cut, the nearer of the two."""
        a, b = (view.frame for view in self._views)
        if t <= 0 or (self.cut and t < 0.5):
            return a
        if t >= 1 or self.cut:
            return b
        (warped_a, seen_a, kept_a), (warped_b, seen_b, kept_b) = self._pool.map(self._warp, (0, 1), (t, 1 - t))
        # A point that is in `b` but hidden in `a` has no believed way to `a`: then `a` shows something else there.
        weight_a = seen_a * kept_b * np.float32(1 - t)
        weight_b = seen_b * kept_a * np.float32(t)
        share_b = cv2.resize(weight_b / (weight_a + weight_b), self._size, interpolation=cv2.INTER_LINEAR)
        return cv2.blendLinear(warped_a, warped_b, 1 - share_b, share_b)  # type: ignore[return-value]

    def _warp(self, which: int, way: float) -> tuple[Frame, Weight, Weight]:
        """One frame moved `way` (0..1) towards the other; how well it is known there; how far its points arrive.

        The flow starts at the frame, the warp needs it at the goal: y + way * flow(y) = x is solved for y by
        fixed-point iteration, as in Chen et al., "A Simple Fixed-Point Approach to Invert a Deformation Field" (2008).
        """
        view, flow, belief = self._views[which], self._flows[which], self._beliefs[which]
        grid = _grid(*flow.shape[:2])
        y = cv2.scaleAdd(flow, -way, grid)
        vector = last = flow
        for _ in range(INVERSIONS):
            last, vector = vector, _sample(flow, y)
            y = cv2.scaleAdd(vector, -way, grid)
        settled = _near(cv2.subtract(vector, last) * np.float32(way), SETTLED_PX)
        confirmed = _sample(belief, y, cv2.BORDER_CONSTANT)
        inside = _sample(np.ones(flow.shape[:2], np.float32), y, cv2.BORDER_CONSTANT)
        across, down = self._stretch
        # A scalar per channel, which NumPy would take four times as long for.
        vector = cv2.multiply(vector, (2 * way * across, 2 * way * down, 0, 0))  # type: ignore
        moved = cv2.resize(vector, self._size, interpolation=cv2.INTER_LINEAR)
        whence = cv2.subtract(_doubled_grid(*view.frame.shape[:2]), moved)
        near, fraction = cv2.convertMaps(whence, _NONE, cv2.CV_16SC2)
        warped = cv2.remap(view.doubled, near, fraction, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return warped, (settled + LEAST) * (inside + LEAST), confirmed + 1 - inside + LEAST  # type: ignore


class Interpolator:
    """In-between frames of any pair, at any time, on the CPU. Deterministic; frames of 32 px and more a side."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="flow")
        self._last: tuple[Frame, Frame, Pair] | None = None
        self._view: _View | None = None
        self._pairs = 0
        self._cuts = 0

    def pair(self, a: Frame, b: Frame) -> Pair:
        """The flow between `a` and `b`, both (H, W, 3) uint8. Raises EngineError where they do not fit together."""
        if a.shape != b.shape or a.ndim != 3 or a.shape[2] != 3 or min(a.shape[:2]) < SMALLEST:
            raise EngineError(
                f"flow: frames are {a.shape} and {b.shape}, wanted two of one size (H, W, 3), {SMALLEST} px or more",
                remedy="interpolate at a larger size, or set interpolate: off",
                code="FRAME_SHAPE",
            )
        first = self._view if self._view is not None and self._view.frame is a else _View(a, self._pool)
        self._view = _View(b, self._pool)
        pair = Pair(first, self._view, self._pool)
        self._pairs += 1
        self._cuts += pair.cut
        return pair

    def between(self, a: Frame, b: Frame, t: float) -> Frame:
        """The frame at `t` (0..1) between `a` and `b`; the flow of the last pair is kept, so ask pair by pair."""
        if self._last is None or self._last[0] is not a or self._last[1] is not b:
            self._last = None
            self._last = (a, b, self.pair(a, b))
        return self._last[2].at(t)

    def between_many(self, a: Frame, b: Frame, ts: Sequence[float]) -> Iterator[Frame]:
        """The frames at each of `ts`, one at a time."""
        return (self.between(a, b, t) for t in ts)

    def ran(self) -> Mapping[str, int]:
        """What ran so far: pairs of frames, and the `cuts` among them, where the nearer frame was taken."""
        return {"pairs": self._pairs, "cuts": self._cuts}

    def close(self) -> None:
        """Stop the threads; the interpolator is not used afterwards."""
        self._last = self._view = None
        self._pool.shutdown()

    def __enter__(self) -> Interpolator:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def versions() -> Mapping[str, str]:
    """What changes pixels here."""
    return {"opencv": cv2.__version__}
