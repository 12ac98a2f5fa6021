"""One scene of Wonder Unit's Storyboarder: the `.storyboarder` file of any version, and where its pictures lie.

Versions before the drawing layers name their main drawing by the board's `url`, with `reference` below and `notes`
above it; later ones name each layer. Numbers may be text in all of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Any

from manifests.rates import parse_rate
from tasks.boards.board import DEFAULT_MILLISECONDS, MOST_BOARDS, Board, BoardScene, Layer
from tasks.boards.fields import Fields, Told, clean, read_json

DRAWN = ("fill", "tone", "pencil", "ink")
ORDER = ("shot-generator", "reference", "main", *DRAWN, "notes")
"""Bottom first, as the application draws them (its `src/js/models/board.js`). `main` is the old single drawing."""
SEEN_THROUGH = ("shot-generator", "reference")
"""The two that share the application's opacity slider; the others are always opaque there."""
DEFAULT_OPACITY = 0.75
_LONGEST_NAME = 255
_LONGEST_MILLISECONDS = 24 * 3600 * 1000
_UNSAVED = ("onion", "guides", "composite")


def read_scene(path: Path, title: str, told: Told, taken: set[str]) -> BoardScene:
    """The scene in `path`; `taken` holds the board keys that are given already, and gets this scene's.

    What is wrong with the file goes to `told`. Raises ManifestError where it cannot be read at all.
    """
    project = Fields(read_json(path), str(path), path.name, told)
    folder = Path(os.path.realpath(path)).parent
    default = _milliseconds(project, "defaultBoardTiming", DEFAULT_MILLISECONDS)
    boards: list[Board] = []
    written = project.items("boards")
    if len(written) > MOST_BOARDS:
        project.problem("TOO_LARGE", f"{len(written)} boards, at most {MOST_BOARDS} are read", "cut the scene in two")
        written = []
    for number, value in enumerate(written, 1):
        if not isinstance(value, dict):
            project.problem("WRONG_TYPE", f"board {number} is no object", "save the project again")
            continue
        boards.append(_board(value, number, path, folder, default, told, taken))
    return BoardScene(path.stem, title, tuple(boards), _rate(project), _aspect(project))


def _board(
    value: dict[str, Any], number: int, path: Path, folder: Path, default: Decimal, told: Told, taken: set[str]
) -> Board:
    bare = Fields(value, str(path), f"board {number}", told)
    uid = bare.text("uid") or PurePosixPath(clean(str(value.get("url") or ""))).stem or f"board-{number}"
    board = Fields(value, str(path), f"board {number} ({uid[:40]})", told)
    key = uid
    if key.casefold() in taken:  # a copied scene keeps its boards' uids
        key = next(k for n in range(2, len(taken) + 3) if (k := f"{uid}-{n}").casefold() not in taken)
        told.warnings.append(f"{board.who}: another board has that uid too; this one is called {key}")
    taken.add(key.casefold())
    return Board(
        key=key,
        uid=uid,
        label=board.who,
        layers=tuple(_layers(board, folder)),
        milliseconds=_milliseconds(board, "duration", default),
        shot=board.text("shot"),
        panel=board.text("number") or str(number),
        new_shot=board.flag("newShot"),
        time=_time(board),
        dialogue=board.text("dialogue"),
        action=board.text("action"),
        notes=board.text("notes"),
        sound=_sound(board, folder),
    )


def _layers(board: Fields, folder: Path) -> Iterator[Layer]:
    """The board's layers, bottom first, each with a file inside `folder`, which need not exist."""
    url = board.text("url")
    main = _inside(board, folder, url) if url else None
    named: dict[str, Layer] = {}
    listed = board.object("layers")
    unknown = [name for name in (listed.values if listed else ()) if name not in ORDER and name not in _UNSAVED]
    if unknown:
        board.told.warnings.append(f"{board.who}: the layer {unknown[0][:40]} is not known and left out")
    for name in ORDER:
        layer = listed.object(name) if listed and name != "main" else None
        if layer is None:
            continue
        file = layer.text("url") or url.removesuffix(".png") + f"-{name}.png"
        found = _inside(board, folder, file)
        if found is not None:
            named[name] = Layer(name, found, _opacity(layer, name))
    if main is not None and not any(name in named for name in DRAWN) and (main.is_file() or not named):
        named["main"] = Layer("main", main)
    shared = [named[name].opacity for name in reversed(SEEN_THROUGH) if name in named and named[name].opacity >= 0]
    for name in ORDER:
        if name in named:
            layer = named[name]
            through = shared[0] if shared else DEFAULT_OPACITY
            yield layer if layer.opacity >= 0 else Layer(name, layer.path, through)


def _opacity(layer: Fields, name: str) -> float:
    """From 0 to 1; -1 where the layer leaves it to the slider."""
    opacity = layer.number("opacity")
    if opacity is None:
        return -1.0 if name in SEEN_THROUGH else 1.0
    if not 0 <= opacity <= 1:
        layer.told.warnings.append(f"{layer.who}: the opacity of {name} is {opacity}; it goes from 0 to 1")
    return float(min(Decimal(1), max(Decimal(0), opacity)))


def _sound(board: Fields, folder: Path) -> Path | None:
    audio = board.object("audio")
    name = audio.text("filename") if audio else ""
    return _inside(board, folder, name) if name else None


def _inside(board: Fields, folder: Path, name: str) -> Path | None:
    """The file `name` in the project's images, after all links; None, and a problem, where it leaves the project."""
    if len(name.encode()) > _LONGEST_NAME:
        board.problem("BAD_PATH", f"a file's name has {len(name)} characters", "save the project again")
        return None
    resolved = Path(os.path.realpath(folder / "images" / name))
    if resolved.is_relative_to(folder):
        return resolved
    found = f"{name[:200]!r} leads to {str(resolved)[:200]}, outside {folder}"
    board.problem("PATH_OUTSIDE", found, "a project's pictures lie in its own images folder")
    return None


def _milliseconds(fields: Fields, key: str, default: Decimal) -> Decimal:
    value = fields.number(key)
    if value is None:
        return default
    if not 1 <= value <= _LONGEST_MILLISECONDS:
        fields.told.warnings.append(f"{fields.who}: {key} is {value}, no length; {default} ms are taken")
        return default
    return value


def _time(board: Fields) -> Decimal | None:
    value = board.number("time")
    return value if value is not None and 0 <= value <= 1000 * _LONGEST_MILLISECONDS else None


def _rate(project: Fields) -> str:
    value = project.number("fps")
    if value is None:
        return "24"
    try:
        parse_rate(str(value))
    except ValueError as error:
        project.told.warnings.append(f"{project.who}: fps is {value}; {error}; 24 is taken")
        return "24"
    return format(value.normalize(), "f")


def _aspect(project: Fields) -> float | None:
    value = project.number("aspectRatio")
    if value is None:
        return None
    if not Decimal("0.1") <= value <= 10:
        project.told.warnings.append(f"{project.who}: aspectRatio is {value}; the pictures' own shape is taken")
        return None
    return float(value)
