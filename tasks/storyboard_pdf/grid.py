"""Where things stand on a page. All lengths in millimetres, from the top left corner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PerPage = Literal[1, 3, 6]

SHEET = 210.0, 297.0
"""Width and height of a sheet of A4 held upright."""
MARGIN, GAP = 12.0, 6.0
HEAD = 6.5
"""Height of a panel's own heading."""
_LOWEST = 8.0
"""Room under the panels: most printers leave a few millimetres white."""


@dataclass(frozen=True)
class Box:
    """A rectangle on the page."""

    x: float
    y: float
    width: float
    height: float


def fitted(box: Box, aspect: float) -> Box:
    """The largest box of that width by height at the top of `box`, centred between its sides."""
    width = min(box.width, box.height * aspect)
    return Box(box.x + (box.width - width) / 2, box.y, width, width / aspect)


@dataclass(frozen=True)
class Place:
    """Where one panel goes: its heading, its picture, its text; `columns` of text beside each other, or one."""

    heading: Box
    picture: Box
    text: Box
    columns: int


@dataclass(frozen=True)
class Grid:
    """A page's size and the places on it, in reading order."""

    width: float
    height: float
    places: tuple[Place, ...]


def is_landscape(per_page: PerPage) -> bool:
    """One or six panels stand on a sheet held sideways, three on an upright one."""
    return per_page != 3


def sheet_size(per_page: PerPage) -> tuple[float, float]:
    """Width and height of the page as it is held."""
    width, height = SHEET
    return (height, width) if is_landscape(per_page) else (width, height)


def grid(per_page: PerPage, top: float) -> Grid:
    """The places of a page whose header ends at `top`."""
    width, height = sheet_size(per_page)
    across, down = {1: (1, 1), 3: (1, 3), 6: (3, 2)}[per_page]
    wide = (width - 2 * MARGIN - (across - 1) * GAP) / across
    high = (height - top - _LOWEST - (down - 1) * GAP) / down
    places = tuple(
        _place(per_page, Box(MARGIN + column * (wide + GAP), top + row * (high + GAP), wide, high))
        for row in range(down)
        for column in range(across)
    )
    return Grid(width, height, places)


def _place(per_page: PerPage, cell: Box) -> Place:
    heading = Box(cell.x, cell.y, cell.width, HEAD)
    x, y, left = cell.x, cell.y + HEAD, cell.height - HEAD
    if per_page == 3:  # the picture left, its text beside it
        picture = Box(x, y, cell.width * 0.58, left)
        beside = x + picture.width + GAP
        return Place(heading, picture, Box(beside, y, cell.width - picture.width - GAP, left), 1)
    if per_page == 6:  # 16:9 fills the width
        picture = Box(x, y, cell.width, min(cell.width * 9 / 16, left * 0.72))
        under = y + picture.height + 2
        return Place(heading, picture, Box(x, under, cell.width, cell.y + cell.height - under), 1)
    picture = Box(x, y, cell.width, left * 0.78)
    under = y + picture.height + 4
    return Place(heading, picture, Box(x, under, cell.width, cell.y + cell.height - under), 3)
