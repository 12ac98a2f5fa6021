"""One shot as an editor's file: ProRes 422 HQ with held frames at both ends, timecode and reel name."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.error import FFmpegError

from manifests.errors import InputError, Problem
from models.clip import Clip, Planes
from tasks.encode import EncodeError, Output, encode
from tasks.recipe import EncodeRecipe
from tasks.scene.planes import planes_in

_SECONDS = 600.0
_THREADS = 4
_ROUNDING = 1
"""Frames a clip may have beyond what is seen of it: cuts lie on whole frames, lengths in seconds do not."""


@dataclass(frozen=True)
class Wanted:
    """What is made of a clip: its first `frames`, the first held for `handle_in` more, the last for `handle_out`."""

    frames: int
    handle_in: int
    handle_out: int
    rate: Fraction
    timecode: str
    """Of the file's first frame, `;` before the frames where they are dropped."""
    reel: str


def write_intermediate(
    clip: Path,
    target: Path,
    wanted: Wanted,
    *,
    ffmpeg: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> None:
    """Write `target` (`.mov`) from the delivered `clip`, and read it back; both lie in a folder that is being made.

    Raises InputError (`MEDIA_FRAMES`, `MEDIA_UNREADABLE`) where the clip is not what the timeline says, EncodeError
    where it cannot be written, `tasks.errors.Cancelled`.
    """
    size = _size(clip, wanted)
    plain = target.with_name(f"{target.stem}.plain.mov")
    shape = Clip(size[0], size[1], wanted.rate, wanted.handle_in + wanted.frames + wanted.handle_out)
    output = Output(_recipe(shape), plain)
    try:
        encode(_held(clip, wanted), shape, [output], ffmpeg=ffmpeg, progress=progress, cancelled=cancelled)
        _label(plain, target, wanted, ffmpeg)
    finally:
        plain.unlink(missing_ok=True)
        output.poster.unlink(missing_ok=True)
    _read_back(target, shape, wanted)


def _size(clip: Path, wanted: Wanted) -> tuple[int, int]:
    """Width and height. Raises InputError where the clip cannot be opened, or says another length."""
    try:
        with av.open(f"file:{clip}") as container:
            video = container.streams.video[0]
            told, size = video.frames, (video.width, video.height)
    except (FFmpegError, IndexError) as broken:
        raise _unreadable(clip, str(broken)) from broken
    if told and not wanted.frames <= told <= wanted.frames + _ROUNDING:
        raise _wrong_length(clip, told, wanted)
    return size


def _held(clip: Path, wanted: Wanted) -> Iterator[Planes]:
    """The clip's frames, its first and last again for each frame of the handles."""
    count, frame = 0, None
    try:
        with av.open(f"file:{clip}") as container:
            video = container.streams.video[0]
            video.thread_type = "AUTO"
            for picture in container.decode(video):
                frame = planes_in(picture)
                if not count:
                    yield from (frame for _ in range(wanted.handle_in))
                count += 1
                yield frame
                if count == wanted.frames:
                    break
    except FFmpegError as broken:
        raise _unreadable(clip, str(broken)) from broken
    if frame is None or count != wanted.frames:
        raise _wrong_length(clip, count, wanted)
    yield from (frame for _ in range(wanted.handle_out))


def _recipe(clip: Clip) -> EncodeRecipe:
    return EncodeRecipe(
        preset="editor",
        container="mov",
        codec="prores",
        profile="hq",
        pix_fmt="yuv422p10le",
        width=clip.width,
        height=clip.height,
        rate=str(clip.rate),
        frames=clip.frames,
        speed="",
        crf=-1,
        bitrate=0,
        maxrate=0,
        bufsize=0,
        gop=1,
        bframes=0,
        closed_gop=True,
        audio="none",
        audio_bitrate=0,
        max_bytes=0,
        threads=_THREADS,
        poster_at=0,
    )


def _label(plain: Path, target: Path, wanted: Wanted, ffmpeg: Path) -> None:
    """Copy the picture beside a timecode track: an editor finds a file again by its reel and timecode."""
    words = ["-hide_banner", "-nostdin", "-loglevel", "error", "-y", "-protocol_whitelist", "file"]
    words += ["-i", f"file:{plain}", "-map", "0:v:0", "-c", "copy", "-timecode", wanted.timecode]
    words += ["-metadata:s:v:0", f"reel_name={wanted.reel}", "-fflags", "+bitexact", "-use_editlist", "0"]
    argv = [str(ffmpeg), *words, "-f", "mov", f"file:{target}"]
    try:
        ran = subprocess.run(argv, check=False, capture_output=True, stdin=subprocess.DEVNULL, timeout=_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as broken:
        raise EncodeError(f"editor file: ffmpeg does not run: {broken}", argv=argv) from broken
    if ran.returncode:
        said = ran.stderr.decode(errors="replace")
        code = "DISK_FULL" if "No space left" in said else None
        message = f"editor file: ffmpeg ended with status {ran.returncode}: {said[-200:].strip()}"
        raise EncodeError(message, argv=argv, returncode=ran.returncode, stderr_tail=said, code=code)


def _read_back(target: Path, shape: Clip, wanted: Wanted) -> None:
    with av.open(f"file:{target}") as container:
        video = container.streams.video[0]
        found = (sum(1 for _ in container.demux(video) if _.size), video.width, video.height)
        timecode = video.metadata.get("timecode", "")
    if found != (shape.frames, shape.width, shape.height) or timecode != wanted.timecode:
        raise EncodeError(
            f"editor file: {target.name} came out as {found[0]} frames of {found[1]}x{found[2]} from {timecode!r}, "
            f"wanted {shape.frames} of {shape.width}x{shape.height} from {wanted.timecode!r}",
            remedy="unset DAILIES_FFMPEG to use the bundled ffmpeg, then export again",
        )


def _wrong_length(clip: Path, found: int, wanted: Wanted) -> InputError:
    message = f"{clip} has {found} frames, the timeline shows {wanted.frames} of it"
    return InputError(Problem("MEDIA_FRAMES", message, "run the manifest again, then export"))


def _unreadable(clip: Path, why: str) -> InputError:
    message = f"{clip} cannot be read: {why}"
    return InputError(Problem("MEDIA_UNREADABLE", message, "run the manifest again, then export"))
