"""The boards' pictures and sounds, as files of the folder `boards` beside the manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from manifests.errors import InputError
from manifests.names import portable
from tasks.boards.board import Board
from tasks.boards.layers import drawn
from tasks.boards.record import BoardRecord, PictureRecord
from tasks.whole import copy_whole, sha256_of, write_whole

LARGEST_SOUND = 1 << 30
"""Bytes of a board's sound."""
SOUNDS = (".wav", ".mp3", ".m4a", ".aac", ".flac", ".ogg", ".oga")


@dataclass
class Shelf:
    """The folder `boards`. `before`: what was imported into it last, by board; a file changed since is left alone."""

    folder: Path
    before: Mapping[str, BoardRecord]
    redrawn: list[str] = field(default_factory=list[str])
    """Keys of the boards whose picture is another than at the last import."""
    kept: list[str] = field(default_factory=list[str])
    warnings: list[str] = field(default_factory=list[str])
    _sounds: dict[Path, str] = field(default_factory=dict[Path, str])
    _taken: set[str] = field(default_factory=set[str])

    def __post_init__(self) -> None:
        for board in self.before.values():
            self._taken |= {board.picture.name.casefold(), board.sound.casefold()}

    def picture(self, board: Board, aspect: float | None, *, notes: bool) -> PictureRecord:
        """Put the board's picture there. The record names a file that does not exist where it has none."""
        before = self.before[board.key].picture if board.key in self.before else PictureRecord()
        made, warnings = drawn(board, aspect, notes=notes)
        self.warnings.extend(warnings)
        if made is None:
            return before if before.name else PictureRecord(self._free(board.key, ".png"))
        name = before.name if before.name.endswith(made.extension) else self._free(board.key, made.extension)
        digest = hashlib.sha256(made.data).hexdigest()
        now = PictureRecord(name, made.pixels, digest)
        there = sha256_of(self.folder / name)
        redrawn = bool(before.pixels) and before.pixels != made.pixels
        if before.name == name and before.sha256 and there not in ("", before.sha256, digest):
            self.kept.append(
                f"{board.label}: boards/{name} was changed by hand and stays"
                + ("; the board was redrawn too: remove the file to take that" if redrawn else "")
            )
            return before
        if redrawn:
            self.redrawn.append(board.key)
        elif there == before.sha256 and before.name == name and there:
            return before
        if there != digest:
            write_whole(self.folder / name, made.data)
        return now

    def sound(self, board: Board) -> str:
        """Put the board's sound there and return its name; "" where it has none, or none that can be read."""
        source = board.sound
        if source is None:
            return ""
        if source in self._sounds:
            return self._sounds[source]
        if source.suffix.lower() not in SOUNDS:
            self.warnings.append(f"{board.label}: {source.name} is no sound ({', '.join(SOUNDS)}) and is left out")
            return ""
        before = self.before[board.key].sound if board.key in self.before else ""
        extension = source.suffix.lower()
        same = before.startswith(portable(source.stem, 80)) and before.endswith(extension)
        name = before if same else self._free(source.stem, extension)
        try:
            if not source.is_file() or sha256_of(source) != sha256_of(self.folder / name):
                copy_whole(source, self.folder / name, LARGEST_SOUND)
        except InputError as error:
            self.warnings.append(f"{board.label}: its sound is left out: {error}")
            return ""
        self._sounds[source] = name
        return name

    def _free(self, text: str, extension: str) -> str:
        stem = portable(text, 80)
        names = (f"{stem}{f'-{n}' if n > 1 else ''}{extension}" for n in range(1, len(self._taken) + 3))
        name = next(name for name in names if name.casefold() not in self._taken)
        self._taken.add(name.casefold())
        return name
