"""The editor folder: shots as ProRes with handles, sounds, and three timelines that find them wherever it is moved.

Every file is written beside its place and renamed. `dailies.json` says what each was made of and its digest; a file is
made again where either changed. Files of shots that are gone are left for editors who still use them, and told.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
from av.error import FFmpegError

from catalog.store.naming import hash_file
from manifests.errors import InputError, Problem
from manifests.names import portable
from tasks.editorial.cutting import Media, Track, placed, reels, scene_counting
from tasks.editorial.edl import MOST_SOUNDS, edl_text
from tasks.editorial.exported import INDEX, timeline_values
from tasks.editorial.fcp7 import fcp7_text
from tasks.editorial.intermediate import Wanted, write_intermediate
from tasks.editorial.readme import readme_text
from tasks.encode import VERSION
from tasks.scene.timeline import Event, Timeline

MOST_HANDLES = 240


@dataclass(frozen=True)
class Sound:
    """A sound file under the scene, from `start` frames after frame 0 to its own end."""

    name: str
    path: Path
    start: int = 0


@dataclass(frozen=True)
class EditorFolder:
    """What lies in the folder. `written` and `kept` are paths relative to it; `said` sentences for people."""

    folder: Path
    otio: Path
    edl: Path
    fcp7: Path
    media: Mapping[str, Media]
    written: tuple[str, ...]
    kept: tuple[str, ...]
    said: tuple[str, ...]


def write_editor_folder(
    folder: Path,
    timeline: Timeline,
    clips: Mapping[str, Path],
    sounds: Sequence[Sound] = (),
    *,
    handles: int,
    ffmpeg: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> EditorFolder:
    """Fill `folder` for an editor; what stands already is left alone.

    `clips` are the delivered files by event key, each as long as the event's `clip_frames`, or a frame longer; an event
    without one is a gap. `handles` are held frames at each end; there are more where a dip is longer.
    `progress(done, total)` counts frames of the shots.

    Raises InputError (`HANDLES`, `NAMES_ALIKE`, `MEDIA_FRAMES`, `MEDIA_UNREADABLE`, `SOUND_UNREADABLE`,
    `DROP_FRAME_RATE`, `BAD_TIMECODE`, `TRANSITIONS_LONG`), EncodeError, `tasks.errors.Cancelled`, OSError. Files that
    were finished stay.
    """
    if not 0 <= handles <= MOST_HANDLES:
        message = f"handles of {handles} frames, wanted 0 to {MOST_HANDLES}"
        raise InputError(Problem("HANDLES", message, "a second is usual"))
    scene_counting(timeline).frame(timeline.start)
    events = [event for event in timeline.events if not event.missing and event.key in clips]
    paths = _paths(events)
    writer = _Writer(folder, _index(folder))
    media = {
        event.key: _media(event, following, paths[event.key], handles, timeline.first_frame)
        for event, following in zip(timeline.events, [*timeline.events[1:], None], strict=True)
        if event in events
    }
    placed(timeline, media)  # what is wrong with the timeline is told before minutes of encoding
    total = sum(event.clip_frames for event in events)
    done = 0
    for event in events:

        def told(frame: int, of: int, before: int = done, length: int = event.clip_frames) -> None:
            progress(before + frame * length // of, total)

        _shot(writer, timeline, event, clips[event.key], media[event.key], ffmpeg, told, cancelled)
        done += event.clip_frames
        progress(done, total)
    tracks = [_sound(writer, timeline, sound) for sound in _named_apart(sounds)]
    return _timelines(writer, timeline, media, tracks, handles)


def _timelines(
    writer: _Writer, timeline: Timeline, media: Mapping[str, Media], tracks: Sequence[Track], handles: int
) -> EditorFolder:
    from tasks.editorial.otio import otio_text  # the library is loaded where it is needed only

    stem = portable(timeline.name)
    said = [
        f"{event.name} is missing: {event.missing or 'there is no file'}. The timelines have a gap there."
        for event in timeline.events
        if event.key not in media
    ]
    if len(tracks) > MOST_SOUNDS:
        said.append(f"The EDL has {MOST_SOUNDS} of the {len(tracks)} sounds: CMX 3600 has room for no more.")
    writer.text(f"{stem}.otio", otio_text(timeline, media, tracks))
    writer.text(f"{stem}.edl", edl_text(timeline, media, tracks))
    writer.text(f"{stem}.xml", fcp7_text(timeline, media, tracks))
    stale = writer.stale()
    said += [f"{path} is of an earlier export and in none of the timelines any more." for path in stale]
    writer.text("README.txt", readme_text(timeline, media, tracks, said, handles))
    writer.finish(timeline)
    folder = writer.folder
    return EditorFolder(
        folder,
        folder / f"{stem}.otio",
        folder / f"{stem}.edl",
        folder / f"{stem}.xml",
        media,
        tuple(writer.written),
        tuple(writer.kept),
        tuple(said),
    )


def _paths(events: Sequence[Event]) -> dict[str, str]:
    paths = {event.key: f"media/{portable(event.name)}.mov" for event in events}
    if len({path.lower() for path in paths.values()}) < len(paths):
        message = "two shots of the scene have one name"
        raise InputError(Problem("NAMES_ALIKE", message, "give the rows shot numbers of their own"))
    return paths


def _media(event: Event, following: Event | None, path: str, handles: int, first_frame: int) -> Media:
    """A shot's file. An editor's dip takes frames from beyond the cut as a dissolve does, and shows none of them."""
    before = event.into.before - event.head
    after = following.into.after - event.tail if following else 0
    handle_in, handle_out = max(handles, before), max(handles, after)
    return Media(
        path, handle_in + event.clip_frames + handle_out, handle_in, handle_out, first_frame - event.head - handle_in
    )


def _shot(
    writer: _Writer,
    timeline: Timeline,
    event: Event,
    clip: Path,
    media: Media,
    ffmpeg: Path,
    progress: Callable[[int, int], None],
    cancelled: Callable[[], bool],
) -> None:
    timecode = scene_counting(timeline).label(media.first)
    reel = reels([one.name for one in timeline.events])[event.name]
    wanted = Wanted(event.clip_frames, media.handle_in, media.handle_out, timeline.rate, timecode, reel)
    made_of = {
        "clip": hash_file(clip),
        "frames": wanted.frames,
        "handles": [wanted.handle_in, wanted.handle_out],
        "rate": str(wanted.rate),
        "timecode": timecode,
        "reel": reel,
        "encode": VERSION,
    }

    def make(target: Path) -> None:
        write_intermediate(clip, target, wanted, ffmpeg=ffmpeg, progress=progress, cancelled=cancelled)

    writer.file(media.path, made_of, make)


def _named_apart(sounds: Sequence[Sound]) -> list[tuple[Sound, str]]:
    """Each sound with its path in the folder; two files of one name get a number."""
    used: dict[str, Path] = {}
    result: list[tuple[Sound, str]] = []
    for sound in sounds:
        stem, suffix = portable(sound.path.stem, 80), sound.path.suffix.lower()
        number, path = 1, f"sound/{stem}{suffix}"
        while used.setdefault(path.lower(), sound.path) != sound.path:
            number += 1
            path = f"sound/{stem}-{number}{suffix}"
        result.append((sound, path))
    return result


def _sound(writer: _Writer, timeline: Timeline, named: tuple[Sound, str]) -> Track:
    sound, path = named
    try:
        with av.open(f"file:{sound.path}") as container:
            stream = container.streams.audio[0]
            channels = stream.channels
            seconds = stream.duration * stream.time_base if stream.duration and stream.time_base else None
            if seconds is None and container.duration:
                seconds = container.duration / av.time_base
    except (FFmpegError, IndexError) as broken:
        message = f"{sound.path} is no sound that can be read: {broken}"
        raise InputError(Problem("SOUND_UNREADABLE", message, "save it as WAV, FLAC or MP3")) from broken
    own = max(1, int((seconds or 0) * timeline.rate))
    writer.file(path, {"sound": hash_file(sound.path)}, lambda target: _copied(sound.path, target))
    return Track(sound.name, path, sound.start, own, channels)


def _copied(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)


def _index(folder: Path) -> dict[str, Any]:
    """What the last export wrote, by path; nothing where there was none, or its index is not ours any more."""
    try:
        files = json.loads((folder / INDEX).read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}
    return {path: one for path, one in files.items() if isinstance(one, dict)} if isinstance(files, dict) else {}


@dataclass
class _Writer:
    """Puts files in place, and remembers what each was made of."""

    folder: Path
    before: Mapping[str, Any]
    files: dict[str, Any] = field(default_factory=dict[str, Any])
    written: list[str] = field(default_factory=list[str])
    kept: list[str] = field(default_factory=list[str])

    def file(self, path: str, made_of: Mapping[str, Any], make: Callable[[Path], None]) -> None:
        """Have `make` write the file, unless what lies there was made of the same and is untouched."""
        target = self.folder / path
        old = self.before.get(path, {})
        if path not in self.files:
            if old.get("made_of") == dict(made_of) and target.is_file() and hash_file(target) == old.get("sha256"):
                self.kept.append(path)
            else:
                self.placed(target, make)
                self.written.append(path)
            self.files[path] = {"made_of": dict(made_of), "sha256": hash_file(target)}

    def text(self, path: str, text: str) -> None:
        """Write a text, unless it lies there already."""
        target, data = self.folder / path, text.encode()
        if target.is_file() and target.read_bytes() == data:
            self.kept.append(path)
        else:
            self.placed(target, lambda temporary: temporary.write_bytes(data))
            self.written.append(path)
        self.files[path] = {"sha256": hashlib.sha256(data).hexdigest()}

    def placed(self, target: Path, make: Callable[[Path], object]) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{secrets.token_hex(4)}.", suffix=".part", dir=self.folder) as aside:
            temporary = Path(aside) / target.name
            make(temporary)
            temporary.replace(target)

    def stale(self) -> list[str]:
        """Files of earlier exports that still lie there and are of no use to this one."""
        apart = (path for path in self.before if path not in self.files and path != "README.txt")
        return [path for path in apart if (self.folder / path).is_file()]

    def finish(self, timeline: Timeline) -> None:
        """The index last: what it lists lies there."""
        earlier = {path: self.before[path] for path in self.stale()}
        index = {"version": 1, "timeline": timeline_values(timeline), "files": {**earlier, **self.files}}
        text = json.dumps(index, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
        target = self.folder / INDEX
        if not target.is_file() or target.read_text(encoding="utf-8") != text:
            self.placed(target, lambda temporary: temporary.write_text(text, encoding="utf-8"))
