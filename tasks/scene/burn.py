"""What is burned into the frames of a segment: texts, and counters that run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from manifests.scene import Position
from models.clip import Planes
from tasks.lettering.digits import Counter
from tasks.lettering.draw import lettered
from tasks.lettering.plate import Plate, plate
from tasks.recipe import EncodeRecipe
from tasks.scene.planes import BLACK_LUMA, NO_CHROMA
from tasks.scene.recipe import PartRecipe, SegmentRecipe
from tasks.scene.timecode import counting

SIZE = 1 / 27
"""Height of letters as a share of the frame's."""
INSET = 1 / 20
"""From the frame's edges, of its height: inside what old monitors hide (EBU R 95 action safe)."""
SMALLEST_PX = 9
_WHITE = 235
Align = Literal["left", "center", "right"]


@dataclass(frozen=True)
class _Spot:
    """Letters on their place: left and top of the plate in the frame."""

    letters: Plate
    left: int
    top: int


class Burner:
    """Writes a segment's burn-ins into its frames."""

    def __init__(self, recipe: SegmentRecipe) -> None:
        from fractions import Fraction

        self._recipe = recipe
        self._frame = _Frame.of(recipe.encode)
        self._still = [list(self._frame.texts(part.texts)) for part in recipe.parts]
        self._counting = counting(Fraction(recipe.encode.rate), recipe.start)
        self._begins = self._counting.frame(recipe.start)

    def burned(self, planes: Planes, index: int) -> Planes:
        """Frame `index` of the segment with what belongs there; a new frame where there is anything."""
        counts = 1 if len(self._recipe.parts) > 1 and index >= self._recipe.cut else 0
        spots = [*self._still[counts], *self._running(self._recipe.parts[counts], self._recipe.first + index)]
        if not spots:
            return planes
        written = Planes(*(plane.copy() for plane in planes))
        for spot in spots:
            _burn(written, spot)
        return written

    def _running(self, part: PartRecipe, frame: int) -> Iterator[_Spot]:
        told = {"timecode": self._counting.label(self._begins + frame)}
        told["frame"] = str(self._recipe.first_frame + frame - part.start)
        for position, which in self._recipe.counters:
            yield self._frame.placed(position, self._frame.counter.plate(told[which]))


@dataclass(frozen=True)
class _Frame:
    """Where things go in a frame of this size."""

    width: int
    height: int

    @classmethod
    def of(cls, encode: EncodeRecipe) -> _Frame:
        return cls(encode.width, encode.height)

    @property
    def size_px(self) -> int:
        return max(SMALLEST_PX, round(min(self.height, self.width * 9 / 16) * SIZE))

    @cached_property
    def counter(self) -> Counter:
        return Counter(self.size_px)

    def texts(self, texts: Sequence[tuple[Position, str]]) -> Iterator[_Spot]:
        for position, text in texts:
            wide = position in ("top", "bottom")
            # Beside it may stand two others in the same line: corners get a third, the middle what is left above them.
            width = round(self.width * (0.8 if wide else 0.3))
            mask = lettered(text, size_px=self.size_px, width_px=width, lines=2 if wide else 1, align=_ALIGN[position])
            lift = round(1.6 * self.size_px) if wide and _crowded(texts) else 0
            yield self.placed(position, plate(mask, size_px=self.size_px), lift)

    def placed(self, position: Position, letters: Plate, lift: int = 0) -> _Spot:
        """Letters at their position, the `lift` nearer to the middle."""
        inset, margin = round(self.height * INSET), letters.margin_px
        height, width = (side - 2 * margin for side in letters.coverage.shape)
        left = {"left": inset, "center": (self.width - width) // 2, "right": self.width - inset - width}
        top = inset + lift if position.startswith("top") else self.height - inset - height - lift
        return _Spot(letters, left[_ALIGN[position]] - margin, top - margin)


_ALIGN: Mapping[Position, Align] = {
    "top_left": "left",
    "bottom_left": "left",
    "top": "center",
    "bottom": "center",
    "top_right": "right",
    "bottom_right": "right",
}


def _crowded(texts: Sequence[tuple[Position, str]]) -> bool:
    """Corners stand beside the middle."""
    return any(position not in ("top", "bottom") for position, _ in texts)


def _burn(planes: Planes, spot: _Spot) -> None:
    """White letters over their dark edge, in place; what lies outside of the frame is left out."""
    height, width = planes.y.shape
    rows, columns = spot.letters.coverage.shape
    # On even pixels: chroma has one sample for two of them.
    top, left = spot.top & ~1, spot.left & ~1
    y0, y1 = max(0, top), min(height, (top + rows) & ~1)
    x0, x1 = max(0, left), min(width, (left + columns) & ~1)
    if y0 >= y1 or x0 >= x1:
        return
    part = np.s_[y0 - top : y1 - top, x0 - left : x1 - left]
    coverage, shade = spot.letters.coverage[part].astype(np.uint16), spot.letters.shade[part].astype(np.uint16)
    _over(planes.y[y0:y1, x0:x1], coverage, shade, BLACK_LUMA, _WHITE)
    for plane in (planes.u, planes.v):
        inside = plane[y0 // 2 : y1 // 2, x0 // 2 : x1 // 2]
        _over(inside, _quarter(coverage), _quarter(shade), NO_CHROMA, NO_CHROMA)


def _over(
    under: NDArray[np.uint8], coverage: NDArray[np.uint16], shade: NDArray[np.uint16], dark: int, light: int
) -> None:
    shaded = (under * (255 - shade) + dark * shade + 127) // 255
    under[:] = (shaded * (255 - coverage) + light * coverage + 127) // 255


def _quarter(mask: NDArray[np.uint16]) -> NDArray[np.uint16]:
    return (mask[::2, ::2] + mask[1::2, ::2] + mask[::2, 1::2] + mask[1::2, 1::2]) // 4
