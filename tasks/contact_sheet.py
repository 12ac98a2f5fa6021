"""A contact sheet: first, middle and last frame of every clip of a run, on one picture people can look at."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
from PIL import Image, ImageDraw, ImageFont

CELL = 220
"""Height in pixels of one frame on the sheet."""
GAP, LABEL, MARGIN = 8, 40, 24
PAPER, INK, FAINT = (250, 249, 247), (32, 32, 34), (120, 120, 124)
MOST_ROWS = 40
"""Clips per sheet: a longer run gets several sheets."""


@dataclass(frozen=True)
class Entry:
    """One clip on the sheet: its file, and two lines of text under it."""

    path: Path
    title: str
    detail: str


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
                picture = frame.to_image()
                found[index] = picture.resize(
                    (max(1, round(picture.width * height / picture.height)), height), Image.Resampling.BOX
                )
            if index >= wanted[-1]:
                break
    return [found[index] for index in wanted if index in found]


def contact_sheets(entries: Sequence[Entry], folder: Path, name: str = "contact-sheet") -> list[Path]:
    """Write `name.jpg` (and `name-2.jpg` ... beyond 40 clips) into `folder`; returns the paths, written atomically."""
    sheets = []
    for number, start in enumerate(range(0, len(entries), MOST_ROWS), start=1):
        path = folder / (f"{name}.jpg" if number == 1 else f"{name}-{number}.jpg")
        temporary = path.with_suffix(".part")
        _sheet(entries[start : start + MOST_ROWS]).save(temporary, "JPEG", quality=88)
        temporary.replace(path)
        sheets.append(path)
    return sheets


def _sheet(entries: Sequence[Entry]) -> Image.Image:
    """Clips flow left to right, each a strip of three frames, in rows about 1800 px wide."""
    strips = [(_strip(entry), entry) for entry in entries]
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
    frames = frames_at(entry.path, (0.0, 0.5, 1.0), CELL)
    strip = Image.new("RGB", (sum(frame.width + GAP // 2 for frame in frames) - GAP // 2, CELL), PAPER)
    x = 0
    for frame in frames:
        strip.paste(frame, (x, 0))
        x += frame.width + GAP // 2
    return strip
