"""SMPTE timecode: labels of frames and their numbers, at every rate scenes are made in.

SMPTE ST 12-1: a label counts whole frames at the nominal rate (24 for 23.976). Drop-frame counting (29.97 and 59.94
only, written with `;` before the frames) leaves out the first 2 labels (4 at 59.94) of every minute that is no tenth
one, so that labels keep up with the clock; no frame is ever left out.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction

from manifests.errors import InputError, Problem

_LABEL = re.compile(r"(\d{2}):(\d{2}):(\d{2})([:;.,])(\d{2})", re.ASCII)
_DROPS = {Fraction(30000, 1001): 2, Fraction(60000, 1001): 4}


@dataclass(frozen=True)
class Counting:
    """How the frames of one rate are labelled.

    Raises InputError (`DROP_FRAME_RATE`) for drop-frame at a rate that has none.
    """

    rate: Fraction
    drop: bool = False

    def __post_init__(self) -> None:
        if self.drop and self.rate not in _DROPS:
            raise InputError(
                Problem(
                    "DROP_FRAME_RATE",
                    f"timecode at {float(self.rate):g} frames per second cannot drop frames, only 29.97 and 59.94 can",
                    "write : instead of ; before the frames, or set rate: 29.97",
                )
            )

    @property
    def nominal(self) -> int:
        """Labels a second."""
        return math.ceil(self.rate)

    @property
    def day(self) -> int:
        """Frames until the labels begin again at 00:00:00:00."""
        return 24 * 3600 * self.nominal - self._left_out * (24 * 60 - 24 * 6)

    @property
    def _left_out(self) -> int:
        return _DROPS[self.rate] if self.drop else 0

    def label(self, frame: int) -> str:
        """`HH:MM:SS:FF` of a frame number, `HH:MM:SS;FF` where frames are dropped; begins again after 24 hours."""
        frame %= self.day
        if self.drop:
            minute = 60 * self.nominal - self._left_out
            ten_minutes = 10 * minute + self._left_out
            tens, rest = divmod(frame, ten_minutes)
            # The first minute of ten keeps all its labels.
            minutes = 0 if rest < minute + self._left_out else (rest - self._left_out) // minute
            frame += self._left_out * (9 * tens + minutes)
        seconds, frames = divmod(frame, self.nominal)
        mark = ";" if self.drop else ":"
        return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{mark}{frames:02d}"

    def frame(self, label: str) -> int:
        """The frame number a label stands for; `:` and `;` alike, this counting decides.

        Raises InputError: `BAD_TIMECODE` for what is no label, or one that drop-frame counting leaves out.
        """
        match = _LABEL.fullmatch(label.strip())
        if match is None:
            raise _bad(label, "is no timecode, wanted HH:MM:SS:FF")
        hours, minutes, seconds, frames = (int(match.group(part)) for part in (1, 2, 3, 5))
        if hours > 23 or minutes > 59 or seconds > 59 or frames >= self.nominal:
            raise _bad(label, f"is no timecode at {float(self.rate):g}: at most 23:59:59:{self.nominal - 1:02d}")
        if self.drop and minutes % 10 and not seconds and frames < self._left_out:
            first = f"{hours:02d}:{minutes:02d}:00;{self._left_out:02d}"
            raise _bad(label, f"is no frame: drop-frame counting goes on at {first}")
        whole_minutes = 60 * hours + minutes
        whole = (60 * whole_minutes + seconds) * self.nominal + frames
        return whole - self._left_out * (whole_minutes - whole_minutes // 10)


def counting(rate: Fraction, label: str) -> Counting:
    """The counting of a rate that `label` is written in: a `;` before the frames drops frames.

    Raises InputError (`DROP_FRAME_RATE`).
    """
    return Counting(rate, drop=label.strip()[-3:-2] == ";")


def _bad(label: str, what: str) -> InputError:
    return InputError(Problem("BAD_TIMECODE", f"'{label[:40]}' {what}", "correct the timecode"))
