"""A scene as an OpenTimelineIO timeline: lossless, with everything we know under `dailies`.

The leader is left out: a timeline begins at frame 0 with the scene's start timecode. This is the one door to the
library, which has no types of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import opentimelineio

from tasks.editorial.cutting import Media, Placed, Track, placed, scene_counting
from tasks.scene.timeline import Timeline

otio: Any = opentimelineio

DIP = "Dip to black"
"""What a dip is called where a format knows dissolves only."""


def otio_text(timeline: Timeline, media: Mapping[str, Media], sounds: Sequence[Track] = ()) -> str:
    """The scene as the text of an `.otio` file.

    Raises InputError: `DROP_FRAME_RATE` and `BAD_TIMECODE` for the timeline's start, and those of `placed`.
    """
    return otio.adapters.write_to_string(otio_timeline(timeline, media, sounds), "otio_json") + "\n"


def otio_timeline(timeline: Timeline, media: Mapping[str, Media], sounds: Sequence[Track] = ()) -> Any:
    """The scene as an `opentimelineio.schema.Timeline` with one video track and a track per sound.

    Raises InputError as `otio_text`.
    """
    counted = scene_counting(timeline)
    schema = otio.schema
    result = schema.Timeline(name=timeline.name, global_start_time=_time(counted.frame(timeline.start), timeline))
    result.metadata["dailies"] = {
        "title": timeline.title,
        "rate": str(timeline.rate),
        "width": timeline.width,
        "height": timeline.height,
        "start": timeline.start,
        "first_frame": timeline.first_frame,
        "leader": timeline.leader,
    }
    video = schema.Track(name="V1", kind=schema.TrackKind.Video)
    for one in placed(timeline, media):
        if one.join.frames:
            video.append(_transition(one, timeline))
        video.append(_clip(one, timeline))
    result.tracks.append(video)
    for number, sound in enumerate(sounds, 1):
        result.tracks.append(_sound(sound, number, timeline))
    return result


def _time(frames: int, timeline: Timeline) -> Any:
    return otio.opentime.RationalTime(frames, float(timeline.rate))


def _range(first: int, frames: int, timeline: Timeline) -> Any:
    return otio.opentime.TimeRange(_time(first, timeline), _time(frames, timeline))


def _transition(one: Placed, timeline: Timeline) -> Any:
    """A dip is written as a dissolve of that name: the library has no type for it."""
    dip = one.join.kind == "dip"
    return otio.schema.Transition(
        name=DIP if dip else "Cross Dissolve",
        transition_type=otio.schema.TransitionTypes.SMPTE_Dissolve,
        in_offset=_time(one.join.before, timeline),
        out_offset=_time(one.join.after, timeline),
        metadata={"dailies": {"kind": one.join.kind}},
    )


def _clip(one: Placed, timeline: Timeline) -> Any:
    event, media = one.event, one.media
    known: dict[str, Any] = {
        "key": event.key,
        **{key: text for key, text in event.text.items() if text},
        "meta": dict(event.meta),
        "head": event.head,
        "tail": event.tail,
        "first_frame": timeline.first_frame,
    }
    if media is None:
        known["missing"] = event.missing or "there is no file"
        length = _range(0, event.frames, timeline)
        return otio.schema.Gap(name=event.name, source_range=length, metadata={"dailies": known})
    reference = otio.schema.ExternalReference(
        target_url=media.url, available_range=_range(media.first, media.frames, timeline)
    )
    reference.name = event.name
    reference.metadata["dailies"] = asdict(media)
    clip = otio.schema.Clip(
        name=event.name,
        media_reference=reference,
        source_range=_range(one.source_in, event.frames, timeline),
        metadata={"dailies": known},
    )
    if notes := event.text.get("notes"):
        at = _range(one.source_in, 0, timeline)
        clip.markers.append(
            otio.schema.Marker(name="notes", marked_range=at, color=otio.schema.MarkerColor.GREEN, comment=notes)
        )
    return clip


def _sound(sound: Track, number: int, timeline: Timeline) -> Any:
    schema = otio.schema
    track = schema.Track(name=f"A{number}", kind=schema.TrackKind.Audio)
    if sound.start > 0:
        track.append(schema.Gap(source_range=_range(0, sound.start, timeline)))
    reference = schema.ExternalReference(target_url=sound.url, available_range=_range(0, sound.frames, timeline))
    reference.name = sound.name
    shown = _range(sound.skipped, sound.frames - sound.skipped, timeline)
    track.append(
        schema.Clip(
            name=sound.name,
            media_reference=reference,
            source_range=shown,
            metadata={"dailies": {"channels": sound.channels, "start": sound.start}},
        )
    )
    return track
