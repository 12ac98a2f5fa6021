"""A scene cut into segments: what lies between transitions, and each transition by itself.

A segment is made again only where something in it changes; all others are served from the store, and joining costs a
copy of bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from manifests.scene import Burned, Position
from tasks.planner.scene import EventPlan, ScenePlan
from tasks.recipe import EncodeRecipe
from tasks.scene.recipe import PartRecipe, Points, SegmentRecipe

RUNNING: tuple[Burned, ...] = ("timecode", "frame")
"""Burn-ins that are another one on every frame."""
TEXT_OF: Mapping[str, str] = {"panel": "panel", "dialogue": "dialogue", "note": "notes", "title": "title"}
_NOWHERE = {"first": 0, "start": "00:00:00:00", "first_frame": 0}
OUT, IN = "out", "in"
"""Roles of the clips that go and come."""


@dataclass(frozen=True)
class Segment:
    """A segment's recipe, and the events whose clips are its inputs, by role."""

    recipe: SegmentRecipe
    clips: Mapping[str, EventPlan]

    @property
    def frames(self) -> int:
        """Its length."""
        return self.recipe.encode.frames


def segments(plan: ScenePlan, missing: Mapping[str, str], date: str) -> list[Segment]:
    """All segments of a scene, in order. `missing`: why the events of these keys have no clip; `date`: as burned in."""
    return [*_leader(plan, date), *_events(plan, missing, date)]


def _leader(plan: ScenePlan, date: str) -> Iterator[Segment]:
    if plan.leader:
        lines = (
            plan.title,
            f"{plan.scene}  ·  {len(plan.events)} shots  ·  {plan.timeline.frames} frames at {_rate(plan.rate)}",
            f"{plan.width}x{plan.height}  ·  from {plan.start}",
            date,
        )
        part = PartRecipe(clip="", first=0, card=lines, start=0, texts=())
        yield _segment(plan, "whole", [(part, None)], -plan.leader, plan.leader, 0, ())


def _events(plan: ScenePlan, missing: Mapping[str, str], date: str) -> Iterator[Segment]:
    for index, event in enumerate(plan.events):
        after = plan.events[index + 1] if index + 1 < len(plan.events) else None
        if event.kind != "cut":
            before = plan.events[index - 1]
            first, frames = event.start - event.before, event.before + event.after
            parts = [
                (_part(plan, before, missing, date, OUT, first), before),
                (_part(plan, event, missing, date, IN, first), event),
            ]
            yield _segment(plan, event.kind, parts, first, frames, event.before, _counters(plan))
        first = event.start + event.after
        last = event.start + event.frames - (after.before if after else 0)
        if last > first:
            part = _part(plan, event, missing, date, IN, first)
            yield _segment(plan, "whole", [(part, event)], first, last - first, 0, _counters(plan))


def _part(
    plan: ScenePlan, event: EventPlan, missing: Mapping[str, str], date: str, role: str, first: int
) -> PartRecipe:
    """What `event` gives from scene frame `first` on; a clip has no frames before its own first one."""
    why = missing.get(event.key, event.missing)
    card = (event.name, event.text.get("title", ""), f"not here: {why}") if why else ()
    return PartRecipe(
        clip="" if why else role,
        first=first - event.start + event.head,
        card=card,
        start=event.start,
        texts=_texts(plan, event, date),
    )


def _texts(plan: ScenePlan, event: EventPlan, date: str) -> Points:
    told: list[tuple[Position, str]] = []
    for position, burned in plan.burn_in.items():
        text = {"shot": event.name, "date": date}.get(burned) or event.text.get(TEXT_OF.get(burned, ""), "")
        if text:
            told.append((position, text))
    return tuple(told)


def _counters(plan: ScenePlan) -> Points:
    return tuple((position, burned) for position, burned in plan.burn_in.items() if burned in RUNNING)


def _segment(
    plan: ScenePlan,
    kind: str,
    parts: Sequence[tuple[PartRecipe, EventPlan | None]],
    first: int,
    frames: int,
    cut: int,
    counters: Points,
) -> Segment:
    shown = tuple(part for part, _ in parts)
    # Where nothing counts, it does not matter when it is seen: a shot that is made longer changes none after it.
    place = {"first": first, "start": plan.start, "first_frame": plan.first_frame} if counters else _NOWHERE
    recipe = SegmentRecipe.model_validate(
        {
            **place,
            "kind": kind,
            "parts": shown if counters else tuple(part.model_copy(update={"start": 0}) for part in shown),
            "cut": cut,
            "counters": counters,
            "encode": _encode(plan, frames),
        }
    )
    return Segment(recipe, {part.clip: event for part, event in parts if event is not None and part.clip})


def _encode(plan: ScenePlan, frames: int) -> EncodeRecipe:
    whole = plan.delivery.encode
    return whole.model_copy(
        update={"frames": frames, "closed_gop": True, "audio": "none", "max_bytes": 0, "poster_at": 0}
    )


def _rate(rate: str) -> str:
    numerator, _, denominator = rate.partition("/")
    return f"{int(numerator) / int(denominator or 1):.5g}"
