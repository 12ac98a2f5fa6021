"""What every format says of a scene, in whole frames: where a shot lies, which frames of its file, how it is joined."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal
from urllib.parse import quote

from manifests.errors import InputError, Problem
from tasks.scene.timecode import Counting, counting
from tasks.scene.timeline import Event, Timeline


@dataclass(frozen=True)
class Media:
    """A shot's file. `path` is relative to the timeline file, with `/`.

    Of its `frames`, the first `handle_in` and the last `handle_out` are held pictures; between them lies the shot's
    clip with its head and tail. `first` is the number of the file's first frame, and its timecode: of the day before
    where it is negative.
    """

    path: str
    frames: int
    handle_in: int
    handle_out: int
    first: int = 0

    @property
    def url(self) -> str:
        """The path as a relative URL."""
        return quote(self.path)


@dataclass(frozen=True)
class Track:
    """A sound under the scene: `start` frames after frame 0 (negative: it began before), `frames` long."""

    name: str
    path: str
    start: int
    frames: int
    channels: int = 1

    @property
    def url(self) -> str:
        """The path as a relative URL."""
        return quote(self.path)

    @property
    def skipped(self) -> int:
        """Frames of it that lie before frame 0."""
        return max(0, -self.start)


@dataclass(frozen=True)
class Join:
    """How a shot begins in a timeline: frames on each side of the cut, and what is on the two sides of it."""

    kind: Literal["cut", "dissolve", "dip", "morph"] = "cut"
    before: int = 0
    after: int = 0
    comes: bool = True
    """There is a picture after the cut."""
    goes: bool = True
    """There is a picture before the cut."""

    @property
    def frames(self) -> int:
        """Its whole length; 0 for a cut."""
        return self.before + self.after


@dataclass(frozen=True)
class Placed:
    """An event with its file. `media` is None where there is no clip: a gap."""

    event: Event
    media: Media | None
    join: Join

    @property
    def source_in(self) -> int:
        """Number of the file's frame that is shown at the cut."""
        return self.media.first + self.media.handle_in + self.event.head if self.media else 0

    @property
    def source_out(self) -> int:
        """Number of the frame after the last that is shown before the next cut."""
        return self.source_in + self.event.frames


def scene_counting(timeline: Timeline) -> Counting:
    """How the scene's frames are labelled. Raises InputError (`DROP_FRAME_RATE`)."""
    return counting(timeline.rate, timeline.start)


def placed(timeline: Timeline, media: Mapping[str, Media]) -> tuple[Placed, ...]:
    """The timeline's events with their files, in order; an event that is missing, or has no file, is a gap.

    Raises InputError: `MEDIA_FRAMES` where a file is not as long as its clip and handles, `TRANSITIONS_LONG` where a
    shot's two transitions meet, `HANDLES` where a transition takes frames that its file does not have.
    """
    result: list[Placed] = []
    for event in timeline.events:
        one = None if event.missing else media.get(event.key)
        if one and one.frames != one.handle_in + event.clip_frames + one.handle_out:
            wanted = f"{one.handle_in} + {event.clip_frames} + {one.handle_out}"
            message = f"{event.name}: {one.path} has {one.frames} frames, its clip and handles are {wanted}"
            raise InputError(Problem("MEDIA_FRAMES", message, "make the shot again, then export again", item=event.key))
        result.append(Placed(event, one, joined(event, goes=bool(result and result[-1].media), comes=bool(one))))
    for one in result:
        if one.media and one.join.before > one.event.head + one.media.handle_in:
            raise _short(one, one.join.before, "before")
    for one, following in pairwise(result):
        if one.media and following.join.after > one.event.tail + one.media.handle_out:
            raise _short(one, following.join.after, "after")
        if one.join.after + following.join.before > one.event.frames:
            took = f"{one.join.after} and {following.join.before} frames of transitions"
            message = f"{one.event.name} is {one.event.frames} frames long, {took} lie in it"
            remedy = "make the shot longer or its transitions shorter"
            raise InputError(Problem("TRANSITIONS_LONG", message, remedy, item=one.event.key))
    return tuple(result)


def _short(one: Placed, frames: int, side: str) -> InputError:
    message = f"{one.event.name}: a transition takes {frames} frames {side} its cut, its file has fewer there"
    return InputError(Problem("HANDLES", message, "export with longer handles", item=one.event.key))


def joined(event: Event, *, goes: bool, comes: bool) -> Join:
    """How `event` begins where there is a picture before it (`goes`), and one of its own (`comes`)."""
    before, after = event.into.before if goes else 0, event.into.after if comes else 0
    if event.into.kind == "cut" or not before + after:
        return Join(comes=comes, goes=goes)
    return Join(event.into.kind, before, after, comes, goes)


def reels(names: Sequence[str]) -> dict[str, str]:
    """A reel of at most 8 letters and digits for each name, all different: CMX 3600 has room for no more.

    The end of a name tells shots apart, so that is what stays: SQ010_SH0020 becomes 10SH0020.
    """
    found: dict[str, str] = {}
    taken = {"BL", "BLACK", "AX", "BARS", ""}
    for number, name in enumerate(names, 1):
        reel = re.sub(r"[^A-Z0-9]", "", name.upper())[-8:]
        if reel in taken:
            reel = next(free for n in range(number, 10**7) if (free := f"R{n:07d}") not in taken)
        taken.add(reel)
        found[name] = reel
    return found


def on_one_line(text: str, longest: int = 2000) -> str:
    """Text for a format of lines: no line ends, no control characters."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())[:longest]
