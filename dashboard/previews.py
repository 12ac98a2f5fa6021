"""Small pictures of stored files: a thumbnail of a picture or a clip's first frame, a light preview of a clip.

Each is made once, in a folder that may be deleted at any time, and appears there whole or not at all.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Final, Literal

import av
from av.error import FFmpegError
from PIL import Image, ImageOps

from dashboard.errors import Refused

Kind = Literal["thumbnail", "preview"]

LONG_SIDE_PX: Final = 640
"""Of both: a card is some 300 px wide, on a screen with two pixels for each."""
PREVIEW_SECONDS: Final = 12.0
PREVIEW_RATE: Final = 15
LARGEST_PX: Final = 160_000_000
CLIPS: Final = (".mp4", ".mov", ".mkv", ".webm", ".m4v")
_SUFFIX: Final[dict[Kind, str]] = {"thumbnail": ".webp", "preview": ".mp4"}
_AT_ONCE: Final = 2
"""The rest wait: a grid asks for sixty at once, and the machine has other work."""


class Previews:
    """Makes what is not there yet; safe to use from many threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._making = threading.BoundedSemaphore(_AT_ONCE)
        self._locks = [threading.Lock() for _ in range(64)]

    def get(self, kind: Kind, sha256: str, source: Callable[[], Path]) -> Path:
        """The file; `source` finds the stored one, where it is needed. Raises Refused (`NO_PICTURE`, 415)."""
        made = self._folder / kind / sha256[:2] / f"{sha256}{_SUFFIX[kind]}"
        if made.is_file():
            return made
        with self._locks[int(sha256[:4], 16) % len(self._locks)], self._making:
            if made.is_file():
                return made
            made.parent.mkdir(parents=True, exist_ok=True)
            fresh = made.with_name(f"{sha256}.{os.getpid()}{_SUFFIX[kind]}")
            try:
                _MAKERS[kind](source(), fresh)
                fresh.replace(made)
            except (OSError, ValueError, IndexError, Image.DecompressionBombError, FFmpegError) as error:
                raise Refused("NO_PICTURE", f"no picture can be made of {sha256[:12]}: {error}", status=415) from error
            finally:
                fresh.unlink(missing_ok=True)
        return made


def _thumbnail(source: Path, made: Path) -> None:
    if source.suffix in CLIPS:
        with av.open(str(source)) as clip:
            picture = next(clip.decode(video=0)).to_image()
    else:
        picture = Image.open(source)
        if picture.width * picture.height > LARGEST_PX:
            raise ValueError(f"{picture.width}x{picture.height} px are too many")
        picture.draft("RGB", (LONG_SIDE_PX, LONG_SIDE_PX))
        picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith("I;16"):
        picture = picture.point(lambda value: value / 256).convert("L")
    picture = picture.convert("RGBA" if "A" in picture.getbands() or "transparency" in picture.info else "RGB")
    picture.thumbnail((LONG_SIDE_PX, LONG_SIDE_PX), Image.Resampling.LANCZOS)
    picture.save(made, "WEBP", quality=82, method=4)


def _preview(source: Path, made: Path) -> None:
    """H.264 that every browser plays, 15 frames a second, without sound; a moment of a clip that is long."""
    with av.open(str(source)) as clip, av.open(str(made), "w", options={"movflags": "+faststart"}) as preview:
        video = clip.streams.video[0]
        video.thread_type = "AUTO"
        scale = min(1.0, LONG_SIDE_PX / max(video.width, video.height))
        stream = preview.add_stream("libx264", rate=PREVIEW_RATE, options={"crf": "27", "preset": "veryfast"})
        stream.width, stream.height = (max(2, round(side * scale / 2) * 2) for side in (video.width, video.height))
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(1, PREVIEW_RATE)
        shown = 0
        for frame in clip.decode(video):
            seconds = float(frame.time or 0.0)
            if seconds * PREVIEW_RATE < shown:
                continue
            if seconds > PREVIEW_SECONDS:
                break
            small = frame.reformat(stream.width, stream.height, "yuv420p")
            small.pts, small.time_base = shown, stream.time_base
            preview.mux(stream.encode(small))
            shown += 1
        preview.mux(stream.encode(None))


_MAKERS: Final[dict[Kind, Callable[[Path, Path], None]]] = {"thumbnail": _thumbnail, "preview": _preview}
