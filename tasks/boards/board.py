"""What was read of a storyboard, whichever program drew it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

DEFAULT_MILLISECONDS = Decimal(2000)
"""How long a board is shown that does not say, as in Storyboarder."""
MOST_BOARDS = 10_000
"""Boards of one scene or folder that are read."""


@dataclass(frozen=True)
class Layer:
    """One picture of a board: its name in the project, its file (which need not exist), opacity from 0 to 1."""

    name: str
    path: Path
    opacity: float = 1.0


@dataclass(frozen=True)
class Board:
    """One panel, complete. `layers` lie bottom first; with `whole` the single layer's file is the picture as it is.

    `key` tells the board from all others of the import, `uid` is what its own program calls it. `time` is where it
    begins in its scene, in milliseconds, as the project says. `shot_name` is set where the board's name numbers it.
    """

    key: str
    uid: str
    label: str
    layers: tuple[Layer, ...]
    milliseconds: Decimal = DEFAULT_MILLISECONDS
    shot: str = ""
    panel: str = ""
    new_shot: bool = False
    time: Decimal | None = None
    dialogue: str = ""
    action: str = ""
    notes: str = ""
    sound: Path | None = None
    whole: bool = False
    shot_name: str = ""


@dataclass(frozen=True)
class BoardScene:
    """Boards in their order. `key` stays the same from import to import; `aspect`: width by height, None if unknown."""

    key: str
    title: str
    boards: tuple[Board, ...]
    rate: str = "24"
    aspect: float | None = None


@dataclass(frozen=True)
class Project:
    """All that is imported, and what could not be taken as it was, in short sentences."""

    name: str
    source: str
    scenes: tuple[BoardScene, ...]
    warnings: tuple[str, ...] = ()
