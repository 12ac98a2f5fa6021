"""Asks, pictures and plans without a file: what tests of the planner start from."""

from __future__ import annotations

from typing import Any

from manifests.ask import Ask
from manifests.errors import Problem
from tasks.planner.plan import Means, RenditionPlan, ShotPlan
from tasks.planner.shot import plan_shot
from tasks.prepare import PictureFacts

MEANS = Means(rife=False, max_pixels=144_000_000)


def facts(**told: Any) -> PictureFacts:
    """A 3000x2000 studio photo with its product in the middle."""
    values: dict[str, Any] = {
        "sha256": "ab" * 32,
        "mask_sha256": "",
        "bytes": 1000,
        "format": "PNG",
        "width": 3000,
        "height": 2000,
        "alpha": False,
        "product": "plain",
        "box": (900, 500, 2100, 1500),
        "shadow": False,
        "border": ((228.0, 228.0, 228.0),) * 4,
        "plain": True,
        "warnings": (),
    }
    return PictureFacts(**(values | told))


def ask(**asked: Any) -> Ask:
    return Ask.model_validate({"source": {"kind": "image", "path": "/pictures/a.png"}} | asked)


def planned(
    asked: Ask, seen: PictureFacts | None = None, means: Means = MEANS, kind: str = "product"
) -> ShotPlan | list[Problem]:
    return plan_shot("a", "a", "", 3, asked, kind, seen or facts(), means, lambda spec: f"a_{spec.name}.mp4")


def plan(asked: Ask, seen: PictureFacts | None = None, means: Means = MEANS, kind: str = "product") -> ShotPlan:
    found = planned(asked, seen, means, kind)
    assert isinstance(found, ShotPlan), found
    return found


def only(shot: ShotPlan) -> RenditionPlan:
    assert len(shot.renditions) == 1
    return shot.renditions[0]


def refusal(asked: Ask, seen: PictureFacts | None = None, means: Means = MEANS) -> Problem:
    found = planned(asked, seen, means)
    assert isinstance(found, list) and len(found) == 1, found
    assert found[0].remedy
    return found[0]
