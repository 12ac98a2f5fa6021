"""Batches: idle shots cut into pieces of work of a sensible size, each for workers that can do all of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from tasks.planner.fits import needs_of, pools_of
from tasks.planner.scene import is_scene

LONGEST_BATCH: Final = 600.0
SHORTEST_BATCH: Final = 60.0
"""Seconds of work in one batch: a flow run costs seconds of its own, and a death loses no more than a batch."""
DEADLY: Final = 3
"""A shot that was in flight at so many deaths runs alone: what kills workers takes no other shot along."""


class Idle(Protocol):
    """A shot that is in no batch, as the catalog tells it."""

    @property
    def id(self) -> str:
        """The shot."""
        ...

    @property
    def plan(self) -> Mapping[str, Any]:
        """A `ShotPlan` as JSON."""
        ...

    @property
    def deaths(self) -> int:
        """How many workers died while it was in flight, since a stage of it was last finished."""
        ...


@dataclass(frozen=True)
class Cut:
    """A batch to be: shots in the manifest's order, what a worker must have (`tasks.planner.fits`), seconds of work."""

    shots: tuple[str, ...]
    needs: Mapping[str, Any]
    seconds: float

    @property
    def pools(self) -> tuple[str, str]:
        """The work pools it may go to, the one it is meant for first."""
        return pools_of(self.needs)


def cut_batches(shots: Sequence[Idle], slots: Callable[[str], int]) -> list[Cut]:
    """`shots` in batches of min(10 minutes, work / (2 x slots)) each, but at least 1 minute.

    `slots` says of a pool how many batches it works at once. Shots that need different checkpoints are not mixed, nor
    scenes with other shots, and a shot at three deaths has a batch of its own. The order of the manifest is kept.
    """
    alike: dict[tuple[str, ...], list[Idle]] = {}
    alone: list[Cut] = []
    for shot in shots:
        needs = needs_of([shot.plan])
        if shot.deaths >= DEADLY:
            alone.append(Cut((shot.id,), needs, _seconds(shot)))
            continue
        # Networks that come with the package are everywhere; checkpoints and adapters are what workers differ by.
        own = tuple(name for name in needs["weights"] if not name.startswith("realesrgan/"))
        what = "scene" if is_scene(shot.plan) else "clip"
        alike.setdefault((pools_of(needs)[0], what, *own), []).append(shot)
    cuts: list[Cut] = []
    for (pool, *_), group in alike.items():
        total = sum(map(_seconds, group))
        size = max(SHORTEST_BATCH, min(LONGEST_BATCH, total / (2 * max(1, slots(pool)))))
        cuts += [
            Cut(tuple(shot.id for shot in part), needs_of(shot.plan for shot in part), sum(map(_seconds, part)))
            for part in _parts(group, size)
        ]
    return cuts + alone


def _parts(shots: Sequence[Idle], size: float) -> list[list[Idle]]:
    parts: list[list[Idle]] = []
    filled = size
    for shot in shots:
        cost = _seconds(shot)
        if filled + cost / 2 >= size:
            parts.append([])
            filled = 0.0
        parts[-1].append(shot)
        filled += cost
    return parts


def _seconds(shot: Idle) -> float:
    return float(shot.plan.get("seconds", 0.0))
