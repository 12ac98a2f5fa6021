"""From one frame rate to another: which moments are wanted, and the two source frames around each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import chain
from math import ceil
from typing import Protocol

from models.clip import Clip, Frame
from models.errors import EngineError


class Interpolator(Protocol):
    """What `resample` asks of an engine."""

    def between_many(self, a: Frame, b: Frame, ts: Sequence[float]) -> Iterable[Frame]:
        """The frames at `ts`, each 0 < t < 1, between two frames of one size."""
        ...


AT_ONCE = 4
"""Moments of a pair that are asked for together: a GPU makes them together, and memory stays flat at any rate."""


def resampled_frames(frames: int, rate_in: Fraction, rate_out: Fraction, loop: bool) -> int:
    """How many frames `resample` gives: floor((frames - 1) * out / in) + 1; for a loop, frames * out / in rounded."""
    if loop:
        return max(1, int(frames * rate_out / rate_in + Fraction(1, 2)))
    return int((frames - 1) * rate_out / rate_in) + 1


def resample(
    frames: Iterator[Frame], clip: Clip, rate_out: Fraction, engine: Interpolator, loop: bool
) -> tuple[Clip, Iterator[Frame]]:
    """`clip` at `rate_out`, one frame at a time.

    Moments that fall on a source frame give that frame, bit for bit; the others are asked of `engine`, pair by pair in
    order. Nothing is held at the tail. A loop goes on from its last frame to its first, and when its length is no
    whole number of output frames, the step is stretched evenly so that the seam has no stutter. Two source frames are
    held, and the first one too where it is needed at the end of a loop. Raises EngineError when `frames` does not
    bring as many as `clip` says.
    """
    if clip.frames < 1 or clip.rate <= 0 or rate_out <= 0:
        raise EngineError(f"resample: {clip} to {rate_out} fps; wanted at least one frame and positive rates")
    count = resampled_frames(clip.frames, clip.rate, rate_out, loop)
    step = Fraction(clip.frames, count) if loop else clip.rate / rate_out
    return replace(clip, rate=rate_out, frames=count), _walk(frames, clip.frames, count, step, engine, loop)


def _walk(
    frames: Iterator[Frame], expected: int, count: int, step: Fraction, engine: Interpolator, loop: bool
) -> Iterator[Frame]:
    first = next(frames, None)
    source = chain(frames, [first] if loop and first is not None else [])
    a, b, index = first, None, 0
    n = 0
    while n < count:
        position = n * step
        while index < int(position):
            a, b, index = (b if b is not None else next(source, None)), None, index + 1
        if a is not None and b is None and position > index:
            b = next(source, None)
        if a is None or (b is None and position > index):
            raise EngineError(
                f"resample: the frames ended after frame {index}, the clip's header says {expected}",
                remedy="make the clip again: its file is shorter than its header",
                code="FRAMES_MISSING",
            )
        if position == index or b is None:
            yield a
            n += 1
        else:
            last = min(count, n + AT_ONCE, ceil((index + 1) / step))
            yield from engine.between_many(a, b, [float(moment * step - index) for moment in range(n, last)])
            n = last
        if not loop:
            first = None
