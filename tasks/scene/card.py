"""Cards: the slate before a scene, and what stands where a shot is not there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.clip import Frame
from tasks.lettering.draw import lettered

PAPER, INK, FAINT = (34, 35, 38), (244, 242, 238), (168, 168, 172)
_LARGE, _SMALL = 1 / 10, 1 / 24
"""Height of the first line's letters, and of the others', as shares of the frame's."""


def card(lines: Sequence[str], width: int, height: int) -> Frame:
    """`lines` on a dark ground, (H, W, 3): the first one large, what is empty left out."""
    picture = np.empty((height, width, 3), np.uint8)
    picture[:] = PAPER
    room, tall = round(width * 0.84), min(height, round(width * 9 / 16))
    drawn = [
        (lettered(text, size_px=max(9, round(tall * size)), width_px=room, lines=2, align="center"), ink)
        for text, size, ink in _styled(lines)
    ]
    gap = round(tall * 0.03)
    top = max(0, (height - sum(mask.shape[0] + gap for mask, _ in drawn) + gap) // 2)
    left = (width - room) // 2
    for mask, ink in drawn:
        rows = mask[: max(0, height - top)]
        share = rows.astype(np.float32)[..., None] / 255
        under = picture[top : top + rows.shape[0], left : left + room]
        under[:] = np.rint(under * (1 - share) + np.array(ink, np.float32) * share).astype(np.uint8)
        top += mask.shape[0] + gap
    return picture


def _styled(lines: Sequence[str]) -> list[tuple[str, float, tuple[int, int, int]]]:
    told = [line for line in lines if line]
    return [(line, _SMALL if index else _LARGE, FAINT if index else INK) for index, line in enumerate(told)]
