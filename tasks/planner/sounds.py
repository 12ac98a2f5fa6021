"""Whether a sound can be heard at all, before anything waits for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
from av.error import FFmpegError

from manifests.errors import Problem
from manifests.manifest import Manifest
from tasks.planner.cut import Cut


def unheard(cut: Cut, manifest: Manifest) -> dict[Path, Problem]:
    """Sounds of a scene that cannot be played (`SOUND_UNREADABLE`), each told of one row. The scene is made without."""
    faults = ((path, item, _fault(path)) for path, item in dict(_named(cut)).items())
    return {path: _problem(path, item, fault, cut, manifest) for path, item, fault in faults if fault}


def _named(cut: Cut) -> Iterator[tuple[Path, str]]:
    """Every sound, with the id of a row that it is of; "" for the scene's own."""
    if cut.scene.sound.path:
        yield cut.scene.sound.path, ""
    for event in cut.timeline.events:
        if not event.missing and (path := cut.asks[event.key].sound.path):
            yield path, event.item


def _problem(path: Path, item: str, fault: str, cut: Cut, manifest: Manifest) -> Problem:
    told = f"its sound '{path.name}' is left out: {fault}"
    remedy = "save it as WAV, FLAC or MP3"
    row = next((row for row in manifest.items if row.id == item), None)
    if row is None:
        return Problem("SOUND_UNREADABLE", f"scenes.{cut.timeline.name}: {told}", remedy, str(manifest.file))
    return Problem("SOUND_UNREADABLE", told, remedy, row.file, row.line, item)


def _fault(path: Path) -> str:
    try:
        with av.open(f"file:{path}") as container:
            if not container.streams.audio:
                return "it holds no sound"
            next(container.decode(container.streams.audio[0]))
    except StopIteration:
        return "it is empty"
    except (FFmpegError, OSError) as error:
        return error.strerror or str(error)
    return ""
