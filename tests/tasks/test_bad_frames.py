"""Black and frozen frames are never published, whichever stage they come from; the shot beside them is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from models.clip import Frame
from tests.workroom import Workroom, index_of

Spoil = Callable[[Iterator[Frame]], Iterator[Frame]]


def black(frames: Iterator[Frame]) -> Iterator[Frame]:
    """Every frame, without its picture."""
    return (np.zeros_like(frame) for frame in frames)


def frozen(frames: Iterator[Frame]) -> Iterator[Frame]:
    """The first frame, again and again."""
    first = next(frames)
    yield first
    for _ in frames:
        yield first


class Spoiled:
    """In place of a stage's maker: its result for the first clip is spoiled, all others are as they are."""

    def __init__(self, maker: Any, spoil: Callable[[Any], Any]) -> None:
        self._maker, self._spoil, self._calls = maker, spoil, 0

    def __call__(self, *given: Any, **named: Any) -> Any:
        self._calls += 1
        made = self._maker(*given, **named)
        return self._spoil(made) if self._calls == 1 else made


def blackened(files: dict[str, Path]) -> dict[str, Path]:
    """A prepared still without its picture."""
    for path in files.values():
        if path.suffix == ".png":
            with Image.open(path) as image:
                black = Image.new(image.mode, image.size)
            black.save(path)
    return files


def between(spoil: Spoil) -> Callable[[Any], Any]:
    """For `interpolated`, which gives a clip's header, its frames, and what ran."""
    return lambda made: (made[0], spoil(made[1]), made[2])


STORED = {"render": {"rate": 10}}
ENLARGED = {"render": {"height": 160}}
STAGES: dict[str, tuple[str, dict[str, Any], Callable[[Any], Any]]] = {
    "prepare, black": ("tasks.prepare.prepare", {}, blackened),
    "animate, black": ("tasks.encode_pass.animate", {}, black),
    "animate, frozen": ("tasks.encode_pass.animate", {}, frozen),
    "the stored master, black": ("tasks.generate.animate", STORED, black),
    "the stored master, frozen": ("tasks.generate.animate", STORED, frozen),
    "interpolate, black": ("tasks.encode_pass.interpolated", STORED, between(black)),
    "interpolate, frozen": ("tasks.encode_pass.interpolated", STORED, between(frozen)),
    "upscale, black": ("tasks.upscale._enlarged", ENLARGED, black),
    "upscale, frozen": ("tasks.upscale._enlarged", ENLARGED, frozen),
}


@pytest.mark.promise("NaN, black, frozen frames are never published")
@pytest.mark.parametrize("stage", STAGES)
def test_bad_frames_of_any_stage_are_never_published(
    room: Workroom, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    where, more, spoil = STAGES[stage]
    module, _, name = where.rpartition(".")
    target = import_module(module)
    monkeypatch.setattr("tasks.encode_pass.can_be_planes", lambda recipe: False)  # frames as RGB, whatever the move
    monkeypatch.setattr(target, name, Spoiled(getattr(target, name), spoil))
    rows: list[dict[str, Any]] = []
    for number, key in enumerate(("bad", "good")):
        room.picture(f"{key}.png", number)
        rows.append({"id": key, "source": f"{key}.png", "upscale": {"still": False}, **deepcopy(more)})
    ended = room.run(room.manifest(rows))
    assert {shot["id"]: shot["state"] for shot in index_of(room.folder / "out")} == {"bad": "failed", "good": "done"}
    assert [row.item for row in ended.rows] == ["good"]
    assert [path.name for path in (room.folder / "out").glob("bad*")] == []
    (refused,) = room.executions(stage="encode", state="failed")
    assert refused.evidence, "what was measured is kept"
    assert len(room.stored("delivery")) == 1
