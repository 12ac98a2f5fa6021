"""Labels and numbers of frames, at every rate a scene may have."""

from __future__ import annotations

from fractions import Fraction

import opentimelineio as otio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.errors import InputError
from tasks.scene.timecode import Counting, counting

NTSC = Fraction(30000, 1001)
RATES = (Fraction(24000, 1001), Fraction(24), Fraction(25), NTSC, Fraction(30))
COUNTINGS = [*(Counting(rate) for rate in RATES), Counting(NTSC, drop=True), Counting(Fraction(60000, 1001), drop=True)]


@pytest.mark.parametrize(
    ("rate", "drop", "frame", "label"),
    [
        (Fraction(24000, 1001), False, 86_400, "01:00:00:00"),  # labels at 23.976 fall 3.6 s an hour behind the clock
        (Fraction(24), False, 86_399, "00:59:59:23"),
        (Fraction(25), False, 90_000, "01:00:00:00"),
        (Fraction(30), False, 1_800, "00:01:00:00"),
        (NTSC, False, 1_800, "00:01:00:00"),
        (NTSC, False, 108_000, "01:00:00:00"),
        (NTSC, True, 0, "00:00:00;00"),
        (NTSC, True, 1_799, "00:00:59;29"),
        (NTSC, True, 1_800, "00:01:00;02"),
        (NTSC, True, 3_597, "00:01:59;29"),
        (NTSC, True, 3_598, "00:02:00;02"),
        (NTSC, True, 17_981, "00:09:59;29"),
        (NTSC, True, 17_982, "00:10:00;00"),
        (NTSC, True, 17_983, "00:10:00;01"),
        (NTSC, True, 19_781, "00:10:59;29"),
        (NTSC, True, 19_782, "00:11:00;02"),
        (NTSC, True, 107_891, "00:59:59;29"),
        (NTSC, True, 107_892, "01:00:00;00"),
        (NTSC, True, 2_589_407, "23:59:59;29"),
        (Fraction(60000, 1001), True, 3_600, "00:01:00;04"),
        (Fraction(60000, 1001), True, 35_964, "00:10:00;00"),
    ],
)
def test_boundaries(rate: Fraction, drop: bool, frame: int, label: str) -> None:
    assert Counting(rate, drop).label(frame) == label
    assert Counting(rate, drop).frame(label) == frame


@given(st.sampled_from(COUNTINGS), st.integers(0, 2_000_000))
def test_every_frame_has_one_label(counted: Counting, frame: int) -> None:
    assert counted.frame(counted.label(frame)) == frame


@given(st.sampled_from(COUNTINGS), st.integers(-100_000_000, 100_000_000))
def test_labels_begin_again_after_a_day(counted: Counting, frame: int) -> None:
    assert counted.label(frame) == counted.label(frame + counted.day)


@given(st.integers(0, 23), st.integers(0, 59), st.integers(0, 59), st.integers(0, 29))
def test_drop_frame_labels_are_frames_or_left_out(hours: int, minutes: int, seconds: int, frames: int) -> None:
    label = f"{hours:02d}:{minutes:02d}:{seconds:02d};{frames:02d}"
    if minutes % 10 and not seconds and frames < 2:
        with pytest.raises(InputError, match="BAD_TIMECODE"):
            Counting(NTSC, drop=True).frame(label)
    else:
        assert Counting(NTSC, drop=True).label(Counting(NTSC, drop=True).frame(label)) == label


@given(st.integers(0, 2_589_407))
def test_drop_frame_keeps_up_with_the_clock(frame: int) -> None:
    hours, minutes, seconds = (int(part) for part in Counting(NTSC, drop=True).label(frame)[:8].split(":"))
    shown = 3600 * hours + 60 * minutes + seconds
    assert abs(frame / NTSC - shown) < 1.15  # a day is 86.4 ms out, and a minute up to 2 frames


@pytest.mark.parametrize("rate", [Fraction(24), Fraction(25), NTSC, Fraction(30)])
@given(frame=st.integers(0, 2_000_000))
def test_as_opentimelineio_counts(rate: Fraction, frame: int) -> None:
    for drop in (False, True) if rate == NTSC else (False,):
        time = otio.opentime.RationalTime(frame, float(rate))  # pyright: ignore
        label = otio.opentime.to_timecode(time, float(rate), drop)  # pyright: ignore
        assert Counting(rate, drop).label(frame) == label


def test_the_mark_decides() -> None:
    assert counting(NTSC, "01:00:00;00").drop
    assert not counting(NTSC, "01:00:00:00").drop


@pytest.mark.parametrize("rate", [Fraction(24), Fraction(25), Fraction(30), Fraction(24000, 1001)])
def test_no_other_rate_drops_frames(rate: Fraction) -> None:
    with pytest.raises(InputError) as told:
        counting(rate, "01:00:00;00")
    assert told.value.code == "DROP_FRAME_RATE"


@pytest.mark.parametrize(
    "label", ["", "1:00:00:00", "01:00:00", "24:00:00:00", "00:60:00:00", "00:00:60:00", "00:00:00:24", "٠١:00:00:00"]
)
def test_what_is_no_label(label: str) -> None:
    with pytest.raises(InputError) as told:
        Counting(Fraction(24)).frame(label)
    assert told.value.code == "BAD_TIMECODE"
