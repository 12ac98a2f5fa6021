"""Text on a page: real letters that can be selected and searched, in embedded fonts, never beyond their box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from fpdf import FPDF

from tasks.lettering.fonts import Face, Weight
from tasks.lettering.layout import Line, lay_out

Ink = tuple[int, int, int]
Align = Literal["start", "left", "center", "right"]
"""`start` is the side that a line is read from."""
BLACK, GREY, FAINT = (28, 28, 30), (110, 110, 115), (150, 150, 155)
LEADING = 1.40
"""From one baseline to the next, in em."""

_POINT_MM = 25.4 / 72
_MEASURED_PX = 100
"""Lines are broken with letters of this size: large enough that hinting moves no width by more than a share of it."""
_SLACK = 0.99
_RISE = 1.05
"""From a line's top to its baseline, in em."""


@dataclass(frozen=True)
class Style:
    """How letters are written: their size in points, colour and weight, and the side of their box that they keep to."""

    size_pt: float
    ink: Ink = BLACK
    weight: Weight = "Regular"
    align: Align = "left"


class Writing:
    """Writes lines on the pages of `pdf`, bringing in a font when its first letter is written."""

    def __init__(self, pdf: FPDF) -> None:
        self._pdf = pdf
        self._known: set[str] = set()

    def broken(self, text: str, size_pt: float, width: float, lines: int = 1, weight: Weight = "Regular") -> list[Line]:
        """The text in lines of `width` mm; what does not fit into so many is cut with an ellipsis."""
        width_px = max(1, int(_SLACK * width / self._mm_per_px(size_pt)))
        return list(lay_out(text, _MEASURED_PX, width_px, lines, weight))

    def width(self, line: Line, size_pt: float) -> float:
        """Of a line, in mm."""
        return line.width_px * self._mm_per_px(size_pt)

    def leading(self, size_pt: float) -> float:
        """From line to line, in mm."""
        return size_pt * _POINT_MM * LEADING

    def lines(self, lines: Sequence[Line], x: float, y: float, width: float, style: Style) -> float:
        """Write lines into a box `width` mm wide whose top left corner is at `x`, `y`; returns where it ends below."""
        self._pdf.set_text_color(*style.ink)
        for line in lines:
            free = width - self.width(line, style.size_pt)
            side = ("right" if line.rtl else "left") if style.align == "start" else style.align
            left = x + {"left": 0.0, "center": free / 2, "right": free}[side]
            self._line(line, left, y + _RISE * style.size_pt * _POINT_MM, style.size_pt, style.weight)
            y += self.leading(style.size_pt)
        return y

    def text(self, text: str, x: float, y: float, width: float, style: Style) -> float:
        """Write one line of text, cut to `width`; returns how wide it is, in mm."""
        lines = self.broken(text, style.size_pt, width, 1, style.weight)
        self.lines(lines, x, y, width, style)
        return max((self.width(line, style.size_pt) for line in lines), default=0.0)

    def _line(self, line: Line, x: float, baseline: float, size_pt: float, weight: Weight) -> None:
        for piece in line.pieces:
            self._pdf.set_font(self._font(piece.face, weight), size=size_pt)
            # One direction and one font each: shaped as it is, not ordered a second time.
            self._pdf.set_text_shaping(True, direction="rtl" if piece.rtl else "ltr")
            height = self._pdf.font_size
            self._pdf.set_xy(x + piece.start_px * self._mm_per_px(size_pt), baseline - 0.8 * height)
            self._pdf.cell(text=piece.text, h=height)  # puts the baseline at 0.8 of its height

    def _font(self, face: Face, weight: Weight) -> str:
        name = f"{face.stem}-{face.number}-{weight}".lower()
        if name not in self._known:
            self._pdf.add_font(name, fname=face.path(weight), collection_font_number=face.number)
            self._known.add(name)
        return name

    def _mm_per_px(self, size_pt: float) -> float:
        return size_pt * _POINT_MM / _MEASURED_PX
