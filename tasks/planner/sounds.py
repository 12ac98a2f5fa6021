"""Whether a sound can be heard at all, before anything waits for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
from av.error import FFmpegError

from tasks.planner.cut import Cut


def unheard(cut: Cut) -> dict[Path, tuple[str, str]]:
    """Sounds of a scene that cannot be played: whose each is, and what is wrong with it. The scene is made without."""
    return {path: (who, fault) for path, who in dict(_named(cut)).items() if (fault := _fault(path))}


def _named(cut: Cut) -> Iterator[tuple[Path, str]]:
    if cut.scene.sound.path:
        yield cut.scene.sound.path, f"scene {cut.timeline.name}"
    for event in cut.timeline.events:
        if not event.missing and (path := cut.asks[event.key].sound.path):
            yield path, event.item


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
