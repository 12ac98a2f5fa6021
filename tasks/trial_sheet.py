"""The sheet of a trial: a row for every picture, a strip for every shape, what was drawn beside what was delivered."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from tasks.contact_sheet import FAINT, GAP, INK, MARGIN, PAPER, frames_at
from tasks.master import read_master
from tasks.trial import Tried
from tasks.whole import beside

CELL = 170
"""Height in pixels of one frame."""
LABEL = 56
"""Three lines of text under a strip."""
NARROW = 330
"""A strip is never narrower: its text has to be read."""
BAD = (176, 42, 30)


def write_sheet(clips: Sequence[Tried], path: Path) -> None:
    """Write the sheet of `clips` to `path` (.jpg), whole or not at all.

    Every strip holds the first, the middle and the last frame of what was delivered; where the network's own frames
    were drawn too, they stand above.
    """
    rows: dict[str, list[tuple[Image.Image, Tried]]] = {}
    for clip in clips:
        rows.setdefault(clip.picture, []).append((_strips(clip), clip))
    columns = [
        max(row[at][0].width for row in rows.values() if at < len(row)) for at in range(max(map(len, rows.values())))
    ]
    heights = [max(strip.height for strip, _ in row) + LABEL for row in rows.values()]
    width = sum(columns) + 3 * GAP * (len(columns) - 1) + 2 * MARGIN
    sheet = Image.new("RGB", (width, sum(heights) + 2 * GAP * (len(heights) - 1) + 2 * MARGIN), PAPER)
    draw, top = ImageDraw.Draw(sheet), MARGIN
    for row, height in zip(rows.values(), heights, strict=True):
        left = MARGIN
        for (strip, clip), column in zip(row, columns, strict=False):
            sheet.paste(strip, (left, top))
            _label(draw, clip, left, top + height - LABEL, column)
            left += column + 3 * GAP
        top += height + 2 * GAP
    with beside(path) as temporary:
        sheet.save(temporary, "JPEG", quality=88)


def _strips(clip: Tried) -> Image.Image:
    """The network's frames over the delivered ones."""
    lines = [(_of_master(clip.drawn), "drawn")] if clip.drawn else []
    lines += [(frames_at(clip.file, (0.0, 0.5, 1.0), CELL), "delivered")] if clip.file else []
    width = max([NARROW, *(sum(frame.width + GAP // 2 for frame in frames) - GAP // 2 for frames, _ in lines)])
    strip = Image.new("RGB", (width, max(1, len(lines)) * (CELL + GAP) - GAP), PAPER)
    draw, small = ImageDraw.Draw(strip), ImageFont.load_default(11)
    for place, (frames, what) in enumerate(lines):
        x, y = 0, place * (CELL + GAP)
        for frame in frames:
            strip.paste(frame, (x, y))
            x += frame.width + GAP // 2
        if len(lines) > 1:
            words = what if what == "drawn" or clip.verdict == "made" else f"{what}, by the camera"
            box = draw.textbbox((4, y + 4), words, font=small)
            draw.rectangle((box[0] - 3, box[1] - 2, box[2] + 3, box[3] + 2), fill=PAPER)
            draw.text((4, y + 4), words, INK, font=small)
    return strip


def _of_master(path: Path) -> list[Image.Image]:
    """First, middle and last frame of a master, whose container does not say how many it holds."""
    frames = list(read_master(path)[1])
    chosen = (Image.fromarray(frames[at]) for at in (0, len(frames) // 2, len(frames) - 1))
    return [one.resize((max(1, round(one.width * CELL / one.height)), CELL), Image.Resampling.BOX) for one in chosen]


def _label(draw: ImageDraw.ImageDraw, clip: Tried, left: int, top: int, width: int) -> None:
    big, small = ImageFont.load_default(14), ImageFont.load_default(12)
    color = INK if clip.verdict == "made" else BAD
    lines = [
        (f"{clip.picture}  {clip.aspect}  {clip.move}  {clip.verdict}", color, big),
        (measured(clip) or clip.why, FAINT, small),
        (" ".join(ran(clip)), FAINT, small),
    ]
    for place, (text, ink, font) in enumerate(lines):
        room = max(8, int(width / font.getlength("n")))
        draw.text((left, top + 3 + 18 * place), textwrap.shorten(text, room, placeholder="…"), ink, font=font)


def measured(clip: Tried) -> str:
    """The figures that judge a clip, in a few words."""
    told = {"path_error_px": "path {:.2f} px", "product_ssim": "SSIM {:.3f}", "product_ciede2000": "colour {:.1f}"}
    figures = clip.figures or {}
    return "  ".join(words.format(figures[name]) for name, words in told.items() if name in figures)


def ran(clip: Tried) -> list[str]:
    """How it ran: seconds, memory, rung, precision; what is not known is left out."""
    told = [f"{clip.seconds:.1f} s"] if clip.seconds is not None else []
    told += [f"{clip.peak_vram_bytes / 2**30:.1f} GiB"] if clip.peak_vram_bytes else []
    told += [clip.rung] if clip.rung else []
    told += [clip.dtype + (" after a retry" if clip.retried else "")] if clip.dtype else []
    return told
