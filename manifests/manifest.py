"""A loaded manifest: items and shots with complete asks, and the digest that names the request."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from manifests.ask import Ask
from manifests.errors import Problem
from manifests.names import output_name
from manifests.presets import preset
from manifests.scene import Scene
from manifests.schedule import Schedule


@dataclass(frozen=True, slots=True)
class Item:
    """One row: a product photo or a storyboard panel. `file` and 1-based `line` say where it was asked."""

    id: str
    line: int
    file: str
    ask: Ask

    @property
    def title(self) -> str:
        """What people call it; may be empty."""
        return self.ask.title

    @property
    def tags(self) -> tuple[str, ...]:
        """Words to find it by."""
        return self.ask.tags

    @property
    def meta(self) -> Mapping[str, str | bool | int | float | None]:
        """Everything else the row said, echoed in every result."""
        return self.ask.meta


@dataclass(frozen=True, slots=True)
class Shot:
    """One clip to make. `key` is unique in the manifest: the item's id, and `#` with the variant where there is one."""

    key: str
    item_id: str
    variant: str
    line: int
    ask: Ask


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that cannot be made, with everything that is wrong with it.

    `key` is unique among those of the shots: the row's id, with its line where another row has that id too, or only
    its line (`line 12`) where it has none; `item_id` is the id, or the same. `ask` is what it asked for, where that
    much could be read; its paths are as written.
    """

    key: str
    item_id: str
    line: int
    file: str
    problems: tuple[Problem, ...]
    ask: Ask | None = None


@dataclass(frozen=True)
class Manifest:
    """What people asked for, complete and checked: paths absolute, ids and output names unique.

    `refused` are the rows that are left out, `scenes` what rows are cut together into. `sha256` is the digest of the
    canonical JSON of `resolved()`; it does not change when the folder moves. `schedule` and `review` say when, and what
    people look at, not what is made: they are no part of that.
    """

    version: int
    kind: str
    name: str
    file: Path
    out_folder: Path
    out_template: str
    roots: tuple[Path, ...]
    items: tuple[Item, ...]
    shots: tuple[Shot, ...]
    refused: tuple[Refused, ...] = ()
    scenes: Mapping[str, Scene] = field(default_factory=dict[str, Scene])
    schedule: Schedule | None = None
    review: str = "all"
    sha256: str = ""

    def resolved(self) -> dict[str, Any]:
        """JSON-able: the head, and per item its whole ask and its shots (with an ask of their own where varied).

        Paths inside the manifest's folder are relative to it, others absolute. Where the manifest lies, and on which
        line something was asked, is not part of it.
        """
        return {**self._head(), "items": list(self._items())}

    def digest(self) -> str:
        """SHA-256 of the canonical JSON of `resolved()`, made item by item so that memory stays flat."""
        sha = hashlib.sha256(b'{"items":[')
        for index, item in enumerate(self._items()):
            sha.update((("," if index else "") + _canonical(item)).encode())
        # "items" sorts before every other key of the head, so the rest of the object follows it.
        sha.update(("]," + _canonical(self._head())[1:]).encode())
        return sha.hexdigest()

    def output(self, shot: Shot, preset_name: str) -> str:
        """The path, below `out_folder`, of one delivery: portable names with `/` between folders."""
        ask = shot.ask
        fields = {
            "id": shot.item_id,
            "variant": shot.variant.replace("=", "-").replace(",", "_"),
            "preset": preset_name,
            "title": ask.title,
            "shot": ask.shot,
            "panel": ask.panel,
            **{f"meta.{name}": "" if value is None else str(value) for name, value in ask.meta.items()},
        }
        return output_name(self.out_template, fields, preset(preset_name).container)

    def scene_of(self, ask: Ask) -> str:
        """The name of the scene a row is cut into; "" where it is in none."""
        return ask.scene or (next(iter(self.scenes)) if self.kind == "storyboard" and len(self.scenes) == 1 else "")

    def head(self) -> dict[str, Any]:
        """`resolved()` without its items, and how many there are: what a run keeps beside its shots."""
        return self._head() | {"items": len(self.items), "shots": len(self.shots), "review": self.review}

    def _head(self) -> dict[str, Any]:
        refused = [{"key": row.key, "codes": [problem.code for problem in row.problems]} for row in self.refused]
        scenes = {name: self._scene(scene) for name, scene in self.scenes.items()}
        return (
            ({"refused": refused} if refused else {})
            | ({"scenes": scenes} if scenes else {})
            | {
                "kind": self.kind,
                "name": self.name,
                "out": {"folder": self._told(str(self.out_folder)), "template": self.out_template},
                "version": self.version,
            }
        )

    def _items(self) -> Iterator[dict[str, Any]]:
        shots: dict[str, list[Shot]] = {}
        for shot in self.shots:
            shots.setdefault(shot.item_id, []).append(shot)
        for item in self.items:
            told = [
                {"key": shot.key, "variant": shot.variant} | ({"ask": self._ask(shot.ask)} if shot.variant else {})
                for shot in shots[item.id]
            ]
            yield {"id": item.id, "ask": self._ask(item.ask), "shots": told}

    def _ask(self, ask: Ask) -> dict[str, Any]:
        dumped = ask.model_dump(mode="json")
        self._pictured(dumped["source"])
        if ask.svd.last:
            self._pictured(dumped["svd"]["until"])
        return self._sounding(dumped)

    def _pictured(self, source: dict[str, Any]) -> None:
        for name in ("path", "mask"):
            if source[name] is not None:
                source[name] = self._told(source[name])

    def _scene(self, scene: Scene) -> dict[str, Any]:
        return self._sounding(scene.model_dump(mode="json"))

    def _sounding(self, dumped: dict[str, Any]) -> dict[str, Any]:
        sound = dumped["sound"]
        if sound["path"] is not None:
            sound["path"] = self._told(sound["path"])
        return dumped

    def _told(self, path: str) -> str:
        """Relative to the manifest's folder where it lies inside; as text, because this runs for every row."""
        return path.removeprefix(f"{self.file.parent}/")


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
