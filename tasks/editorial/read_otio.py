"""An OpenTimelineIO timeline read back: the shots of its first video track."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from typing import Any

from manifests.errors import InputError
from tasks.editorial.edit import Cut, Edit, check_cuts, check_rate, clip_name, refused
from tasks.editorial.otio import otio

DEEPEST = 200
_LARGEST_NUMBER = 10**9
_AGAIN = "export the timeline again"
_BROKEN = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RuntimeError)


def read_otio(text: str, file: str, rate: Fraction) -> Edit:
    """The edit of the one timeline in the text.

    Raises InputError: `OTIO_BROKEN`, `TOO_LARGE` (nested too deeply), `EDIT_FORMAT`, `EDIT_RATE`, `EDIT_LINE`,
    `EDIT_EMPTY`, `EDIT_LENGTH`.
    """
    _look_through(text, file)
    try:
        timeline = _timeline(otio.core.deserialize_json_from_string(text))
        if timeline is None:
            raise refused(file, "EDIT_FORMAT", "there is no timeline in it", "export the cut sequence as OTIO")
        return _Reader(file, rate).edit(timeline)
    except InputError:
        raise
    except (otio.exceptions.OTIOError, *_BROKEN) as broken:
        # The library lets anything be put anywhere, and says so when it is asked.
        why = str(broken).split("\n")[0][:200]
        raise refused(file, "OTIO_BROKEN", f"it is no sound timeline: {why}", _AGAIN) from broken


def _look_through(text: str, file: str) -> None:
    """Refuse what is no JSON or nests too deeply: the library's own reader would fall over it, process and all."""
    try:
        top: Any = json.loads(text)
    except (ValueError, RecursionError) as broken:
        line = getattr(broken, "lineno", None)
        code, what = ("OTIO_BROKEN", "it is no JSON") if line else ("TOO_LARGE", "it nests too deeply or is no JSON")
        raise refused(file, code, what, _AGAIN, line) from broken
    level = [top]
    for _ in range(DEEPEST):
        level = [
            inner
            for one in level
            for inner in (one.values() if isinstance(one, dict) else one if isinstance(one, list) else ())
        ]
        if not level:
            return
    raise refused(file, "TOO_LARGE", f"it nests deeper than {DEEPEST} levels", _AGAIN)


def _timeline(found: Any) -> Any:
    if isinstance(found, otio.schema.SerializableCollection):
        return next((one for one in found if isinstance(one, otio.schema.Timeline)), None)
    return found if isinstance(found, otio.schema.Timeline) else None


class _Reader:
    def __init__(self, file: str, rate: Fraction) -> None:
        self.file = file
        self.rate = rate
        self.unread: list[str] = []

    def edit(self, timeline: Any) -> Edit:
        start = self.frames(timeline.global_start_time) if timeline.global_start_time else 0
        video = otio.schema.TrackKind.Video
        tracks = [one for one in timeline.tracks if getattr(one, "kind", "") == video and len(one)]
        for track in tracks[1:]:
            names = [clip_name(one.name) for one in track if isinstance(one, otio.schema.Clip)]
            if names:
                self.unread.append(f"what lies on higher video tracks is not carried: {', '.join(names[:8])}")
        cuts = self.cuts(tracks[0], start) if tracks else []
        return Edit(self.file, self.rate, check_cuts(self.file, cuts), tuple(self.unread))

    def cuts(self, track: Any, start: int) -> list[Cut]:
        cuts: list[Cut] = []
        at, transition = start, None
        for item in track:
            if isinstance(item, otio.schema.Transition):
                transition = item
                continue
            frames = self.frames(item.duration())
            if one := self.cut(item, at, frames, transition):
                cuts.append(one)
            at, transition = at + frames, None
        return cuts

    def cut(self, item: Any, at: int, frames: int, transition: Any) -> Cut | None:
        name = clip_name(item.name or "")
        key = self.key(item)
        gap = isinstance(item, otio.schema.Gap)
        if not (gap and key) and not (isinstance(item, otio.schema.Clip) and item.enabled):
            if not gap:
                self.unread.append(f"{name[:80] or item.schema_name()} is no shot, or is disabled")
            return None
        shown = item.trimmed_range()
        check_rate(self.file, Fraction(shown.duration.rate).limit_denominator(10_000), self.rate)
        source_in = self.frames(shown.start_time)
        before = self.frames(transition.in_offset) if transition else 0
        after = self.frames(transition.out_offset) if transition else 0
        return Cut(
            name,
            at,
            at + frames,
            source_in,
            source_in + frames,
            key=key,
            dissolve=before + after,
            before=before,
            sourced=not gap,
            retimed=any(isinstance(effect, otio.schema.TimeEffect) for effect in item.effects),
            gap=gap,
        )

    def key(self, item: Any) -> str:
        ours = item.metadata.get("dailies", {})
        key = ours.get("key", "") if hasattr(ours, "get") else ""
        return key if isinstance(key, str) else ""

    def frames(self, time: Any) -> int:
        """A time as whole frames of the scene. Raises InputError (`EDIT_LINE`)."""
        value = time.value * float(self.rate) / time.rate if time.rate > 0 else math.nan
        if not math.isfinite(value) or abs(value) > _LARGEST_NUMBER:
            raise refused(self.file, "EDIT_LINE", f"{time} is no time", _AGAIN)
        return round(value)
