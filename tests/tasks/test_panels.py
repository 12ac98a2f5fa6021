"""Storyboard panels are shown as they were drawn: nothing on them is a product to be moved or enlarged."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tests.tasks.scene.storyroom import run
from tests.workroom import Workroom, decoded

PAPER = (252, 250, 246)


def drawing(mode: str) -> Image.Image:
    """A small figure far from the middle of a wide sheet; see-through around it in `RGBA`."""
    sheet = Image.new(mode, (1280, 720), (0, 0, 0, 0) if mode == "RGBA" else PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.ellipse((180, 380, 330, 530), fill=(40, 42, 48), outline=(10, 10, 12), width=4)
    draw.rectangle((210, 530, 300, 650), fill=(120, 60, 40))
    return sheet


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_small_figure_on_plain_paper_stays_where_it_was_drawn(room: Workroom, mode: str) -> None:
    sheet = drawing(mode)
    sheet.save(room.folder / "panel.png")
    ended = run(room, room.manifest([{"id": "p", "source": "panel.png"}], kind="storyboard"))
    assert ended.status.run.state == "done", ended.status.failures
    white = Image.new("RGB", sheet.size, "white")
    white.paste(sheet, mask=sheet.getchannel("A") if mode == "RGBA" else None)
    drawn = np.asarray(white.resize((320, 180), Image.Resampling.BOX), float)
    for frame in decoded(ended.rows[0].delivery.path)[[0, -1]]:
        error = float(((frame.astype(float) - drawn) ** 2).mean())
        assert 10 * np.log10(255**2 / error) > 30, f"{error:.1f} mean squared error"
