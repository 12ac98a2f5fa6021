"""A contact sheet: first, middle and last frame of every clip of a run, on one picture people can look at."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import av
from av.video.frame import VideoFrame
from PIL import Image, ImageDraw, ImageFont

from tasks.whole import beside

CELL = 220
"""Height in pixels of one frame on the sheet."""
GAP, LABEL, MARGIN = 8, 40, 24
PAPER, INK, FAINT = (250, 249, 247), (32, 32, 34), (120, 120, 124)
MOST_ROWS = 40
"""Clips per sheet: a longer run gets several sheets."""
AT_ONCE = min(len(os.sched_getaffinity(0)), 8)
"""Clips decoded side by side, each by one thread: short ones are over before threads of their own would be there."""
MOST_PLAYED = 200
"""Clips of a run whose frames are looked up; of more, which would take hours, the posters are shown."""


@dataclass(frozen=True)
class Entry:
    """One clip on the sheet: its file, two lines of text under it, and its poster, which is its middle frame.

    Of one that is not `played` the poster alone is shown.
    """

    path: Path
    title: str
    detail: str
    poster: Path | None = None
    played: bool = True


def frames_at(path: Path, shares: Sequence[float], height: int) -> list[Image.Image]:
    """The frames at the given shares (0..1) of the clip at `path`, scaled to `height` pixels, in order."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        last = max((stream.frames or 1) - 1, 0)
        wanted = [round(share * last) for share in shares]
        found: dict[int, Image.Image] = {}
        for index, frame in enumerate(container.decode(stream)):
            if index in wanted:
                found[index] = _scaled(frame, height)
            if index >= wanted[-1]:
                break
    return [found[index] for index in wanted if index in found]


def ends(path: Path, height: int) -> list[Image.Image]:
    """The first frame of the clip at `path` and its last one, or a frame or two before it, `height` pixels high.

    Frames that no other is made from are left out on the way, which spares most of the time.
    """
    first = last = None
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        stream.codec_context.skip_frame = "NONREF"
        for frame in container.decode(stream):
            first, last = first or frame, frame
    return [_scaled(frame, height) for frame in (first, last) if frame is not None]


def contact_sheets(
    entries: Iterable[Entry],
    folder: Path,
    name: str = "contact-sheet",
    progress: Callable[[int], None] = lambda done: None,
) -> list[Path]:
    """Write `name.jpg` (and `name-2.jpg` ... beyond 40 clips) into `folder`; returns the paths, written atomically.

    Sheets of an earlier, longer run go. One sheet is in memory at a time; `progress` is told how many clips are on
    the sheets so far.
    """
    sheets: list[Path] = []
    rest, done = iter(entries), 0
    while page := list(islice(rest, MOST_ROWS)):
        path = _path(folder, name, len(sheets) + 1)
        with beside(path) as temporary:
            _sheet(page).save(temporary, "JPEG", quality=88)
        sheets.append(path)
        done += len(page)
        progress(done)
    number = len(sheets) + 1
    while (stale := _path(folder, name, number)).exists():
        stale.unlink()
        number += 1
    return sheets


def _path(folder: Path, name: str, number: int) -> Path:
    return folder / (f"{name}.jpg" if number == 1 else f"{name}-{number}.jpg")


def _sheet(entries: Sequence[Entry]) -> Image.Image:
    """Clips flow left to right, each a strip of three frames, in rows about 1800 px wide."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        strips = list(zip(pool.map(_strip, entries), entries, strict=True))
    widest = max([1800, *(strip.width for strip, _ in strips)])
    places: list[tuple[int, int]] = []
    x = y = MARGIN
    for strip, _ in strips:
        if x > MARGIN and x + strip.width > widest + MARGIN:
            x, y = MARGIN, y + CELL + LABEL + 2 * GAP
        places.append((x, y))
        x += strip.width + 3 * GAP
    sheet = Image.new("RGB", (widest + 2 * MARGIN, y + CELL + LABEL + MARGIN), PAPER)
    draw = ImageDraw.Draw(sheet)
    big, small = ImageFont.load_default(15), ImageFont.load_default(12)
    for (strip, entry), (left, top) in zip(strips, places, strict=True):
        sheet.paste(strip, (left, top))
        room = max(8, strip.width // 8)
        draw.text((left, top + CELL + 4), textwrap.shorten(entry.title, room, placeholder="…"), INK, font=big)
        draw.text((left, top + CELL + 23), textwrap.shorten(entry.detail, room + 6, placeholder="…"), FAINT, font=small)
    return sheet


def _strip(entry: Entry) -> Image.Image:
    frames = _frames(entry)
    strip = Image.new("RGB", (sum(frame.width + GAP // 2 for frame in frames) - GAP // 2, CELL), PAPER)
    x = 0
    for frame in frames:
        strip.paste(frame, (x, 0))
        x += frame.width + GAP // 2
    return strip


def _frames(entry: Entry) -> list[Image.Image]:
    if entry.poster is None:
        return frames_at(entry.path, (0.0, 0.5, 1.0), CELL)
    middle = [_poster(entry.poster)]
    if not entry.played:
        return middle
    first, *last = ends(entry.path, CELL)
    return [first, *middle, *last]


def _scaled(frame: VideoFrame, height: int) -> Image.Image:
    picture = frame.to_image()
    size = (max(1, round(picture.width * height / picture.height)), height)
    return picture.resize(size, Image.Resampling.BOX)


def _poster(path: Path) -> Image.Image:
    with Image.open(path, formats=("JPEG",)) as picture:
        width = max(1, round(picture.width * CELL / picture.height))
        picture.draft("RGB", (width, CELL))  # decodes at a fraction of the size, in a fraction of the time
        return picture.convert("RGB").resize((width, CELL), Image.Resampling.BOX)
