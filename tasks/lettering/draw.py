"""A text drawn as a coverage mask."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from tasks.lettering.fonts import Weight, opened
from tasks.lettering.layout import Line, lay_out

Mask = NDArray[np.uint8]
Align = Literal["left", "center", "right"]

ASCENT, DESCENT = 1.07, 0.30
"""Of a usual line, above and below the baseline, in em: Noto Sans' own, which holds Han characters too."""
_HIGHEST, _DEEPEST = 1.60, 1.00
"""How far stacked marks may reach, in em; a flood of them is cut there."""
_MARGIN = 0.5
"""Room beside a line for ink that reaches out of its letters' width, in em."""
SMALLEST_PX, LARGEST_PX, WIDEST_PX = 6, 512, 16_384


def lettered(
    text: str,
    *,
    size_px: int,
    width_px: int,
    lines: int = 1,
    align: Align = "left",
    weight: Weight = "Regular",
) -> Mask:
    """`text` as coverage: uint8 (H, width_px), 0 nothing, 255 ink.

    At most `lines` lines, cut with an ellipsis; H is that of usual lines, or more where letters need it (Arabic, Thai),
    so that nothing is cut off. `align` is meant as it says, also for right-to-left text. An empty text is one empty
    line. Any string is drawn: what no font has becomes U+FFFD. Raises FontMissing, and ValueError for a size outside
    6..512 px, a width outside 1..16384 px or no line.
    """
    if not (SMALLEST_PX <= size_px <= LARGEST_PX and 1 <= width_px <= WIDEST_PX and lines >= 1):
        raise ValueError(
            f"lettering: size {size_px} px, width {width_px} px, {lines} lines; "
            f"wanted {SMALLEST_PX} to {LARGEST_PX}, 1 to {WIDEST_PX}, and one line or more"
        )
    laid = lay_out(text, size_px, width_px, lines, weight) or (Line((), 0.0),)
    return np.concatenate([_drawn(line, size_px, width_px, align, weight) for line in laid])


def _drawn(line: Line, size_px: int, width_px: int, align: Align, weight: Weight) -> Mask:
    ascent, descent = math.ceil(ASCENT * size_px), math.ceil(DESCENT * size_px)
    margin = math.ceil(_MARGIN * size_px)
    left, right = 0.0, line.width_px  # of the ink: an italic or final letter may reach out of its own width
    for piece in line.pieces:
        way = "rtl" if piece.rtl else "ltr"
        box = opened(piece.face, size_px, weight).getbbox(piece.text, anchor="ls", direction=way)
        left, right = min(left, piece.start_px + box[0]), max(right, piece.start_px + box[2])
        ascent = max(ascent, min(math.ceil(-box[1]), math.ceil(_HIGHEST * size_px)))
        descent = max(descent, min(math.ceil(box[3]), math.ceil(_DEEPEST * size_px)))
    x = {"left": 0.0, "center": (width_px - line.width_px) / 2, "right": width_px - line.width_px}[align]
    x = round(max(-left, min(x, width_px - right)))  # on whole pixels letters are sharp
    canvas = Image.new("L", (width_px + 2 * margin, ascent + descent), 0)
    draw = ImageDraw.Draw(canvas)
    for piece in line.pieces:
        font = opened(piece.face, size_px, weight)
        way = "rtl" if piece.rtl else "ltr"
        draw.text((margin + x + piece.start_px, ascent), piece.text, 255, font, anchor="ls", direction=way)
    return np.asarray(canvas)[:, margin : margin + width_px].copy()
