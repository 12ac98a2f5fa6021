"""An edit held against the timeline that was exported: which shots come when, how long, and what cannot be carried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from manifests.errors import InputError, Problem
from tasks.editorial.cutting import joined, reels
from tasks.editorial.edit import Cut, Edit
from tasks.scene.timeline import Event, Timeline

SHORTEST, LONGEST = 2, 72_000
"""Frames a row may ask for."""


@dataclass(frozen=True)
class AsCut:
    """A shot in the edit's order. `copy` counts from 2 where it is in the edit more than once, else 0."""

    key: str
    name: str
    frames: int
    retimed: bool
    copy: int = 0


@dataclass(frozen=True)
class Scene:
    """A scene as an edit has it: its shots, names of those that are gone, and sentences for people."""

    shots: tuple[AsCut, ...]
    removed: tuple[str, ...]
    said: tuple[str, ...]


def as_cut(edit: Edit, timeline: Timeline) -> Scene:
    """What the edit makes of the timeline.

    Shots are found by the row's id where the file carries it, by name, and by the reel that lists have instead. One
    that was missing when the timeline was written stays after the shot it came after, whether the edit has it or not.

    Raises InputError: `EDIT_OTHER_SCENE`, `EDIT_LENGTH`.
    """
    said = [f"{edit.file}: {sentence}" for sentence in edit.unread]
    matched = _matched(edit, timeline, said)
    whole = _whole(_aligned(matched))
    shots = _shots(whole, edit, timeline, said)
    if not any(one.key for one in shots):
        names = ", ".join(cut.name or cut.reel for cut in edit.cuts[:5])
        message = f"none of its {len(edit.cuts)} shots is of the scene '{timeline.name}': {names}"
        remedy = "name the edit of this scene, or the manifest of that one"
        raise InputError(Problem("EDIT_OTHER_SCENE", message, remedy, edit.file))
    _holes(whole, timeline, said)
    seen = {one.key for one in shots}
    removed: list[str] = []
    for number, event in enumerate(timeline.events):
        if event.key in seen:
            continue
        if event.missing:
            keys = [one.key for one in shots]
            before = next((one.key for one in reversed(timeline.events[:number]) if one.key in keys), None)
            at = keys.index(before) + 1 if before is not None else 0
            shots.insert(at, AsCut(event.key, event.name, event.frames, False))
            said.append(f"{event.name} was missing from the timeline and stays where it was.")
        else:
            removed.append(event.name)
            said.append(f"{event.name} is not in the edit: row '{event.key}' is taken out.")
    order = [event.key for event in timeline.events if event.key in {one.key for one in shots}]
    if [one.key for one in shots if not one.copy] != order:
        said.append(f"The order is now {', '.join(one.name for one in shots)}.")
    return Scene(tuple(shots), tuple(removed), tuple(said))


Found = tuple[Event, Cut]


def _matched(edit: Edit, timeline: Timeline, said: list[str]) -> list[Found]:
    by_key = {event.key: event for event in timeline.events}
    by_name = {event.name.casefold(): event for event in timeline.events}
    by_reel = {reel: by_name[name.casefold()] for name, reel in reels([e.name for e in timeline.events]).items()}
    found: list[Found] = []
    for cut in edit.cuts:
        event = by_key.get(cut.key) or by_name.get(cut.name.casefold()) or (None if cut.gap else by_reel.get(cut.reel))
        if event is None:
            said.append(f"{cut.name or cut.reel or 'a clip without a name'} is no shot of this scene and is left out.")
        else:
            found.append((event, cut))
    return found


def _aligned(found: Sequence[Found]) -> list[Found]:
    """Cuts inside dissolves put back where they were exported, where a file only says how long the dissolve is."""
    result = list(found)
    for number, (event, cut) in enumerate(result):
        if not cut.split_guessed or cut.dissolve != event.into.frames:
            continue
        later = event.into.before - cut.before
        result[number] = event, cut.cut_later(later)
        if number and result[number - 1][1].record_out == cut.record_in:
            result[number - 1] = result[number - 1][0], result[number - 1][1].ends_later(later)
    return result


def _whole(found: Sequence[Found]) -> list[Found]:
    """Pieces of one shot that follow each other without a jump put together again: a cut through it is no cut."""
    result: list[Found] = []
    for event, cut in found:
        if result:
            before, last = result[-1]
            joins = (last.record_out, last.source_out) == (cut.record_in, cut.source_in) and not cut.dissolve
            if before is event and joins and not cut.retimed and not last.retimed:
                result[-1] = event, replace(last, record_out=cut.record_out, source_out=cut.source_out)
                continue
        result.append((event, cut))
    return result


def _shots(found: Sequence[Found], edit: Edit, timeline: Timeline, said: list[str]) -> list[AsCut]:
    shots: list[AsCut] = []
    for number, (event, cut) in enumerate(found):
        if not SHORTEST <= cut.frames <= LONGEST:
            message = f"{event.name} is {cut.frames} frames long, a shot has {SHORTEST} to {LONGEST}"
            raise InputError(
                Problem("EDIT_LENGTH", message, "change its length in the edit", edit.file, item=event.key)
            )
        times = 1 + sum(one.key == event.key for one in shots)
        retimed = cut.frames != event.frames
        shots.append(AsCut(event.key, event.name, cut.frames, retimed, times if times > 1 else 0))
        if times > 1:
            said.append(f"{event.name} is in the edit {times} times: a copy of its row is added, to be made anew.")
        if retimed:
            said.append(f"{event.name} is now {cut.frames} frames, it was {event.frames}.")
        if cut.retimed:
            said.append(
                f"{event.name} plays at another speed in the edit: its move is made for its new length instead."
            )
        said += _not_carried(event, cut, found[number - 1][0] if number else None, timeline)
    return shots


def _not_carried(event: Event, cut: Cut, before: Event | None, timeline: Timeline) -> list[str]:
    """What the edit changed of a shot that no key of a row says."""
    told: list[str] = []
    later = cut.source_in - timeline.first_frame
    if cut.sourced and not cut.gap and later:
        how = f"{abs(later)} frames {'later' if later > 0 else 'earlier'} in its clip"
        told.append(f"{event.name} begins {how}: a row has no key for that, its move is made whole.")
    join = joined(event, goes=before is not None, comes=not cut.gap)
    # Out of black, and out of a dip in a list, a file has only the frames after the cut.
    if cut.dissolve not in (join.frames, join.after):
        asked = f"{join.kind} of {join.frames} frames" if join.frames else "cut"
        found = f"a transition of {cut.dissolve} frames" if cut.dissolve else "a cut"
        told.append(f"{event.name} begins with {found} in the edit, with a {asked} in the manifest: set it there.")
    return told


def _holes(found: Sequence[Found], timeline: Timeline, said: list[str]) -> None:
    """Tell black between shots, but for that of shots which were missing there already."""
    for (first, last), (second, cut) in pairwise(found):
        between = [event for event in timeline.events if first.end <= event.start < second.start]
        black = cut.record_in - last.record_out
        if black > 0 and black != sum(event.frames for event in between if event.missing):
            said.append(f"{black} frames of black between {first.name} and {second.name} are not carried.")
