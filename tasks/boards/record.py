"""What was imported last (`boards/imported.json`): it tells a person's edits from the project's."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

from manifests.errors import ManifestError
from tasks.boards.fields import read_json
from tasks.whole import write_whole

NAME = "imported.json"
_VERSION = 1


@dataclass(frozen=True)
class PictureRecord:
    """A picture as it was written: its name, the digest of its pixels, and that of the file's bytes."""

    name: str = ""
    pixels: str = ""
    sha256: str = ""


@dataclass(frozen=True)
class BoardRecord:
    """A board as it was imported: its row's id and values, its picture. `gone`: it has left the project since."""

    id: str
    scene: str
    values: dict[str, Any] = field(default_factory=dict[str, Any])
    picture: PictureRecord = PictureRecord()
    sound: str = ""
    new_shot: bool = False
    time: float | None = None
    gone: bool = False


@dataclass(frozen=True)
class SceneRecord:
    """A scene as it was imported: its name in the manifest and what was written below it."""

    slug: str
    sequence: str
    title: str
    rate: str


@dataclass
class Record:
    """The last import. `order`: keys of the boards that were in the project, as they came."""

    scenes: dict[str, SceneRecord] = field(default_factory=dict[str, SceneRecord])
    boards: dict[str, BoardRecord] = field(default_factory=dict[str, BoardRecord])
    order: list[str] = field(default_factory=list[str])

    @property
    def names(self) -> set[str]:
        """Every id that was ever given."""
        return {board.id for board in self.boards.values()}


def read_record(path: Path, warnings: list[str]) -> Record:
    """The record in `path`; an empty one, and a warning, where there is none that can be used."""
    if not path.exists():
        warnings.append(f"{path.name} is gone: what differs from the project is taken for edits by hand")
        return Record()
    try:
        raw = _plain(read_json(path))
        boards = {
            key: BoardRecord(**{**one, "picture": PictureRecord(**one["picture"])})
            for key, one in raw["boards"].items()
        }
        scenes = {key: SceneRecord(**one) for key, one in raw["scenes"].items()}
        if raw["version"] == _VERSION and all(map(_sound, boards.values())):
            return Record(scenes, boards, [key for key in raw["order"] if key in boards])
    except (ManifestError, KeyError, TypeError, AttributeError):
        pass
    warnings.append(f"{path.name} is damaged: what differs from the project is taken for edits by hand")
    return Record()


def write_record(path: Path, record: Record) -> None:
    """Write it whole or not at all."""
    content = {
        "version": _VERSION,
        "about": "Written by `dailies import` and read by `dailies import --update`; not to be edited.",
        "order": record.order,
        "scenes": {key: asdict(one) for key, one in record.scenes.items()},
        "boards": {key: asdict(one) for key, one in record.boards.items()},
    }
    write_whole(path, (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode())


def _sound(board: BoardRecord) -> bool:
    names = (board.id, board.scene, board.sound, board.picture.name, board.picture.pixels, board.picture.sha256)
    if not all(isinstance(name, str) for name in cast("tuple[object, ...]", names)):
        return False
    return "/" not in board.picture.name + board.sound  # files of this folder, whatever somebody wrote here


def _plain(value: Any) -> Any:
    """The value with numbers as Python writes them."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_plain(one) for one in cast("list[Any]", value)]
    if hasattr(value, "to_integral_value"):
        return int(value) if value == value.to_integral_value() and "." not in str(value) else float(value)
    return value
