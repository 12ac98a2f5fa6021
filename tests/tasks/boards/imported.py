"""A project, and the folder it is imported to again and again."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flows.import_boards import Imported, import_boards
from tests.tasks.boards.drawing import scene


class Work:
    """A project and the folder it is imported to."""

    def __init__(self, home: Path) -> None:
        self.project = home / "film"
        self.out = home / "out"
        self.manifest = self.out / "storyboard.yaml"

    def draw(self, *boards: dict[str, Any], **asked: Any) -> None:
        scene(self.project, list(boards), **asked)

    def first(self, **asked: Any) -> Imported:
        return import_boards(self.project, self.out, **asked)

    def again(self, **asked: Any) -> Imported:
        return import_boards(self.project, self.out, update=True, **asked)

    def edit(self, change: Callable[[str], str]) -> str:
        text = change(self.manifest.read_text(encoding="utf-8"))
        self.manifest.write_text(text, encoding="utf-8")
        return text

    @property
    def text(self) -> str:
        return self.manifest.read_text(encoding="utf-8")

    @property
    def ids(self) -> list[str]:
        return re.findall(r"id: (\S+)", self.text)

    @property
    def shots(self) -> list[str]:
        """The rows' numbers, without the sequence."""
        return [name.removeprefix("SQ010_SH") for name in self.ids]


def replaced(old: str, new: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        assert text.count(old) == 1, (old, text)
        return text.replace(old, new)

    return change
