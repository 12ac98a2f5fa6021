"""A folder of numbered pictures as a storyboard: natural order, shots named after the files."""

from __future__ import annotations

import os
import re
from pathlib import Path

from tasks.boards.board import MOST_BOARDS, Board, BoardScene, Layer
from tasks.boards.fields import Fields, Told, clean
from tasks.prepare.picture import SUFFIXES

_NUMBERED = re.compile(r"(?:.*?[^0-9])?(?P<shot>[0-9]{1,6})(?P<panel>[A-Za-z]?)", re.DOTALL)


def picture_files(folder: Path) -> list[Path]:
    """The pictures right in `folder`, in natural order: 2 before 10, 010 before 010a. Hidden files are none."""
    files = [
        path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and not path.name.startswith((".", "~"))
    ]
    return sorted(files, key=lambda path: natural(path.name))


def natural(name: str) -> tuple[tuple[tuple[int, int, str], ...], str]:
    """A key that sorts names as people count: numbers by value, letters without case."""
    stem, _, extension = name.rpartition(".") if "." in name else (name, "", "")
    parts = re.findall(r"[0-9]+|[^0-9]+", stem.casefold())
    return tuple((0, int(part), "") if part[:1] in "0123456789" else (1, 0, part) for part in parts), extension


def read_pictures(folder: Path, told: Told) -> BoardScene:
    """The pictures in `folder` as one scene; what is odd about them goes to `told`."""
    files = picture_files(folder)
    who = Fields({}, str(folder), folder.name, told)
    if len(files) > MOST_BOARDS:
        who.problem("TOO_LARGE", f"{len(files)} pictures, at most {MOST_BOARDS} are read", "cut the folder in two")
        files = []
    root = Path(os.path.realpath(folder))
    boards: list[Board] = []
    taken: set[str] = set()
    names: set[str] = set()
    for path in files:
        resolved = Path(os.path.realpath(path))
        if not resolved.is_relative_to(root):
            who.problem("PATH_OUTSIDE", f"{path.name!r} leads to {resolved}, outside {root}", "put the picture there")
            continue
        stem = clean(path.stem) or "picture"
        candidates = (stem, clean(path.name), *(f"{stem}-{n}" for n in range(2, len(taken) + 4)))
        key = next(name for name in candidates if name.casefold() not in taken)
        taken.add(key.casefold())
        found = _NUMBERED.fullmatch(stem)
        shot_name = f"SH{int(found['shot']):04d}{found['panel'].upper()}" if found else ""
        if shot_name in names:  # a01 and b01: the names do not number the shots
            shot_name = ""
        names.add(shot_name)
        boards.append(
            Board(
                key=key,
                uid=key,
                label=f"picture {path.name}",
                layers=(Layer("main", resolved),),
                shot=found["shot"] if found else stem[:200],
                panel=found["panel"] if found else "",
                whole=True,
                shot_name=shot_name,
            )
        )
    return BoardScene("pictures", folder.resolve().name or "pictures", tuple(boards))
