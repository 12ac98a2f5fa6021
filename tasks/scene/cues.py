"""Dialogue as subtitles: SRT and WebVTT beside the file, and the cues of the track inside it."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from fractions import Fraction

from tasks.planner.scene import ScenePlan
from tasks.scene.recipe import CueRecipe

LONGEST_LINE = 42
"""Characters on a line, of two at most: what broadcasters ask for; longer text gets the lines it needs."""


def cues_of(plan: ScenePlan) -> tuple[CueRecipe, ...]:
    """What is said in a scene, each as long as its shot; frames count from the first of the file."""
    return tuple(
        CueRecipe(first=plan.leader + event.start, frames=event.frames, text=text)
        for event in plan.events
        if (text := event.text.get("dialogue", "").strip())
    )


def srt(cues: Sequence[CueRecipe], rate: Fraction) -> str:
    """SubRip: numbers, times with a comma, text."""
    return "".join(
        f"{number}\n{_span(cue, rate, ',')}\n{text}\n\n" for number, (cue, text) in enumerate(_lines(cues), start=1)
    )


def vtt(cues: Sequence[CueRecipe], rate: Fraction) -> str:
    """WebVTT (W3C): what would be markup is text."""
    told = (f"{_span(cue, rate, '.')}\n{html.escape(text, quote=False)}\n\n" for cue, text in _lines(cues))
    return "WEBVTT\n\n" + "".join(told)


def _lines(cues: Sequence[CueRecipe]) -> Iterator[tuple[CueRecipe, str]]:
    for cue in cues:
        # An empty line would end the cue, and --> begin another one.
        lines = [line for part in cue.text.splitlines() for line in _wrapped(part.replace("-->", "→").strip()) if line]
        yield cue, "\n".join(lines)


def _wrapped(text: str) -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > LONGEST_LINE:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def _span(cue: CueRecipe, rate: Fraction, mark: str) -> str:
    return f"{_time(cue.first / rate, mark)} --> {_time((cue.first + cue.frames) / rate, mark)}"


def _time(seconds: Fraction, mark: str) -> str:
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}{mark}{rest % 1000:03d}"
