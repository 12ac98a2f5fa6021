"""The plan of a scene: its timeline, what its shots are delivered as, and the file they are assembled into."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from catalog.store import hash_file
from manifests.errors import Problem
from manifests.names import portable
from manifests.presets import preset
from manifests.scene import Burned, Position, Sound
from tasks.planner.cut import Cut, clip_preset
from tasks.planner.delivery import encode_recipe, inspect_recipe
from tasks.planner.plan import DeliveryPlan
from tasks.planner.timing import Timing
from tasks.recipe import Recipe, sha256_of
from tasks.scene.timeline import Event, Into, Timeline

SCENE_VERSION = 2
"""Plans of scenes are newer than what the first workers read (`tasks.planner.plan.PLAN_VERSION`)."""
Clips = Mapping[tuple[str, str], str]
"""`ask_sha256` of deliveries by shot and preset."""


class SoundPlan(Recipe):
    """One sound: the file by content, decibels, and when it begins, in seconds after the scene's frame 0."""

    path: str
    sha256: str
    gain: float
    at: str


class EventPlan(Recipe):
    """One event (`tasks.scene.timeline.Event`) with the delivery that is cut in: `ask_sha256`, "" where none comes."""

    key: str
    item: str
    name: str
    start: int
    frames: int
    head: int
    tail: int
    kind: Literal["cut", "dissolve", "dip", "morph"]
    before: int
    after: int
    missing: str
    ask_sha256: str
    text: dict[str, str]
    meta: dict[str, str | bool | int | float | None]
    sound: SoundPlan | None


class SceneFile(Recipe):
    """The rendition of a scene, as the catalog and the out folder read renditions."""

    name: str
    deliveries: tuple[DeliveryPlan, ...]


class ScenePlan(Recipe):
    """One scene to assemble once its shots are delivered."""

    scene: str
    title: str
    rate: str
    width: int
    height: int
    start: str
    first_frame: int
    leader: int
    burn_in: dict[Position, Burned]
    sheet: Literal[1, 3, 6]
    subtitles: bool
    loudness: float | None
    sound: SoundPlan | None
    events: tuple[EventPlan, ...]
    renditions: tuple[SceneFile, ...]
    notes: tuple[str, ...]
    seconds: float
    refresh: bool
    version: int

    @property
    def delivery(self) -> DeliveryPlan:
        """Its one file."""
        return self.renditions[0].deliveries[0]

    @property
    def timeline(self) -> Timeline:
        """What stands where."""
        return Timeline(
            self.scene, self.title, Fraction(self.rate), self.width, self.height, self.start, self.first_frame,
            self.leader, tuple(map(_event, self.events)),
        )  # fmt: skip

    @property
    def sounds(self) -> list[SoundPlan]:
        """Every sound that is heard in it."""
        return [one for one in (self.sound, *(event.sound for event in self.events)) if one is not None]

    def asked(self, missing: Mapping[str, str]) -> str:
        """Identity of the assembled file as asked, where the events of those keys have no clip.

        Everything that is seen and heard: what changes none of it remakes nothing. Of the encoder only what people
        choose: one that was upgraded, or a preset that was tuned, does not remake last month's scenes.
        """
        told = self.model_dump(mode="json", exclude={"renditions", "notes", "seconds", "refresh", "version"})
        for event in told["events"]:
            event["missing"] = missing.get(event["key"], event["missing"])
            event["ask_sha256"] = "" if event["missing"] else event["ask_sha256"]
            del event["meta"]
        for sound in (told["sound"], *(event["sound"] for event in told["events"])):
            if sound:
                del sound["path"]
        return sha256_of({"scene": told, "preset": self.delivery.preset, "speed": self.delivery.encode.speed})


def plan_scene(
    cut: Cut, clips: Clips, failed: Mapping[str, str], unheard: Mapping[Path, Problem], *, refresh: bool
) -> ScenePlan:
    """The plan of a scene of which `clips` are to be had; `failed` says why others are not, `unheard` why sounds."""
    timeline, scene = cut.timeline, cut.scene
    digest = functools.cache(hash_file)  # one sound may lie under every row
    clip = clip_preset(scene).name

    def sound_of(sound: Sound, start: int) -> SoundPlan | None:
        if sound.path is None or sound.path in unheard:
            return None
        at = start / timeline.rate + Fraction(str(sound.at))
        return SoundPlan(path=str(sound.path), sha256=digest(sound.path), gain=sound.gain, at=str(at))

    def planned(event: Event) -> EventPlan:
        why = event.missing or failed.get(event.key, "")
        found = "" if why else clips[event.key, clip]
        sound = None if event.missing else sound_of(cut.asks[event.key].sound, event.start)
        return _planned(event, why, found, sound)

    silent = (f"{one.item}: {one.message}" if one.item else one.message for one in unheard.values())
    spec = preset(scene.preset)
    frames = timeline.leader + timeline.frames
    timing = Timing(timeline.rate, float(frames / timeline.rate), frames, frames, "rest", ())
    size = (timeline.width, timeline.height)
    encode = encode_recipe(spec, size, timing, sound="none", effort=scene.speed)
    inspect = inspect_recipe(encode, spec, timing, moving=False, dark=True)
    file = DeliveryPlan(
        preset=spec.name,
        name=f"{portable(timeline.name)}.{encode.container}",
        ask_sha256="",
        encode=encode,
        inspect=inspect.model_copy(update={"audio": True}),
    )
    plan = ScenePlan(
        scene=timeline.name,
        title=timeline.title,
        rate=str(timeline.rate),
        width=timeline.width,
        height=timeline.height,
        start=timeline.start,
        first_frame=timeline.first_frame,
        leader=timeline.leader,
        burn_in=dict(scene.burn_in),
        sheet=scene.sheet,
        subtitles=scene.subtitles,
        loudness=None if scene.loudness == "off" else scene.loudness,
        sound=sound_of(scene.sound, 0),
        events=tuple(map(planned, timeline.events)),
        renditions=(SceneFile(name=f"{size[0]}x{size[1]}", deliveries=(file,)),),
        notes=(*cut.notes, *silent),
        seconds=0.0,
        refresh=refresh,
        version=SCENE_VERSION,
    )
    asked = file.model_copy(update={"ask_sha256": plan.asked({})})
    return plan.model_copy(update={"renditions": (SceneFile(name=plan.renditions[0].name, deliveries=(asked,)),)})


def is_scene(plan: Mapping[str, Any]) -> bool:
    """Whether a plan, as the catalog keeps it (JSON), is a scene's."""
    return "scene" in plan


def _planned(event: Event, missing: str, ask_sha256: str, sound: SoundPlan | None) -> EventPlan:
    return EventPlan(
        key=event.key,
        item=event.item,
        name=event.name,
        start=event.start,
        frames=event.frames,
        head=event.head,
        tail=event.tail,
        kind=event.into.kind,
        before=event.into.before,
        after=event.into.after,
        missing=missing,
        ask_sha256=ask_sha256,
        text=dict(event.text),
        meta=dict(event.meta),
        sound=sound,
    )


def _event(plan: EventPlan) -> Event:
    into = Into(plan.kind, plan.before, plan.after)
    return Event(
        plan.key, plan.name, plan.start, plan.frames, plan.head, plan.tail, into, plan.missing, plan.text, plan.meta,
        plan.item,
    )  # fmt: skip
