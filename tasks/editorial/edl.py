"""A scene as a CMX 3600 edit decision list: one track of video, up to four of sound, and comments.

Written here and not by OpenTimelineIO's adapter, which knows no start timecode, no FCM line, no 29.97 without
drop-frame, and gives all shots of a sequence the same reel. Its reader reads what is written here; tests hold it so.

A dissolve is two lines of one number: the outgoing shot with no length, then the incoming one with `D` and the
dissolve's frames, both beginning where the dissolve does. A dip is a dissolve to black and one out of it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tasks.editorial.cutting import Media, Placed, Track, on_one_line, placed, reels, scene_counting
from tasks.scene.timecode import Counting
from tasks.scene.timeline import Timeline

MOST_SOUNDS = 4
"""Channels CMX 3600 has: A, A2, A3, A4."""

_TOLD = ("title", "shot", "panel", "dialogue", "action", "notes")
_BLACK = "BL"


@dataclass(frozen=True)
class _Side:
    """A stretch of one source: reel, the number of its first frame, and the name people know."""

    reel: str
    first: int
    name: str


def edl_text(timeline: Timeline, media: Mapping[str, Media], sounds: Sequence[Track] = ()) -> str:
    """The scene as the text of an `.edl` file; sounds beyond `MOST_SOUNDS` are left out.

    Raises InputError: `DROP_FRAME_RATE` and `BAD_TIMECODE` for the timeline's start, and those of `placed`.
    """
    counted = scene_counting(timeline)
    title = on_one_line(timeline.title or timeline.name, 70)
    lines = [f"TITLE: {title}", f"FCM: {'DROP FRAME' if counted.drop else 'NON-DROP FRAME'}", ""]
    writer = _Writer(counted, counted.frame(timeline.start))
    shots = placed(timeline, media)
    reel_of = reels([one.event.name for one in shots])
    for one, following in zip(shots, [*shots[1:], None], strict=True):
        lines += writer.shot(one, following, reel_of)
    for number, sound in enumerate(sounds[:MOST_SOUNDS], 1):
        lines += writer.sound(sound, number)
    return "\n".join(lines) + "\n"


class _Writer:
    def __init__(self, counted: Counting, start: int) -> None:
        self.counted = counted
        self.start = start
        self.number = 0
        self.last = _Side(_BLACK, 0, "")
        """What is on screen where the next event begins, as the source goes on from there."""

    def line(self, side: _Side, channel: str, edit: str, record_in: int, frames: int) -> str:
        label = self.counted.label
        at = self.start + record_in
        codes = (label(side.first), label(side.first + frames), label(at), label(at + frames))
        return f"{self.number:03d}  {side.reel:<8} {channel:<5} {edit:<8} {' '.join(codes)}"

    def event(self, side: _Side, record_in: int, frames: int, dissolve: int = 0) -> list[str]:
        """One event of video, out of what was on screen before where `dissolve` is not 0."""
        self.number += 1
        lines: list[str] = []
        if dissolve:
            lines = [
                self.line(self.last, "V", "C", record_in, 0),
                self.line(side, "V", f"D    {dissolve:03d}", record_in, frames),
            ]
            lines += [f"* FROM CLIP NAME: {self.last.name}"] if self.last.name else []
            lines += [f"* TO CLIP NAME: {side.name}"] if side.name else []
        else:
            lines = [self.line(side, "V", "C", record_in, frames)]
            lines += [f"* FROM CLIP NAME: {side.name}"] if side.name else []
        self.last = _Side(side.reel, side.first + frames if side.reel != _BLACK else 0, side.name)
        return lines

    def shot(self, one: Placed, following: Placed | None, reel_of: Mapping[str, str]) -> list[str]:
        """The events of one shot: itself, and the black a dip goes through."""
        event, join = one.event, one.join
        # A shot ends where the next one's dissolve begins; so does one before a dip.
        end = event.end - (following.join.before if following else 0)
        lines: list[str] = []
        start, dissolve = event.start, 0
        if join.kind == "dip" or not (join.goes and join.comes):
            if join.before and one.media is not None:
                lines += self.event(_Side(_BLACK, 0, ""), event.start - join.before, join.before, join.before)
            dissolve = join.after
            if dissolve:
                self.last = _Side(_BLACK, 0, "")
        else:
            start, dissolve = event.start - join.before, join.frames
        name = on_one_line(event.name, 200)
        if one.media is None:
            # The gap itself is what the shot before fades to.
            black = _Side(_BLACK, 0, name)
            lines += self.event(black, event.start - join.before, end - event.start + join.before, join.before)
            lines += [f"* MISSING: {on_one_line(event.missing or 'there is no file', 200)}", ""]
            return lines
        side = _Side(reel_of[event.name], one.source_in - (event.start - start), name)
        lines += self.event(side, start, end - start, dissolve)
        lines += [f"* FROM CLIP: {one.media.path}"] if not dissolve else [f"* TO CLIP: {one.media.path}"]
        lines += _comments(one)
        return [*lines, ""]

    def sound(self, sound: Track, number: int) -> list[str]:
        """One event of sound on a channel of its own."""
        self.number += 1
        side = _Side(f"SOUND{number}", sound.skipped, sound.name)
        channel = "A" if number == 1 else f"A{number}"
        line = self.line(side, channel, "C", max(0, sound.start), sound.frames - sound.skipped)
        return [line, f"* FROM CLIP NAME: {on_one_line(sound.name, 200)}", f"* FROM CLIP: {sound.path}", ""]


def _comments(one: Placed) -> Iterator[str]:
    for key in _TOLD:
        text = on_one_line(one.event.text.get(key, ""))
        for line in textwrap.wrap(text, 70):
            yield f"* {key.upper()}: {line}"
    if one.join.kind == "dip":
        yield f"* DIP TO BLACK: {one.join.before} FRAMES OUT, {one.join.after} FRAMES IN"
