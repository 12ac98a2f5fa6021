"""Masters and mezzanines: RGB frames kept without loss, where a resume may start.

FFV1 version 3 in Matroska (RFC 9043): an archive format, every frame stands alone, and it takes 0.6 of the bytes of
H.264 at QP 0 (0.7 MB a 1080p frame of a product shot). Its slices carry CRCs for other tools; libav's decoder only logs
a mismatch, so a flipped byte is noticed by the artifact's digest, a short or broken file here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import ffmpeg as graph
import numpy as np
from av.error import FFmpegError

from models.clip import Clip, Frame
from models.errors import EngineError
from tasks.encode.process import FfmpegPipe
from tasks.encode.raw import buffers, wrong_count

_SLICES = 16
_FRAMES = "DAILIES_FRAMES"
_RATE = "DAILIES_RATE"


@dataclass(frozen=True)
class Target:
    """A file to write, and the header of the frames it will hold."""

    path: Path
    clip: Clip

    @property
    def facts(self) -> dict[str, Any]:
        """Media facts as they are catalogued."""
        clip = self.clip
        return {"width": clip.width, "height": clip.height, "rate": str(clip.rate), "frames": clip.frames}


class MasterDamaged(EngineError):
    """A master that cannot be read back whole, or was not written here: make it again."""

    code = "MASTER_DAMAGED"


def write_master(
    frames: Iterable[Frame],
    clip: Clip,
    path: Path,
    *,
    ffmpeg: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> int:
    """Write all `frames` to `path` (`.mkv`) and return its bytes; the same frames give the same bytes.

    On any error nothing is left at `path`. Raises EncodeError (also when frames are more, fewer or of another size
    than `clip` says) and `tasks.errors.Cancelled`.
    """
    for done, _ in enumerate(tee_master(frames, clip, path, ffmpeg=ffmpeg, cancelled=cancelled), 1):
        progress(done, clip.frames)
    return path.stat().st_size


def tee_master(
    frames: Iterable[Frame],
    clip: Clip,
    path: Path,
    *,
    ffmpeg: Path,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[Frame]:
    """Pass `frames` on unchanged and write them to `path` on the way.

    The file is whole once the last frame has been handed over; if the reader stops before, it is removed. Errors as
    `write_master`.
    """
    with FfmpegPipe(_argv(ffmpeg, clip, path), [path], cancelled) as pipe:
        done = 0
        for frame in frames:
            if done == clip.frames:
                path.unlink()
                raise wrong_count(clip, done + 1)
            for plane in buffers(frame, clip, planes=False):
                pipe.write(plane)
            done += 1
            if done == clip.frames:
                pipe.finish()
            yield frame
        if done != clip.frames:
            raise wrong_count(clip, done)


def read_master(path: Path) -> tuple[Clip, Iterator[Frame]]:
    """The header of a master and its frames, bit for bit as written, one at a time.

    Raises MasterDamaged at once for a file that is not a master, and from the iterator where it cannot be
    decoded or ends early. Closing the iterator closes the file.
    """
    try:
        with av.open(f"file:{path}") as container:
            video = container.streams.video[0]
            tags = container.metadata
            clip = Clip(video.width, video.height, Fraction(tags[_RATE]), int(tags[_FRAMES]))
    except (FFmpegError, IndexError, KeyError, ValueError) as wrong:
        raise _damaged(path, f"is not a master ({wrong})") from wrong
    return clip, _frames(path, clip)


def _frames(path: Path, clip: Clip) -> Iterator[Frame]:
    done = 0
    try:
        with closing(av.open(f"file:{path}")) as container:
            video = container.streams.video[0]
            video.thread_type = "AUTO"
            for picture in container.decode(video):
                done += 1
                yield np.asarray(picture.to_ndarray(format="rgb24"), np.uint8)
    except FFmpegError as wrong:
        raise _damaged(path, f"cannot be decoded at frame {done} ({wrong})") from wrong
    if done != clip.frames:
        raise _damaged(path, f"has {done} frames, its header says {clip.frames}")


def _damaged(path: Path, what: str) -> MasterDamaged:
    return MasterDamaged(
        f"master: {path.name} {what}", remedy="it is made again when the shot is resumed", evidence=str(path)
    )


def _argv(ffmpeg: Path, clip: Clip, path: Path) -> list[str]:
    source = graph.input(
        "pipe:0",
        f="rawvideo",
        pix_fmt="rgb24",
        s=f"{clip.width}x{clip.height}",
        framerate=str(clip.rate),
        protocol_whitelist="file,pipe",
    )
    written = source.video.filter("format", "bgr0").output(
        f"file:{path}",
        f="matroska",
        fps_mode="passthrough",
        map_metadata=-1,
        fflags="+bitexact",
        # Matroska keeps time in milliseconds and counts no frames: the exact header travels as tags. Both spellings
        # mean the same, and a graph takes each once.
        **{"metadata": f"{_RATE}={clip.rate}", "metadata:g": f"{_FRAMES}={clip.frames}"},
        **{"c:v": "ffv1", "level": 3, "slices": _SLICES, "slicecrc": 1, "g": 1, "threads:v": 8, "flags:v": "+bitexact"},
    )
    written = written.global_args("-hide_banner", "-nostdin", "-nostats", "-xerror", "-loglevel", "level+warning")
    return [str(word) for word in graph.compile(written, cmd=str(ffmpeg), overwrite_output=True)]
