"""A scene's timeline: which shot begins at which frame, and what is known of it.

Frames are counted from 0 at the first frame after the leader. Cumulative lengths are rounded, never single ones, so
that the n-th shot begins where the clock says however many came before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal


@dataclass(frozen=True)
class Into:
    """How an event begins. `before` and `after` are frames of it on each side of the cut; both 0 for a cut."""

    kind: Literal["cut", "dissolve", "dip", "morph"] = "cut"
    before: int = 0
    after: int = 0

    @property
    def overlaps(self) -> bool:
        """Both shots are seen at once."""
        return self.kind in ("dissolve", "morph")

    @property
    def frames(self) -> int:
        """Its whole length."""
        return self.before + self.after


@dataclass(frozen=True)
class Event:
    """One shot's place in a scene, as an edit decision list has it.

    `start` and `frames` are what lies between two cuts. The shot's clip begins `head` frames before `start` and goes on
    for `tail` frames after the end: what dissolves show of it (a dip shows nothing beyond the shot's own frames). Its
    file may have one frame more than `clip_frames`, which a cut that moves by a frame would show. `missing`: why there
    is no clip, "" where there is one. `text` are the row's `title shot panel dialogue action notes` as far as it says
    them, `meta` its other columns.
    """

    key: str
    name: str
    start: int
    frames: int
    head: int = 0
    tail: int = 0
    into: Into = Into()
    missing: str = ""
    text: Mapping[str, str] = field(default_factory=dict[str, str])
    meta: Mapping[str, str | bool | int | float | None] = field(default_factory=dict)
    item: str = ""
    """The row's id; `key` has its variant too."""

    @property
    def end(self) -> int:
        """The frame of the next cut."""
        return self.start + self.frames

    @property
    def clip_frames(self) -> int:
        """Frames of its clip that are shown."""
        return self.head + self.frames + self.tail


@dataclass(frozen=True)
class Timeline:
    """A whole scene. `start` is the timecode of frame 0 (`01:00:00:00`, `;` before the frames drops frames).

    `leader` are frames before frame 0; the assembled file begins with them.
    """

    name: str
    title: str
    rate: Fraction
    width: int
    height: int
    start: str
    first_frame: int
    leader: int
    events: tuple[Event, ...]

    @property
    def frames(self) -> int:
        """Length after the leader."""
        return self.events[-1].end if self.events else 0
