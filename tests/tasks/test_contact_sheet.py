"""The contact sheet shows the first, the middle and the last frame of every clip."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from tasks.contact_sheet import CELL, GAP, MARGIN, MOST_ROWS, Entry, contact_sheets, ends, frames_at

FRAMES = 9


def written(path: Path, frames: list[np.ndarray]) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = frames[0].shape[1], frames[0].shape[0], "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine frames from red to blue."""
    frames = [np.full((90, 160, 3), (255 - 30 * n, 0, 30 * n), np.uint8) for n in range(FRAMES)]
    return written(tmp_path_factory.mktemp("clips") / "clip.mp4", frames)


def test_frames_are_those_asked_for_in_their_own_shape(clip: Path) -> None:
    first, middle, last = frames_at(clip, (0.0, 0.5, 1.0), 45)
    assert [frame.size for frame in (first, middle, last)] == [(80, 45)] * 3
    reds = [int(np.asarray(frame)[20, 40, 0]) for frame in (first, middle, last)]
    assert reds == pytest.approx([255, 135, 15], abs=6), reds


def test_beside_a_poster_stand_the_first_and_about_the_last_frame(clip: Path, tmp_path: Path) -> None:
    first, last = (np.asarray(frame, float) for frame in ends(clip, 45))
    exact = [np.asarray(frame, float) for frame in frames_at(clip, (0.0, 1.0), 45)]
    assert np.abs(first - exact[0]).mean() < 1 and np.abs(last - exact[1]).mean() < 10
    poster = tmp_path / "poster.jpg"
    Image.new("RGB", (160, 90), "red").save(poster)
    (path,) = contact_sheets([Entry(clip, "played", "", poster)], tmp_path, "played")
    (unplayed,) = contact_sheets([Entry(clip, "not", "", poster, played=False)], tmp_path, "unplayed")
    wide = round(160 * CELL / 90) + GAP // 2
    for sheet, left in ((path, MARGIN + wide), (unplayed, MARGIN)):
        with Image.open(sheet) as opened:
            shown = np.asarray(opened.convert("RGB"))[MARGIN + 9 : MARGIN + CELL - 9, left + 9 : left + wide - 9]
        assert np.abs(shown.astype(int) - (255, 0, 0)).mean() < 12, sheet


def test_a_sheet_shows_three_frames_of_every_clip(clip: Path, tmp_path: Path) -> None:
    (path,) = contact_sheets([Entry(clip, f"clip {n}", "160x90") for n in range(3)], tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["contact-sheet.jpg"]
    with Image.open(path) as picture:
        sheet = np.asarray(picture.convert("RGB")).astype(int)
    row = sheet[24 + CELL // 2]
    red, blue = (row[:, 0] - row[:, 2]) > 180, (row[:, 2] - row[:, 0]) > 180
    strips = [np.flatnonzero(np.diff(one.astype(int)) == 1).size for one in (red, blue)]
    assert strips[0] == strips[1] >= 1, "each strip begins red and ends blue"
    saturated = (sheet.max(2) - sheet.min(2) > 100).sum() / (CELL * round(CELL * 16 / 9))
    assert saturated == pytest.approx(9, rel=0.05), f"{saturated:.2f} frames' worth of colour, wanted 9"


def test_a_long_run_gets_several_sheets(clip: Path, tmp_path: Path) -> None:
    sheets = contact_sheets([Entry(clip, str(n), "") for n in range(MOST_ROWS + 1)], tmp_path)
    assert [sheet.name for sheet in sheets] == ["contact-sheet.jpg", "contact-sheet-2.jpg"]
    heights = []
    for sheet in sheets:
        with Image.open(sheet) as picture:
            heights.append(picture.height)
    assert heights[0] > heights[1]


def test_a_clip_of_one_frame_and_a_very_long_title(tmp_path: Path) -> None:
    path = written(tmp_path / "one.mp4", [np.full((90, 160, 3), 90, np.uint8)])
    assert len(frames_at(path, (0.0, 0.5, 1.0), 45)) == 3
    contact_sheets([Entry(path, "word " * 500, "x" * 500)], tmp_path)
