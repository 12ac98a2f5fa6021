"""Where every shot of a scene stands: from rows with lengths and transitions to a timeline in whole frames.

A shot's clip is as long as it is seen: what a dissolve shows of it before its cut and after the next one is part of its
move, so nothing stands still while it fades. Rounding moves a cut by a frame when something before it changes; the clip
has that frame in any case, so that only the cut is made again and not the shot.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

from manifests.ask import SHORTEST, Ask
from manifests.errors import InputError, Problem
from manifests.manifest import Manifest, Refused, Shot
from manifests.presets import Preset, cut_preset, preset
from manifests.requirements import check
from manifests.scene import Scene, Transition
from tasks.boards.numbering import shot_names
from tasks.scene.timecode import counting
from tasks.scene.timeline import Event, Into, Timeline

KEY = "scene/"
"""Begins the key of a scene among the shots of a run."""
_PLAYS = ("frames", "seconds", "rate")
_CHANGED = (*_PLAYS, "deliver")
_TEXT = ("title", "shot", "panel", "dialogue", "action", "notes")


@dataclass(frozen=True)
class Cut:
    """A scene as it is cut: its settings, its timeline, and per event the rows' problems where it has no clip."""

    scene: Scene
    timeline: Timeline
    asks: Mapping[str, Ask]
    """By the shot's key: what is asked of each event."""
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Played:
    """What is asked of an item's shots: what the row says, and the same as it is played in its scene."""

    row: Ask
    cut: Ask


@dataclass(frozen=True)
class _Row:
    key: str
    item: str
    line: int
    ask: Ask
    missing: str


def cut_scenes(manifest: Manifest) -> tuple[Manifest, list[Cut], list[Problem]]:
    """The scenes of `manifest`, and the manifest whose shots are as long as they are seen there.

    Of an item with variants the first is cut in; those that vary neither length nor rate are as long, to be cut in
    instead. Rows that were refused keep their place, where their length could be read. What is wrong with a scene is a
    problem, and that scene is left out.
    """
    cuts: list[Cut] = []
    problems: list[Problem] = []
    asks: dict[str, _Played] = {}
    keys = {one.key for one in (*manifest.shots, *manifest.refused)} if manifest.scenes else set[str]()
    for name, scene in manifest.scenes.items():
        rows = _rows(manifest, name)
        if fault := _taken(name, keys) or _fault(name, scene, rows):
            problems.append(replace(fault, file=str(manifest.file), item=name))
            continue
        cut, wanted = _cut(name, scene, rows)
        if refused := _refused(cut.timeline, preset(scene.preset)):
            problems += [replace(one, file=str(manifest.file), item=name) for one in refused]
            continue
        cuts.append(cut)
        asks |= wanted
    if not asks:
        return manifest, cuts, problems
    return replace(manifest, shots=tuple(_as_cut(shot, asks) for shot in manifest.shots)), cuts, problems


def clip_preset(scene: Scene) -> Preset:
    """What a scene's shots are delivered in to be cut."""
    return cut_preset(preset(scene.preset))


def _rows(manifest: Manifest, name: str) -> list[_Row]:
    """The rows of a scene in the order of the manifest."""
    first: dict[str, Shot] = {}
    for shot in manifest.shots:
        first.setdefault(shot.item_id, shot)
    rows = [
        _Row(shot.key, shot.item_id, shot.line, shot.ask, "")
        for shot in first.values()
        if manifest.scene_of(shot.ask) == name
    ]
    rows += [
        _Row(row.key, row.item_id, row.line, row.ask, _why(row))
        for row in manifest.refused
        if row.ask is not None and manifest.scene_of(row.ask) == name
    ]
    return sorted(rows, key=lambda row: row.line)


def _why(row: Refused) -> str:
    return row.problems[0].message


def _taken(name: str, keys: Collection[str]) -> Problem | None:
    """A scene is a shot of its run, and may not have another one's key."""
    if f"{KEY}{name}" not in keys:
        return None
    found = f"scenes.{name}: a row has the id '{KEY}{name}', which is the scene's own among the shots of a run"
    return Problem("BAD_SCENE", found, "give that row, or the scene, another name")


def _fault(name: str, scene: Scene, rows: Sequence[_Row]) -> Problem | None:
    spec = preset(scene.preset)
    if not any(not row.missing for row in rows):
        return Problem("EMPTY_SCENE", f"scenes.{name}: no good row is in it", f"give rows scene: {name}, or remove it")
    if spec.native:
        return Problem("BAD_SCENE", f"scenes.{name}: {spec.name} has no frame of its own", "name a preset with a size")
    if spec.fitted_rate(scene.rate) != scene.rate:
        rates = ", ".join(f"{float(rate):.5g}" for rate in spec.rates) or f"{spec.min_rate} to {spec.max_rate}"
        return Problem("BAD_SCENE", f"scenes.{name}: {spec.name} takes no rate of {scene.rate}", f"it takes {rates}")
    try:
        counting(scene.rate, scene.start).frame(scene.start)
    except InputError as error:
        return Problem("BAD_SCENE", f"scenes.{name}.start: {error.problem.message}", error.problem.remedy)
    return None


def _refused(timeline: Timeline, spec: Preset) -> list[Problem]:
    """What the preset says of the whole file, its leader included."""
    seconds = float((timeline.leader + timeline.frames) / timeline.rate)
    found = check(spec, width=timeline.width, height=timeline.height, rate=timeline.rate, seconds=seconds)
    leader = "; its slate counts: leader: 0 leaves it out" if timeline.leader else ""
    what = f"scenes.{timeline.name}"
    return [replace(one, message=f"{what}: {one.message}", remedy=f"change its seconds{leader}") for one in found]


def _cut(name: str, scene: Scene, rows: Sequence[_Row]) -> tuple[Cut, dict[str, _Played]]:
    lengths = [_seconds(row.ask, scene.rate) for row in rows]
    if scene.seconds is not None:
        share = Fraction(str(scene.seconds)) / sum(lengths)
        lengths = [length * share for length in lengths]
    starts = [0]
    played = Fraction(0)
    for length in lengths:
        played += length
        starts.append(max(starts[-1] + 1, math.floor(played * scene.rate + Fraction(1, 2))))
    frames = [after - start for start, after in pairwise(starts)]
    into, notes = _transitions(scene, rows, frames)
    events: list[Event] = []
    asks: dict[str, _Played] = {}
    names = shot_names(scene.sequence, [row.item for row in rows])
    for index, row in enumerate(rows):
        head = into[index].before if into[index].overlaps else 0
        following = into[index + 1] if index + 1 < len(rows) else Into()
        tail = following.after if following.overlaps else 0
        text = {part: getattr(row.ask, part) for part in _TEXT if getattr(row.ask, part)}
        events.append(
            Event(
                row.key, names[index], starts[index], frames[index], head, tail, into[index], row.missing, text,
                row.ask.meta, row.item,
            )
        )  # fmt: skip
        seen = max(frames[index], math.ceil(lengths[index] * scene.rate)) + head + tail
        asks[row.item] = _Played(row.ask, _asked(row.ask, scene, max(math.ceil(SHORTEST * scene.rate), seen)))
    spec = preset(scene.preset)
    timeline = Timeline(
        name=name,
        title=scene.title or name,
        rate=scene.rate,
        width=spec.width,
        height=spec.height,
        start=scene.start,
        first_frame=scene.first_frame,
        leader=round(Fraction(str(scene.leader)) * scene.rate),
        events=tuple(events),
    )
    return Cut(scene, timeline, {row.key: row.ask for row in rows}, tuple(notes)), asks


def _seconds(ask: Ask, rate: Fraction) -> Fraction:
    """An ask's length, exactly: 1.3 is 13/10, whatever the computer makes of it."""
    return ask.frames / rate if ask.frames is not None else Fraction(str(ask.seconds))


def _transitions(scene: Scene, rows: Sequence[_Row], frames: Sequence[int]) -> tuple[list[Into], list[str]]:
    """How each shot begins; a transition takes at most half of the shots beside it."""
    found: list[Into] = []
    notes: list[str] = []
    for index, row in enumerate(rows):
        asked: Transition = row.ask.transition or scene.transition
        if index == 0 or asked.kind == "cut":
            found.append(Into())
            continue
        wanted = max(2, round(Fraction(str(asked.seconds)) * scene.rate))
        before, after = min(wanted // 2, frames[index - 1] // 2), min(wanted - wanted // 2, frames[index] // 2)
        if before + after < wanted:
            notes.append(
                f"{row.item}: the {asked.kind} is {before + after} frames long, not {wanted}: its shots are short"
            )
        found.append(Into(asked.kind, before, after) if before + after else Into())
    return found, notes


def _asked(ask: Ask, scene: Scene, frames: int) -> Ask:
    """What is asked of a shot that is cut in: as long as it is seen, at the scene's rate, in what it is cut from.

    In seconds: a preset that the row wants beside it may not take that rate, and plays it as long.
    """
    deliver = tuple(dict.fromkeys([*ask.deliver, clip_preset(scene).name]))
    seconds = float(frames / scene.rate)
    return ask.model_copy(update={"frames": None, "seconds": seconds, "rate": scene.rate, "deliver": deliver})


def _as_cut(shot: Shot, asks: Mapping[str, _Played]) -> Shot:
    played = asks.get(shot.item_id)
    if played is None or any(getattr(shot.ask, name) != getattr(played.row, name) for name in _PLAYS):
        return shot
    return replace(shot, ask=shot.ask.model_copy(update={name: getattr(played.cut, name) for name in _CHANGED}))
