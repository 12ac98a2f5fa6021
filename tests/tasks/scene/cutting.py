"""Scenes of asks without a file: what tests of cutting and assembling start from."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from manifests.ask import Ask
from manifests.errors import Problem
from manifests.manifest import Manifest, Refused, Shot
from manifests.presets import preset
from manifests.scene import Scene
from tasks.planner.cut import Cut, clip_preset, cut_scenes
from tasks.planner.scene import ScenePlan, plan_scene
from tasks.planner.timing import timing

RATES = ("23.976", "24", "25", "29.97", "30")
EXACT = {
    "23.976": Fraction(24000, 1001),
    "24": Fraction(24),
    "25": Fraction(25),
    "29.97": Fraction(30000, 1001),
    "30": Fraction(30),
}
LONG = {"kind": "dissolve", "seconds": 5}


def row(item: str, line: int, variant: str = "", **asked: Any) -> Shot:
    ask = Ask.model_validate({"source": {"kind": "image", "path": f"/pictures/{item}.png"}, "scene": "s"} | asked)
    return Shot(f"{item}#{variant}" if variant else item, item, variant, line, ask)


def rows(*lengths: Any, **asked: Any) -> list[Shot]:
    """Shots `a1`, `a2` ... so many seconds long."""
    return [row(f"a{number}", number, seconds=length, **asked) for number, length in enumerate(lengths, start=1)]


def refused(item: str, line: int, message: str = "there is no file", **asked: Any) -> Refused:
    shot = row(item, line, **asked)
    return Refused(item, item, line, "m.yaml", (Problem("PICTURE_MISSING", message, "name another"),), shot.ask)


def manifest(
    shots: Sequence[Shot], refusals: Sequence[Refused] = (), *, scenes: dict[str, Any] | None = None, **scene: Any
) -> Manifest:
    """One scene `s` at the small size, unless `scenes` says otherwise."""
    told = {"s": {"preset": "small_wide", "leader": 0} | scene} if scenes is None else scenes
    made = {name: Scene.model_validate(one) for name, one in told.items()}
    folder = Path("/m")
    return Manifest(
        1, "product", "m", folder / "m.yaml", folder / "out", "{id}_{preset}", (folder,), (), tuple(shots),
        tuple(refusals), made,
    )  # fmt: skip


def cut(shots: Sequence[Shot], refusals: Sequence[Refused] = (), **scene: Any) -> tuple[Manifest, Cut]:
    found, cuts, problems = cut_scenes(manifest(shots, refusals, **scene))
    assert not problems, problems
    assert len(cuts) == 1
    return found, cuts[0]


def plan(shots: Sequence[Shot], refusals: Sequence[Refused] = (), **scene: Any) -> ScenePlan:
    """The plan of a scene whose shots are all to be had."""
    _, made = cut(shots, refusals, **scene)
    name = clip_preset(made.scene).name
    clips = {(event.key, name): f"ask of {event.key}" for event in made.timeline.events if not event.missing}
    return plan_scene(made, clips, {}, {}, refresh=False)


def frames_of_clips(found: Manifest) -> dict[str, int]:
    """How long each shot is to be made in what it is cut from, by its key."""
    return {shot.key: timing(shot.ask, preset(shot.ask.deliver[-1])).frames for shot in found.shots}
