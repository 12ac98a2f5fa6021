"""Running timecodes and frame numbers: digits of one width, pasted from cells that were drawn once."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageDraw

from tasks.lettering.draw import ASCENT, DESCENT, Mask
from tasks.lettering.fonts import LATIN, Weight, opened
from tasks.lettering.plate import Plate, darkness, edge_and_glow, margin_px

_DIGITS, _SIGNS = "0123456789", ":;.,-+/ "


class Counter:
    """Draws `01:00:03:17` in microseconds; every digit is as wide as every other, so none moves another.

    `0` to `9` and `: ; . , - + /` and the space; its methods raise KeyError for any other character. Raises
    FontMissing.
    """

    def __init__(self, size_px: int, weight: Weight = "Regular") -> None:
        self._ascent = math.ceil(ASCENT * size_px)
        self.height_px = self._ascent + math.ceil(DESCENT * size_px)
        self.margin_px = margin_px(size_px)
        font = opened(LATIN, size_px, weight)
        digit = max(math.ceil(font.getlength(one)) for one in _DIGITS)
        widths = dict.fromkeys(_DIGITS, digit) | {one: math.ceil(font.getlength(one)) + 1 for one in _SIGNS}
        self._cells = {one: self._cell(one, width, size_px, weight) for one, width in widths.items()}
        self._shades = {one: edge_and_glow(cell, size_px=size_px) for one, cell in self._cells.items()}

    def width_px(self, text: str) -> int:
        """Width of the text; the same for every text with digits in the same places."""
        return sum(self._cells[one].shape[1] for one in text)

    def mask(self, text: str) -> Mask:
        """Coverage, uint8 (`height_px`, `width_px(text)`); its baseline is that of `lettered` at this size."""
        return np.concatenate([self._cells[one] for one in text] or [np.zeros((self.height_px, 0), np.uint8)], axis=1)

    def plate(self, text: str) -> Plate:
        """The letters with their dark edge: that of `plate.plate`, put together from every digit's own."""
        import cv2  # saturating sums; not wanted before there is a picture

        width, reach = self.width_px(text), 2 * self.margin_px
        coverage, edge, glow = (np.zeros((self.height_px + reach, width + reach), np.uint8) for _ in range(3))
        top = left = self.margin_px
        coverage[top : top + self.height_px, left : left + width] = self.mask(text)
        x = 0
        for one in text:
            part = np.s_[:, x : x + self._cells[one].shape[1] + reach]
            edge[part] = cv2.add(edge[part], self._shades[one][0])
            glow[part] = cv2.add(glow[part], self._shades[one][1])
            x += self._cells[one].shape[1]
        return Plate(coverage, darkness(edge, glow), self.margin_px)

    def _cell(self, one: str, width: int, size_px: int, weight: Weight) -> Mask:
        font = opened(LATIN, size_px, weight)
        cell = Image.new("L", (width, self.height_px), 0)
        left = round((width - font.getlength(one)) / 2)  # whole pixels: a digit is as sharp in every place
        ImageDraw.Draw(cell).text((left, self._ascent), one, 255, font, anchor="ls")
        return np.asarray(cell).copy()
