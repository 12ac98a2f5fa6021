"""Source pictures and masks in the store before anyone works on them: a worker may not see the folder they lie in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from catalog.catalog import Catalog
from tasks.planner.scene import is_scene

_FILES = (("sha256", "path"), ("mask_sha256", "mask"))
"""Where a plan's picture names its files."""


def files_of(plan: Mapping[str, Any]) -> dict[str, str]:
    """What a shot's plan reads from outside: digest -> path. Pictures (also the one it ends on) and masks; of a scene
    its sounds."""
    if is_scene(plan):
        sounds = (plan["sound"], *(event["sound"] for event in plan["events"]))
        return {sound["sha256"]: sound["path"] for sound in sounds if sound}
    picture: Mapping[str, Any] = plan.get("picture", {})
    ending: Mapping[str, Any] = picture.get("until") or {}
    named = [(shown.get(digest), shown.get(path, "")) for shown in (picture, ending) for digest, path in _FILES]
    return {digest: path for digest, path in named if digest}


def store_sources(
    catalog: Catalog, plans: Sequence[Mapping[str, Any]], progress: Callable[[int, int], None]
) -> list[str]:
    """Take what the shots of `plans` (JSON) need into the store; what is there already is not read.

    Returns the paths that are gone, or changed since they were planned: whoever works the shot says what is wrong.
    """
    wanted: dict[str, str] = {}
    for plan in plans:
        wanted |= files_of(plan)
    missing = [(sha256, path) for sha256, path in wanted.items() if not catalog.holds(sha256)]
    lost: list[str] = []
    for done, (sha256, path) in enumerate(missing, start=1):
        try:
            if catalog.ingest(Path(path), "source", {"name": Path(path).name}) != sha256:
                lost.append(path)
        except FileNotFoundError:
            lost.append(path)
        progress(done, len(missing))
    return lost
