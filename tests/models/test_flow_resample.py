"""From one rate to another: counts, moments, source frames untouched, loops, memory."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.clip import Clip, Frame
from models.errors import EngineError
from models.interpolate import AT_ONCE, resample, resampled_frames

RATES = st.sampled_from([Fraction(n) for n in (6, 7, 8, 15, 24, 25, 30, 60)] + [Fraction(15, 2), Fraction(30000, 1001)])


class Times:
    """An engine whose frame at `t` between frames that hold a number holds the number between."""

    def __init__(self) -> None:
        self.asked = 0

    def between_many(self, a: Frame, b: Frame, ts: Sequence[float]) -> list[Frame]:
        assert all(0 < t < 1 for t in ts) and 0 < len(ts) <= AT_ONCE
        self.asked += len(ts)
        return [a * (1 - t) + b * t for t in ts]


def frames(count: int) -> Iterator[Frame]:
    return (np.full((1, 1, 3), n, np.float64) for n in range(count))  # type: ignore[misc]


def values(made: Iterator[Frame]) -> list[float]:
    return [float(frame[0, 0, 0]) for frame in made]


@given(st.integers(1, 30), RATES, RATES)
def test_frames_stand_at_their_moments(count: int, rate_in: Fraction, rate_out: Fraction) -> None:
    clip, made = resample(frames(count), Clip(1, 1, rate_in, count), rate_out, Times(), loop=False)
    got = values(made)
    assert len(got) == clip.frames == (count - 1) * rate_out // rate_in + 1
    assert got == pytest.approx([float(n * rate_in / rate_out) for n in range(clip.frames)])
    assert clip.rate == rate_out


@given(st.integers(1, 30), RATES, RATES)
def test_loops_wrap_evenly(count: int, rate_in: Fraction, rate_out: Fraction) -> None:
    clip, made = resample(frames(count), Clip(1, 1, rate_in, count), rate_out, Times(), loop=True)
    got = values(made)
    assert len(got) == clip.frames == max(1, int(count * rate_out / rate_in + Fraction(1, 2)))
    for n, value in enumerate(got):
        at = n * Fraction(count, clip.frames)
        rest = float(at - (count - 1))
        wanted = float(at) if rest <= 0 else (count - 1) * (1 - rest)  # from the last frame back to frame 0
        assert value == pytest.approx(wanted, abs=1e-9)


def test_source_frames_pass_untouched_and_nothing_is_asked_needlessly() -> None:
    source = [np.random.default_rng(n).integers(0, 256, (4, 4, 3), np.uint8) for n in range(5)]
    engine = Times()
    _, made = resample(iter(source), Clip(4, 4, Fraction(15, 2), 5), Fraction(30), engine, loop=False)
    got = list(made)
    assert len(got) == 17
    assert all(got[4 * n] is source[n] for n in range(5))
    assert engine.asked == 12


def test_the_same_rate_asks_nothing() -> None:
    engine = Times()
    _, made = resample(frames(9), Clip(1, 1, Fraction(25), 9), Fraction(25), engine, loop=True)
    assert values(made) == list(range(9))
    assert engine.asked == 0


def test_memory_does_not_grow_with_the_clip() -> None:
    alive: set[int] = set()

    def source() -> Iterator[Frame]:
        for n in range(60):
            frame = np.full((1, 1, 3), n, np.uint8)
            alive.add(n)
            weakref.finalize(frame, alive.discard, n)
            yield frame
            del frame

    most = 0
    for loop in (False, True):
        _, made = resample(source(), Clip(1, 1, Fraction(10), 60), Fraction(24), Times(), loop=loop)
        for made_frame in made:
            most = max(most, len(alive))
            del made_frame
    assert most <= 4, f"{most} source frames were held at once"


def test_a_source_that_ends_early_is_an_error_not_a_shorter_clip() -> None:
    _, made = resample(frames(6), Clip(1, 1, Fraction(10), 8), Fraction(20), Times(), loop=False)
    with pytest.raises(EngineError, match="header says 8") as caught:
        list(made)
    assert caught.value.code == "FRAMES_MISSING"


def test_counts_of_real_rates() -> None:
    assert resampled_frames(25, Fraction(15, 2), Fraction(30), loop=False) == 97
    assert resampled_frames(25, Fraction(15, 2), Fraction(30), loop=True) == 100
    assert resampled_frames(25, Fraction(7), Fraction(30000, 1001), loop=False) == 103
    with pytest.raises(EngineError, match="positive rates"):
        resample(frames(1), Clip(1, 1, Fraction(0), 1), Fraction(30), Times(), loop=False)
