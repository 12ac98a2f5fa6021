"""Segments and sound joined into one file by copying packets: nothing is encoded again, and every frame has its place.

Times are counted and not added up: frame n of the file stands at n / rate exactly, whatever the segments' own clocks
rounded to.
"""

from __future__ import annotations

import hashlib
import heapq
import subprocess
import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from models.errors import EngineError
from tasks.encode.graph import timescale
from tasks.errors import Cancelled
from tasks.scene.cues import srt
from tasks.scene.recipe import AssembleRecipe

_REORDER = 4
"""Frames by which decoding may run ahead of showing: more than any encoder here uses."""


class JoinError(EngineError):
    """Segments do not fit together. Codes: `SEGMENT_BROKEN` (its frames are not those that were made),
    `SEGMENTS_DIFFER` (they were encoded differently), `JOIN_FAILED`."""

    code = "JOIN_FAILED"


def join(
    recipe: AssembleRecipe,
    segments: Sequence[Path],
    sound: Path,
    path: Path,
    *,
    ffmpeg: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> str:
    """Write the file at `path` from `segments` in order and the mixed `sound`, with subtitles where there are cues.

    Gives the SHA-256 of all packets of picture one after the other, as they were read from the segments. Memory is a
    few packets, however long the scene. Raises JoinError, `tasks.errors.Cancelled`.
    """
    rate = Fraction(recipe.encode.rate)
    digest = hashlib.sha256()
    with ExitStack() as opened:
        written = opened.enter_context(
            av.open(
                f"file:{path}",
                "w",
                format=recipe.encode.container,
                container_options={
                    "movflags": "+faststart+negative_cts_offsets",
                    "use_editlist": "0",
                    "fflags": "+bitexact",
                    "video_track_timescale": str(timescale(rate)),
                    **({"brand": "mp42"} if recipe.encode.container == "mp4" else {}),
                },
            )
        )
        first = opened.enter_context(av.open(f"file:{segments[0]}"))
        heard = opened.enter_context(av.open(f"file:{sound}"))
        shown = first.streams.video[0]
        # Opaque: nothing is encoded, and of what only decodes a codec (libdav1d) there is no encoder.
        picture = written.add_stream_from_template(shown, opaque=True)
        picture.codec_context.codec_tag = shown.codec_context.codec_tag  # hvc1 stays hvc1, or Apple plays nothing
        picture.time_base = 1 / rate
        track = written.add_stream_from_template(heard.streams.audio[0])
        streams = [
            _pictures(recipe, segments, picture, rate, digest, progress),
            _copied(heard, heard.streams.audio[0], track),
        ]
        if recipe.cues:
            text = opened.enter_context(_subtitles(recipe, rate, ffmpeg))
            said = written.add_stream_from_template(text.streams.subtitles[0])
            streams.append(_copied(text, text.streams.subtitles[0], said))
        for _, _, packet in heapq.merge(*(_numbered(one, of) for of, one in enumerate(streams)), key=lambda x: x[:2]):
            if cancelled():
                raise Cancelled("assemble: cancelled before the last packet was written")
            written.mux(packet)
    return digest.hexdigest()


def _numbered(packets: Iterator[Any], of: int) -> Iterator[tuple[Fraction, int, Any]]:
    for packet in packets:
        yield packet.dts * packet.time_base, of, packet


def _pictures(
    recipe: AssembleRecipe,
    segments: Sequence[Path],
    stream: Any,
    rate: Fraction,
    digest: hashlib._Hash,
    progress: Callable[[int, int], None],
) -> Generator[Any]:
    """Every packet of every segment, at the place that counting gives it."""
    total, offset = sum(recipe.segments), 0
    header: bytes | None = None
    for path, frames in zip(segments, recipe.segments, strict=True):
        with av.open(f"file:{path}") as container:
            video: Any = container.streams.video[0]
            found = bytes(video.codec_context.extradata or b"")
            if header is not None and found != header:
                raise JoinError(f"segment '{path.name}' was encoded unlike the others", code="SEGMENTS_DIFFER")
            header = found
            shown: set[int] = set()
            count = 0
            for packet in container.demux(video):
                if packet.size == 0 or packet.pts is None:  # the demuxer's own end mark
                    continue
                place = round(packet.pts * video.time_base * rate)
                if count == 0 and not packet.is_keyframe:
                    raise JoinError(f"segment '{path.name}' begins with no key frame", code="SEGMENT_BROKEN")
                shown.add(place)
                packet.stream = stream
                packet.time_base = 1 / rate
                packet.pts, packet.dts = offset + place, offset + count - _REORDER
                packet.duration = 1
                count += 1
                digest.update(packet)
                yield packet
            if shown != set(range(frames)):
                found_text = f"frames {min(shown, default=0)} to {max(shown, default=-1)}, {len(shown)} of them"
                raise JoinError(
                    f"segment '{path.name}' has {found_text}, wanted {frames} from 0", code="SEGMENT_BROKEN"
                )
        offset += frames
        progress(offset, total)


def _copied(container: Any, source: Any, stream: Any) -> Iterator[Any]:
    """A track as it is, from 0 on."""
    begin: int | None = None
    for packet in container.demux(source):
        if packet.dts is None or packet.size == 0:
            continue
        begin = packet.pts if begin is None else begin
        packet.pts -= begin
        packet.dts -= begin
        packet.stream = stream
        yield packet


def _subtitles(recipe: AssembleRecipe, rate: Fraction, ffmpeg: Path) -> Any:
    """The cues as an opened file with a track of timed text (3GPP TS 26.245)."""
    with tempfile.TemporaryDirectory(prefix="dailies-") as folder:
        text, track = Path(folder) / "cues.srt", Path(folder) / "cues.mp4"
        text.write_text(srt(recipe.cues, rate), encoding="utf-8")
        head = [str(ffmpeg), "-hide_banner", "-nostdin", "-nostats", "-loglevel", "error", "-y"]
        argv = [*head, "-protocol_whitelist", "file", "-f", "srt", "-i", f"file:{text}", "-c:s", "mov_text"]
        made = subprocess.run(
            [*argv, "-f", "mp4", f"file:{track}"], capture_output=True, timeout=600, check=False, start_new_session=True
        )
        if made.returncode:
            said = made.stderr.decode(errors="replace")
            raise JoinError(f"assemble: subtitles could not be written: {said.strip()[-300:]}", evidence=said)
        return av.open(f"file:{track}")  # open files outlive their names
