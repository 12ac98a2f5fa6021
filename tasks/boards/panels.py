"""Boards made ready for a manifest: their pictures and sounds in place, their rows' values read."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from manifests.names import portable
from tasks.boards.board import Board, Project
from tasks.boards.media import Shelf
from tasks.boards.numbering import next_sequence
from tasks.boards.record import BoardRecord, PictureRecord, Record, SceneRecord
from tasks.boards.row import FROM_NOTES, fields_of


@dataclass(frozen=True)
class Panel:
    """A board with all that its row says; `comment` stands behind its motion, "" where there is none."""

    board: Board
    scene_key: str
    scene: SceneRecord
    values: dict[str, Any]
    comment: str
    picture: PictureRecord
    sound: str

    @property
    def key(self) -> str:
        """What tells the board from all others, now and at the next import."""
        return self.board.key

    def record(self, name: str) -> BoardRecord:
        """What is remembered of it, with `name` as its row's id."""
        time = self.board.time
        return BoardRecord(
            id=name,
            scene=self.scene_key,
            values=self.values,
            picture=self.picture,
            sound=self.sound,
            new_shot=self.board.new_shot,
            time=None if time is None else float(time),
        )


def scene_records(project: Project, before: Record) -> dict[str, SceneRecord]:
    """Each scene's name and sequence: those it was given first, or new ones that no other scene has."""
    scenes: dict[str, SceneRecord] = {}
    slugs = {scene.slug for scene in before.scenes.values()}
    sequences = {scene.sequence for scene in before.scenes.values()}
    for scene in project.scenes:
        known = before.scenes.get(scene.key)
        slug = known.slug if known else _slug(scene.title or scene.key, slugs)
        sequence = known.sequence if known else next_sequence(sequences)
        slugs.add(slug)
        sequences.add(sequence)
        scenes[scene.key] = SceneRecord(slug, sequence, scene.title[:200], scene.rate)
    return scenes


def make_panels(
    project: Project, scenes: dict[str, SceneRecord], shelf: Shelf, *, notes: bool, progress: Callable[[int, int], None]
) -> list[Panel]:
    """All boards in their order, each with its picture and sound put on `shelf`; what is odd is told there."""
    total = sum(len(scene.boards) for scene in project.scenes)
    panels: list[Panel] = []
    progress(0, total)
    for scene in project.scenes:
        record = scenes[scene.key]
        for board in scene.boards:
            picture = shelf.picture(board, scene.aspect, notes=notes)
            sound = shelf.sound(board)
            values, camera, warnings = fields_of(board, record.slug, picture.name, sound)
            shelf.warnings.extend(warnings)
            comment = camera.comment() if camera else ""
            assert not comment or comment.startswith(FROM_NOTES)
            panels.append(Panel(board, scene.key, record, values, comment, picture, sound))
            progress(len(panels), total)
    return panels


def _slug(title: str, taken: set[str]) -> str:
    """A scene's name in the manifest: `INT. A PLACE - DAY` -> `int-a-place-day`."""
    name = portable(re.sub(r"[\W_]+", "-", title.lower()).strip("-") or "scene", 60).lower().replace(".", "-")
    if not name[0].isalpha() or name in ("null", "true", "false", "yes", "no", "on", "off", "y", "n", "inf", "nan"):
        name = f"scene-{name}"
    return next(slug for n in range(1, len(taken) + 3) if (slug := name if n == 1 else f"{name}-{n}") not in taken)
