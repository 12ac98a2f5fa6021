"""Stored files read as what they are: a clip decodes to its last frame, a still to its last pixel."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import av
from av.error import FFmpegError
from PIL import Image, UnidentifiedImageError

from tasks.master import MasterDamaged, read_master


def unreadable(path: Path, kind: str, media: Mapping[str, Any]) -> str | None:
    """What is wrong with the file at `path`, or None; kinds that others made (`source`) are not decoded.

    `media` are its catalogued facts: frames of a clip. Raises OSError where the file cannot be opened at all.
    """
    try:
        match kind:
            case "delivery" | "segment":
                return _clip(path, media)
            case "master" | "mezzanine":
                for _ in read_master(path)[1]:
                    pass
            case "still" if path.suffix == ".json":
                json.loads(path.read_text(encoding="utf-8"))
            case "still" | "upscaled" | "poster":
                with Image.open(path) as picture:
                    picture.load()
            case _:
                pass
    except (FFmpegError, IndexError, MasterDamaged, UnidentifiedImageError, SyntaxError, ValueError) as wrong:
        return str(wrong) or type(wrong).__name__
    except OSError as wrong:
        if wrong.errno is not None:
            raise
        return str(wrong)  # Pillow's own, of a picture that ends early
    return None


def _clip(path: Path, media: Mapping[str, Any]) -> str | None:
    with av.open(f"file:{path}") as container:
        video = container.streams.video[0]
        video.thread_type = "AUTO"
        frames = sum(1 for _ in container.decode(video))
    wanted = media.get("frames", frames)
    return None if frames == wanted else f"{frames} frames, {wanted} were published"
