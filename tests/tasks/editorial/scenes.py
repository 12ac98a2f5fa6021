"""A scene as the tests cut it, with files for its shots and a sound."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

from tasks.editorial.cutting import Media, Track
from tasks.scene.timeline import Event, Into, Timeline

HANDLES = 8
NOTES = "Hold the beam\nfor the <title> & more."
SOUND = Track("score", "sound/score mix.wav", start=12, frames=100, channels=2)


def shot(key: str, number: int, frames: int, **values: Any) -> Event:
    text = {"shot": str(number), "panel": "A", "dialogue": "KEEPER: Not tonight.", "action": "Dusk.", "notes": NOTES}
    event = Event(key, f"SQ010_SH{number:04d}", 0, frames, text=text, meta={"act": 1, "approved": True})
    return replace(event, **values)


def laid(*events: Event) -> tuple[Event, ...]:
    """One after the other; heads and tails as their transitions need them."""
    result: list[Event] = []
    start = 0
    for number, event in enumerate(events):
        following = events[number + 1].into if number + 1 < len(events) else Into()
        head, tail = (into.kind == "dissolve" for into in (event.into, following))
        result.append(replace(event, start=start, head=head * event.into.before, tail=tail * following.after))
        start += event.frames
    return tuple(result)


def scene(*events: Event, rate: Fraction = Fraction(24), start: str = "01:00:00:00") -> Timeline:
    return Timeline("keeper", "The keeper", rate, 64, 36, start, 1001, 48, laid(*events))


def plain(rate: Fraction = Fraction(24), start: str = "01:00:00:00") -> Timeline:
    """Four shots, cut."""
    lengths = zip("abcd", (10, 20, 30, 40), (48, 36, 60, 24), strict=True)
    return scene(*(shot(key, number, frames) for key, number, frames in lengths), rate=rate, start=start)


def rich(rate: Fraction = Fraction(24), start: str = "01:00:00:00") -> Timeline:
    """A cut, a dissolve of odd length, a dip, a missing shot, and a dissolve out of nothing."""
    return scene(
        shot("a", 10, 48),
        shot("b", 20, 36, into=Into("dissolve", 6, 7)),
        shot("c", 30, 60, into=Into("dip", 5, 6)),
        shot("d", 40, 24, missing="its picture is gone"),
        shot("e", 50, 30, into=Into("dissolve", 4, 4)),
        shot("f", 60, 20),
        rate=rate,
        start=start,
    )


def files(timeline: Timeline) -> dict[str, Media]:
    return {
        event.key: Media(
            f"media/{event.name}.mov",
            event.clip_frames + 2 * HANDLES,
            HANDLES,
            HANDLES,
            timeline.first_frame - event.head - HANDLES,
        )
        for event in timeline.events
        if not event.missing
    }
