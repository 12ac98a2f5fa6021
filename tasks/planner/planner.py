"""Planning a manifest: every shot's plan or what is wrong with it, what stands already, and what the rest costs."""

from __future__ import annotations

import gc
import zlib
from collections.abc import Callable, Generator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

from catalog.catalog import Catalog
from catalog.deliveries import Delivered
from catalog.ledger import chunks
from manifests.ask import Ask
from manifests.errors import Problem
from manifests.manifest import Manifest, Shot
from tasks.chain import Chain
from tasks.planner.cut import Cut, cut_scenes
from tasks.planner.estimate import Seconds, Speeds, bytes_of, seconds_of, stored_bytes
from tasks.planner.plan import DeliveryPlan, Means, ShotPlan
from tasks.planner.scene import ScenePlan, plan_scene
from tasks.planner.shot import plan_shot
from tasks.planner.sounds import unheard
from tasks.planner.standing import Standing, standing_deliveries
from tasks.planner.survey import Sight, survey
from tasks.planner.work import encode_work
from tasks.prepare import PictureFacts
from tasks.scene.older import older_scenes

PLANNED_AT_ONCE = 250
"""Shots whose plans are in memory as objects; the others' lie packed, in a tenth of the room."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One shot of a run: its plan, or the problems that keep it from being made (then it is quarantined)."""

    shot: Shot
    packed: bytes
    """The plan as compressed JSON; empty where there is none."""
    problems: tuple[Problem, ...]
    seconds: float
    """Estimated work that is left."""

    @property
    def plan(self) -> ShotPlan | None:
        """The plan, unpacked: hold it only as long as you look at it."""
        return ShotPlan.model_validate_json(self.plan_text) if self.packed else None

    @property
    def plan_text(self) -> str:
        """The plan as JSON; empty where there is none."""
        return zlib.decompress(self.packed).decode() if self.packed else ""


@dataclass(frozen=True)
class RunPlan:
    """A planned manifest. `seconds` by (stage, engine), `new_bytes` of the store, deliveries by state.

    `shots` are those of good rows; the rows that were refused are the manifest's `refused`. `to_make` and `standing`
    count deliveries, those that two shots share once.
    """

    manifest: Manifest
    shots: tuple[Planned, ...]
    standing: Standing
    refresh: bool
    seconds: Seconds
    new_bytes: int
    speeds: Speeds
    deliveries_to_make: int = 0
    deliveries_standing: int = 0
    scenes: tuple[ScenePlan, ...] = ()
    faults: tuple[Problem, ...] = ()
    """What is wrong with scenes that are left out."""
    unheard: tuple[Problem, ...] = ()
    """Sounds that scenes are made without."""

    @property
    def problems(self) -> list[Problem]:
        """Everything wrong with any row or shot, in order."""
        rows = [(row.line, problem) for row in self.manifest.refused for problem in row.problems]
        rows += [(planned.shot.line, problem) for planned in self.shots for problem in planned.problems]
        return [*self.faults, *(problem for _, problem in sorted(rows, key=lambda told: told[0]))]

    def stands(self, delivery: DeliveryPlan) -> bool:
        """Whether a delivery is served as it is."""
        return _stands(delivery, self.standing, self.refresh)

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

    With `refresh`, deliveries that newer code, engines or weights would make differently are planned again. Memory
    grows by a few kB for each shot: plans are packed as they come.
    """
    manifest, cuts, faults = cut_scenes(manifest)
    facts = survey(
        catalog, (shot.ask for shot in manifest.shots), max_pixels=means.max_pixels, workers=workers, progress=progress
    )
    files = {item.id: item.file for item in manifest.items}
    sum_up = _Sum(speeds.on(means), refresh)
    shots: list[Planned] = []
    clips = _Clips(cuts)
    with _uncollected():
        for part in chunks(manifest.shots, PLANNED_AT_ONCE):
            found = [
                _plan(manifest, shot, files[shot.item_id], _seen(shot.ask, facts), means, refresh) for shot in part
            ]
            sum_up.stands(standing_deliveries(catalog, chain, [one for one in found if isinstance(one, ShotPlan)]))
            shots += [_planned(shot, one, sum_up) for shot, one in zip(part, found, strict=True)]
            clips.add(part, found)
    lost = [unheard(cut, manifest) for cut in cuts]
    scenes = [
        plan_scene(cut, clips.found, clips.failed, one, refresh=refresh) for cut, one in zip(cuts, lost, strict=True)
    ]
    sum_up.stands(_scenes_standing(catalog, chain, scenes, sum_up.older))
    scenes = [scene.model_copy(update={"seconds": sum_up.add_scene(scene)}) for scene in scenes]
    return RunPlan(
        manifest,
        tuple(shots),
        Standing(sum_up.current, frozenset(sum_up.older)),
        refresh,
        sum_up.seconds,
        sum_up.bytes,
        sum_up.speeds,
        sum_up.to_make,
        sum_up.standing,
        tuple(scenes),
        tuple(faults),
        tuple(problem for one in lost for problem in one.values()),
    )


class _Clips:
    """What scenes are cut from: the deliveries of their shots as asked, and why there are others not."""

    def __init__(self, cuts: Sequence[Cut]) -> None:
        self._keys = {event.key for cut in cuts for event in cut.timeline.events}
        self.found: dict[tuple[str, str], str] = {}
        self.failed: dict[str, str] = {}

    def add(self, shots: Sequence[Shot], plans: Sequence[ShotPlan | tuple[Problem, ...]]) -> None:
        """The plans of some more shots."""
        for shot, plan in zip(shots, plans, strict=True):
            if shot.key not in self._keys:
                continue
            if isinstance(plan, tuple):
                self.failed[shot.key] = plan[0].message
            else:
                asked = ((one.preset, one.ask_sha256) for shared in plan.renditions for one in shared.deliveries)
                self.found |= {(shot.key, preset): ask for preset, ask in asked}


def _scenes_standing(
    catalog: Catalog, chain: Chain, scenes: Sequence[ScenePlan], older_clips: AbstractSet[str]
) -> Standing:
    found = catalog.current_deliveries([scene.delivery.ask_sha256 for scene in scenes])
    current = {ask: several[-1] for ask, several in found.items()}
    return Standing(current, older_scenes(catalog, chain.ffmpeg, scenes, current, older_clips))


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
    # Rows that were refused are no part of a sample: it is made to see good ones.
    sample = replace(
        manifest, refused=(), scenes={}, items=tuple(item for item in manifest.items if item.id in named), shots=kept
    )
    return replace(sample, sha256=sample.digest())


def _seen(
    ask: Ask, facts: Mapping[Sight, PictureFacts | Problem]
) -> tuple[PictureFacts, PictureFacts | None] | Problem:
    """What is known of its picture and of the one it ends on, or what is wrong with one of them."""
    first, ending = facts[Sight.of(ask)], Sight.of_ending(ask)
    last = facts[ending] if ending else None
    if isinstance(first, Problem):
        return first
    if isinstance(last, Problem):
        return replace(last, message=f"svd.until: {last.message}")
    return first, last


def _plan(
    manifest: Manifest,
    shot: Shot,
    file: str,
    seen: tuple[PictureFacts, PictureFacts | None] | Problem,
    means: Means,
    refresh: bool,
) -> ShotPlan | tuple[Problem, ...]:
    if isinstance(seen, Problem):
        found: ShotPlan | list[Problem] = [seen]
    else:
        found = plan_shot(
            shot.key,
            shot.item_id,
            shot.variant,
            shot.line,
            shot.ask,
            manifest.kind,
            seen[0],
            means,
            lambda spec: manifest.output(shot, spec.name),
            refresh=refresh,
            until=seen[1],
        )
    if isinstance(found, ShotPlan):
        return found
    return tuple(replace(problem, file=file, line=shot.line, item=shot.item_id) for problem in found)


def _planned(shot: Shot, found: ShotPlan | tuple[Problem, ...], sum_up: _Sum) -> Planned:
    if isinstance(found, tuple):
        return Planned(shot, b"", found, 0.0)
    seconds = sum_up.add(found)
    text = found.model_copy(update={"seconds": seconds}).model_dump_json()
    return Planned(shot, zlib.compress(text.encode(), 1), (), seconds)


class _Sum:
    """What a plan adds up to; what two shots share (same picture, same recipe) is made once and counted once."""

    def __init__(self, speeds: Speeds, refresh: bool) -> None:
        self.speeds, self.refresh = speeds, refresh
        self.current: dict[str, Delivered] = {}
        self.older: set[str] = set()
        self.seconds: Seconds = {}
        self.bytes = self.to_make = self.standing = 0
        self._counted: set[bytes] = set()

    def add_scene(self, scene: ScenePlan) -> float:
        """Count the file of a scene; the seconds it is assembled in."""
        encode = scene.delivery.encode
        if _stands(scene.delivery, self, self.refresh):
            self.standing += 1
            return 0.0
        self.to_make += 1
        self.bytes += 2 * bytes_of(encode)  # its segments, and the file
        seconds = self.speeds.of("encode", "ffmpeg", encode_work(encode))
        self.seconds["encode", "ffmpeg"] = self.seconds.get(("encode", "ffmpeg"), 0.0) + seconds
        return seconds

    def stands(self, found: Standing) -> None:
        """More that stands."""
        self.current.update(found.current)
        self.older.update(found.older)

    def add(self, plan: ShotPlan) -> float:
        """Count one shot; the seconds of work that are left for it."""
        spent = 0.0
        for shared in plan.renditions:
            left: list[DeliveryPlan] = []
            for delivery in shared.deliveries:
                name = bytes.fromhex(delivery.ask_sha256)
                if name in self._counted:
                    continue
                self._counted.add(name)
                if _stands(delivery, self, self.refresh):
                    self.standing += 1
                else:
                    self.to_make += 1
                    left.append(delivery)
            self.bytes += sum(bytes_of(delivery.encode) for delivery in left) + (stored_bytes(shared) if left else 0)
            for speed, seconds in seconds_of(shared, plan.picture, self.speeds, left).items():
                self.seconds[speed] = self.seconds.get(speed, 0.0) + seconds
                spent += seconds
        return spent


class _Found(Protocol):
    """What stands: deliveries by what was asked, and which of them are older than today's code."""

    @property
    def current(self) -> Mapping[str, Delivered]: ...
    @property
    def older(self) -> AbstractSet[str]: ...


def _stands(delivery: DeliveryPlan, standing: _Found, refresh: bool) -> bool:
    if refresh and delivery.ask_sha256 in standing.older:
        return False
    return delivery.ask_sha256 in standing.current
