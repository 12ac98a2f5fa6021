"""What lies beside a scene's file: a storyboard that shows what the scene was cut from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from catalog.queries import deliveries_of, shots_of
from tasks.out_folder import write_out_folder
from tasks.storyboard_pdf import PanelCell
from tests.tasks.scene.cutting import plan, rows
from tests.tasks.scene.storyroom import board, run
from tests.workroom import Workroom


def test_the_storyboard_shows_clips_that_another_run_has_superseded(
    room: Workroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = board(room, {}, {})
    first = run(room, manifest)
    clips = {row.item: row.delivery for row in first.rows}
    room.picture("p1.png", seed=99)
    run(room, manifest)

    drawn: list[PanelCell] = []

    def draw(path: Path, *, panels: Sequence[PanelCell], **_: Any) -> None:
        drawn.extend(panels)

    monkeypatch.setattr("tasks.storyboard_pdf.write_storyboard_pdf", draw)
    with room.tools() as tools:
        shots, served = shots_of(tools.catalog, first.run_id), deliveries_of(tools.catalog, run_id=first.run_id)
        write_out_folder(tools.catalog, room.folder / "again", shots, served)
    assert [(cell.missing, cell.picture) for cell in drawn] == [
        ("", clips["r0"].poster_path),
        ("", clips["r1"].poster_path),
    ]


def test_a_tuned_preset_is_no_other_scene_and_another_effort_is() -> None:
    made = plan(rows(1, 2), rate=24, preset="web_1080p")
    delivery = made.delivery

    def asked(**changes: Any) -> str:
        encode = delivery.encode.model_copy(update=changes)
        file = made.renditions[0].model_copy(update={"deliveries": (delivery.model_copy(update={"encode": encode}),)})
        return made.model_copy(update={"renditions": (file,)}).asked({})

    assert asked(crf=delivery.encode.crf + 3) == made.asked({})
    assert asked(speed="another") != made.asked({})
