"""Source pictures and masks in the store before anyone works on them: a worker may not see the folder they lie in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from catalog.catalog import Catalog


def store_sources(
    catalog: Catalog, plans: Sequence[Mapping[str, Any]], progress: Callable[[int, int], None]
) -> list[str]:
    """Take what the shots of `plans` (`ShotPlan` as JSON) need into the store; what is there already is not read.

    Returns the paths that are gone, or changed since they were planned: whoever works the shot says what is wrong.
    """
    wanted: dict[str, str] = {}
    for plan in plans:
        picture = plan["picture"]
        wanted[picture["sha256"]] = picture["path"]
        if picture["mask"]:
            wanted[picture["mask_sha256"]] = picture["mask"]
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
