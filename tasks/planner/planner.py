"""Planning a manifest: every shot's plan or what is wrong with it, what stands already, and what the rest costs."""

from __future__ import annotations

import gc
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from catalog.catalog import Catalog
from manifests.errors import Problem
from manifests.manifest import Manifest, Shot
from tasks.chain import Chain
from tasks.planner.estimate import Seconds, Speeds, bytes_of, seconds_of, stored_bytes
from tasks.planner.plan import DeliveryPlan, Means, ShotPlan
from tasks.planner.shot import plan_shot
from tasks.planner.standing import Standing, standing_deliveries
from tasks.planner.survey import Sight, survey
from tasks.prepare import PictureFacts


@dataclass(frozen=True)
class Planned:
    """One shot of a run: its plan, or the problems that keep it from being made (then it is quarantined)."""

    shot: Shot
    plan: ShotPlan | None
    problems: tuple[Problem, ...]
    seconds: float
    """Estimated work that is left."""


@dataclass(frozen=True)
class RunPlan:
    """A planned manifest. `seconds` by (stage, engine), `new_bytes` of the store, deliveries by state."""

    manifest: Manifest
    shots: tuple[Planned, ...]
    standing: Standing
    refresh: bool
    seconds: Seconds
    new_bytes: int
    speeds: Speeds

    @property
    def problems(self) -> list[Problem]:
        """Everything wrong with any shot, in order."""
        return [problem for planned in self.shots for problem in planned.problems]

    def stands(self, delivery: DeliveryPlan) -> bool:
        """Whether a delivery is served as it is."""
        if self.refresh and delivery.ask_sha256 in self.standing.older | self.standing.unsaid:
            return False
        return delivery.ask_sha256 in self.standing.current

    def to_make(self, plan: ShotPlan) -> list[DeliveryPlan]:
        """The deliveries of a shot that are not there."""
        return [one for shared in plan.renditions for one in shared.deliveries if not self.stands(one)]


def plan_run(
    manifest: Manifest,
    catalog: Catalog,
    chain: Chain,
    means: Means,
    speeds: Speeds,
    *,
    workers: int,
    refresh: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> RunPlan:
    """Plan every shot of `manifest`. Pictures are opened only where they changed since they were last looked at.

    With `refresh`, deliveries that newer code, engines or weights would make differently are planned again.
    """
    facts = survey(
        catalog, (shot.ask for shot in manifest.shots), max_pixels=means.max_pixels, workers=workers, progress=progress
    )
    files, speeds = {item.id: item.file for item in manifest.items}, speeds.on(means)
    with _uncollected():
        planned = [
            _plan(manifest, shot, files[shot.item_id], facts[Sight.of(shot.ask)], means, refresh)
            for shot in manifest.shots
        ]
        plans = [one.plan for one in planned if one.plan]
        run = RunPlan(manifest, (), standing_deliveries(catalog, chain, plans), refresh, {}, 0, speeds)
        return _costed(run, planned)


@contextmanager
def _uncollected() -> Generator[None]:
    """No garbage collection: plans are trees without cycles, and looking through a growing heap again and again takes
    a third of the time of planning 10,000 shots."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def sampled(manifest: Manifest, shots: int) -> Manifest:
    """`manifest` with `shots` of its shots, spread evenly over it, first and last among them, and with their items."""
    total = len(manifest.shots)
    if shots >= total:
        return manifest
    chosen = (round(index * (total - 1) / max(1, shots - 1)) for index in range(shots))
    kept = tuple(manifest.shots[index] for index in chosen)
    named = {shot.item_id for shot in kept}
    sample = replace(manifest, items=tuple(item for item in manifest.items if item.id in named), shots=kept)
    return replace(sample, sha256=sample.digest())


def _plan(
    manifest: Manifest, shot: Shot, file: str, facts: PictureFacts | Problem, means: Means, refresh: bool
) -> Planned:
    if isinstance(facts, Problem):
        found: ShotPlan | list[Problem] = [facts]
    else:
        found = plan_shot(
            shot.key,
            shot.item_id,
            shot.variant,
            shot.line,
            shot.ask,
            manifest.kind,
            facts,
            means,
            lambda spec: manifest.output(shot, spec.name),
            refresh=refresh,
        )
    if isinstance(found, ShotPlan):
        return Planned(shot, found, (), 0.0)
    placed = tuple(replace(problem, file=file, line=shot.line, item=shot.item_id) for problem in found)
    return Planned(shot, None, placed, 0.0)


def _costed(run: RunPlan, planned: Sequence[Planned]) -> RunPlan:
    """Add up the work left; what two shots share (same picture, same recipe) is made once and counted once."""
    total: Seconds = {}
    grown = 0
    counted: set[str] = set()
    shots: list[Planned] = []
    for one in planned:
        spent = 0.0
        for shared in one.plan.renditions if one.plan else ():
            left = [
                delivery
                for delivery in shared.deliveries
                if not run.stands(delivery) and delivery.ask_sha256 not in counted
            ]
            counted.update(delivery.ask_sha256 for delivery in left)
            grown += sum(bytes_of(delivery.encode) for delivery in left) + (stored_bytes(shared) if left else 0)
            pixels = one.plan.picture.pixels if one.plan else 0
            for speed, seconds in seconds_of(shared, pixels, run.speeds, left).items():
                total[speed] = total.get(speed, 0.0) + seconds
                spent += seconds
        shots.append(replace(one, seconds=spent))
    return replace(run, shots=tuple(shots), seconds=total, new_bytes=grown)
