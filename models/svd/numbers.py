"""Whether what the network made is made of numbers, and whether it is a moving picture."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from models.clip import Frame
from models.errors import EngineError

BLOCK_PX = 8
"""What is compared are means of 8x8 pixels, one latent's worth: the decoder's grain averages out, motion does not."""
BLACK_LEVEL = 12.0
"""8-bit: a frame whose brightest hundredth stays below this shows nothing on any screen (video black is 16)."""
FLAT_LEVELS = 2.0
"""8-bit: standard deviation below this is one colour. Product photos have over 30, ink drawings on white over 18."""
LEGITIMATE = 2.0
"""A still within twice a limit may end up under it: it was black or flat to begin with."""
MOVED_LEVELS = 3.0
"""8-bit: what a block has to change by to have moved; rounding to half precision stays within one level."""
MOVED_SHARE = 0.001
"""Share of blocks that must have moved at some time: 9 of the 9,216 of 1024x576, less than a turning bottle cap."""


class NotFinite(EngineError):
    """Infinities or not-a-numbers where numbers belong: half precision overflowed, or the weights are broken."""

    code = "NOT_FINITE"
    blames = "shot"


def require_finite(tensor: Tensor, what: str, *, first: int = 0) -> None:
    """Raise NotFinite unless all of `tensor` (F, ...) is finite. Waits for the device once.

    `what` names the tensor in the message; `first` is the number of its first frame in the clip.
    """
    counts: list[int] = tensor.isfinite().logical_not_().flatten(1).sum(1).tolist()
    bad = [first + index for index, count in enumerate(counts) if count]
    if bad:
        raise NotFinite(
            f"svd: {what}: {sum(counts)} of {tensor.numel()} values are not finite, in frames {_ranges(bad)} "
            f"({str(tensor.dtype).removeprefix('torch.')})",
            remedy="make the clip in fp32; if this was fp32 already, check the weights: dailies weights verify",
        )


def _ranges(frames: list[int]) -> str:
    """`[0, 1, 2, 7]` -> `0-2, 7`."""
    runs: list[list[int]] = []
    for frame in frames:
        if runs and runs[-1][1] == frame - 1:
            runs[-1][1] = frame
        else:
            runs.append([frame, frame])
    return ", ".join(f"{a}-{b}" if b > a else f"{a}" for a, b in runs)


class Watch:
    """Looks at every final frame of a clip, keeps only figures, and says at the end whether it is alive.

    `still` (H, W, 3) uint8 is the picture the clip was made from: one that is black or flat itself may give such
    frames, and one that is flat may stand still. `moving` is whether motion was asked for: where it was not, frames
    may nearly repeat, but not byte for byte, which no sampler does.
    """

    def __init__(self, still: Frame, moving: bool) -> None:
        blocks = _blocks(still)
        self._may_be_black = _peak(blocks) < LEGITIMATE * BLACK_LEVEL
        self._may_be_flat = _contrast(blocks) < LEGITIMATE * FLAT_LEVELS
        self._moving = moving
        self._first: Frame | None = None
        self._first_blocks = blocks
        self._differs = False
        self._moved = 0.0
        self._frames = 0
        self._black: int | None = None
        self._flat: int | None = None

    def look(self, frame: Frame) -> None:
        """Take in one frame (H, W, 3) uint8, in the order of the clip."""
        blocks = _blocks(frame)
        if self._first is None:
            self._first, self._first_blocks = frame.copy(), blocks
        else:
            self._differs = self._differs or not np.array_equal(frame, self._first)
            change = np.abs(blocks - self._first_blocks).max(axis=2)
            self._moved = max(self._moved, float((change > MOVED_LEVELS).mean()))
        if self._black is None and _peak(blocks) < BLACK_LEVEL:
            self._black = self._frames
        if self._flat is None and _contrast(blocks) < FLAT_LEVELS:
            self._flat = self._frames
        self._frames += 1

    def verdict(self) -> None:
        """Raise EngineError with code SVD_BLACK, SVD_FLAT or SVD_FROZEN; the first that holds. Nothing when alive."""
        if self._black is not None and not self._may_be_black:
            raise self._dead("SVD_BLACK", f"frame {self._black} is black; the still is not")
        if self._flat is not None and not self._may_be_flat:
            raise self._dead("SVD_FLAT", f"frame {self._flat} is one colour; the still is not")
        if self._frames < 2 or self._may_be_flat:
            return
        if not self._differs:
            raise self._dead("SVD_FROZEN", f"all {self._frames} frames are the same, byte for byte")
        if self._moving and self._moved < MOVED_SHARE:
            raise self._dead(
                "SVD_FROZEN",
                f"no frame differs from the first by more than {MOVED_LEVELS:g} levels on more than "
                f"{self._moved:.2%} of the picture; motion was asked for (at least {MOVED_SHARE:.1%})",
            )

    def _dead(self, code: str, found: str) -> EngineError:
        return EngineError(
            f"svd: {found}",
            remedy="another seed, a higher motion bucket, or engine: camera; if every shot does this, check the "
            "weights: dailies weights verify",
            code=code,
        )


def _blocks(frame: Frame) -> NDArray[np.float32]:
    """Block means, (H/8, W/8, 3), 0..255."""
    height, width = (max(1, side // BLOCK_PX) for side in frame.shape[:2])
    blocks = cv2.resize(frame.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(blocks, np.float32)


def _peak(blocks: NDArray[np.float32]) -> float:
    """The level the brightest hundredth of the blocks reaches in its brightest channel."""
    return float(np.percentile(blocks.max(axis=2), 99))


def _contrast(blocks: NDArray[np.float32]) -> float:
    """Standard deviation over the picture, of the channel that has most of it."""
    return float(blocks.std(axis=(0, 1)).max())
