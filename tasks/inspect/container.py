"""The boxes of an MP4 or MOV file, read from its bytes: libav hides their order and its edit lists.

ISO/IEC 14496-12: a box is a 32-bit size, a type, then its content; size 1 means a 64-bit size follows, 0 "to the end".
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_PARENTS = {"moov", "trak", "edts"}


@dataclass(frozen=True)
class Boxes:
    """`order`: types at the top level. `whole`: no box reaches beyond the file. `edits`: (track, ticks skipped)."""

    order: tuple[str, ...]
    whole: bool
    edits: tuple[tuple[int, int], ...]

    @property
    def faststart(self) -> bool:
        """The index comes before the media, so that play starts before the file has arrived."""
        if "moov" not in self.order or "mdat" not in self.order:
            return False
        return self.order.index("moov") < self.order.index("mdat")


def read_boxes(path: Path) -> Boxes:
    """The boxes of the file at `path`; a file that is none gives odd types and `whole` False. Raises OSError."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        top = list(_boxes(file, 0, end))
        edits: list[tuple[int, int]] = []
        for kind, start, stop in top:
            if kind == "moov":
                _find_edits(file, start, min(stop, end), edits, [-1])
    return Boxes(tuple(kind for kind, _, _ in top), bool(top) and top[-1][2] == end, tuple(edits))


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[tuple[str, int, int]]:
    """(type, where its content starts, where it ends) of each box between `start` and `end`."""
    while end - start >= 8:
        file.seek(start)
        size, kind = struct.unpack(">I4s", file.read(8))
        content = start + 8
        if size == 1 and end - content >= 8:
            (size,) = struct.unpack(">Q", file.read(8))
            content += 8
        stop = end if size == 0 else start + size
        yield kind.decode("latin-1"), content, stop
        if stop < content:
            return
        start = stop


def _find_edits(file: BinaryIO, start: int, end: int, edits: list[tuple[int, int]], track: list[int]) -> None:
    for kind, content, stop in _boxes(file, start, end):
        if kind == "trak":
            track[0] += 1
        if kind in _PARENTS:
            _find_edits(file, content, min(stop, end), edits, track)
        elif kind == "elst" and stop <= end:
            file.seek(content)
            body = file.read(stop - content)
            entry, layout = (20, ">Qqi") if body[0] == 1 else (12, ">Iii")
            for at in range(8, len(body) - entry + 1, entry):
                edits.append((track[0], struct.unpack(layout, body[at : at + entry])[1]))
