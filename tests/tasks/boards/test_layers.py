"""Layers over each other: the application's order, opacity, old projects, and what is missing."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from flows.import_boards import import_boards
from tasks.boards.board import BoardScene
from tasks.boards.fields import Told
from tasks.boards.layers import drawn
from tasks.boards.storyboarder import read_scene
from tests.tasks.boards.drawing import SIZE, board, layer, scene

REAL = Path(__file__).parents[4] / "shared/data/storyboard/Scene-2-INT-A-PLACE-DAY-2-50YWC"
COLORS: dict[str, tuple[int, int, int, int]] = {
    "shot-generator": (255, 0, 0, 255),
    "reference": (0, 255, 0, 255),
    "fill": (0, 0, 255, 128),
    "tone": (90, 90, 90, 64),
    "pencil": (20, 30, 40, 200),
    "ink": (0, 0, 0, 100),
    "notes": (255, 0, 255, 255),
}
STACK = tuple(COLORS)


def every_layer(folder: Path, opacity: dict[str, Any]) -> dict[str, Any]:
    """A board of all seven layers: each begins 8 px further right and covers all to the right edge."""
    layers: dict[str, Any] = {}
    for n, (name, color) in enumerate(COLORS.items()):
        url = f"board-1-AAAAA-{name}.png"
        layer(folder / "images" / url, color, (8 * n + 8, 0, SIZE[0], SIZE[1]))
        layers[name] = {"url": url} | ({"opacity": opacity[name]} if name in opacity else {})
    # Written top first: the order in the file must not matter.
    return board(1, "AAAAA", layers=dict(reversed(layers.items())))


def read(file: Path) -> BoardScene:
    told = Told()
    found = read_scene(file, "", told, set())
    told.refuse()
    return found


def pixels(found: BoardScene, *, notes: bool = False) -> tuple[np.ndarray, tuple[str, ...]]:
    made, warnings = drawn(found.boards[0], found.aspect, notes=notes)
    assert made is not None, warnings
    return np.asarray(Image.open(io.BytesIO(made.data)).convert("RGB")), warnings


def expected(names: list[str], opacity: dict[str, float]) -> list[int]:
    """The colour where all of `names` cover each other, by hand."""
    under = [255.0, 255.0, 255.0]
    for name in names:
        *rgb, alpha = COLORS[name]
        cover = alpha / 255 * opacity.get(name, 1.0)
        under = [low + (high - low) * cover for low, high in zip(under, rgb, strict=True)]
    return [round(value) for value in under]


@pytest.mark.parametrize("notes", [False, True])
def test_every_step_of_the_stack_has_the_colour_of_the_layers_below_it(tmp_path: Path, notes: bool) -> None:
    asked: dict[str, Any] = {"shot-generator": 0.5, "reference": "0.75", "ink": 0.4}
    opacity = {name: float(value) for name, value in asked.items()}
    picture, warnings = pixels(read(scene(tmp_path / "p", [every_layer(tmp_path / "p", asked)])), notes=notes)
    shown = STACK if notes else STACK[:-1]
    for n in range(len(STACK) + 1):
        column = picture[:, 8 * n : 8 * n + 8].reshape(-1, 3)
        want = expected([name for name in STACK[:n] if name in shown], opacity)
        assert (column == want).all(), f"step {n}: {np.unique(column, axis=0)} instead of {want}"
    assert not warnings


def test_a_missing_layer_is_told_and_the_rest_is_drawn(tmp_path: Path) -> None:
    file = scene(tmp_path / "p", [every_layer(tmp_path / "p", {})])
    (tmp_path / "p/images/board-1-AAAAA-fill.png").unlink()
    picture, warnings = pixels(read(file))
    names = [name for name in STACK[:-1] if name != "fill"]
    assert picture[30, -1].tolist() == expected(names, {"shot-generator": 0.75, "reference": 0.75})
    assert [warning for warning in warnings if "fill" in warning and "is not there" in warning]


def test_opacity_the_slider_says_holds_for_the_layer_that_says_none(tmp_path: Path) -> None:
    opacity = {"shot-generator": 0.25, "reference": 0.25}
    picture, _ = pixels(read(scene(tmp_path / "p", [every_layer(tmp_path / "p", {"shot-generator": 0.25})])))
    assert picture[30, -1].tolist() == expected(list(STACK[:-1]), opacity)


def test_an_old_project_has_its_drawing_in_url_between_reference_and_notes(tmp_path: Path) -> None:
    images = tmp_path / "old/images"
    layer(images / "board-0-P2FLS.png", (0, 0, 0, 128), (0, 0, 48, 54))
    layer(images / "board-0-P2FLS-reference.png", (0, 255, 0, 255), (0, 0, 96, 54))
    layer(images / "board-0-P2FLS-notes.png", (255, 0, 0, 255), (24, 0, 96, 54))
    old = board(1, "P2FLS", url="board-0-P2FLS.png")
    old["layers"] = {
        "reference": {"url": "board-0-P2FLS-reference.png"},
        "notes": {"url": "board-0-P2FLS-notes.png"},
    }
    file = scene(tmp_path / "old", [old], version="0.8.0", aspectRatio="1.777", defaultBoardTiming="2001")
    found = read(file)
    assert found.boards[0].milliseconds == 2001
    picture, warnings = pixels(found)
    # Green at three quarters, as the application shows a reference that says no opacity; black at half over that.
    assert picture[0, -1].tolist() == [64, 255, 64] and picture[0, 0].tolist() == [32, 127, 32], picture[0, ::95]
    assert not warnings
    picture, _ = pixels(found, notes=True)
    assert picture[0, 0].tolist() == [32, 127, 32] and picture[0, 30].tolist() == [255, 0, 0]


def test_layers_that_name_no_file_and_a_project_without_layers(tmp_path: Path) -> None:
    layer(tmp_path / "p/images/board-1-A-ink.png", (0, 0, 0, 255), (0, 0, 96, 54))
    picture, _ = pixels(read(scene(tmp_path / "p", [board(1, "A", layers={"ink": {}})])))
    assert not picture.any()
    layer(tmp_path / "q/images/board-1-A.png", (9, 9, 9, 255), (0, 0, 96, 54))
    found = read(scene(tmp_path / "q", [{"url": "board-1-A.png"}]))
    assert pixels(found)[0].tolist()[0][0] == [9, 9, 9]
    assert (found.boards[0].uid, found.boards[0].panel) == ("board-1-A", "1")


def test_layers_of_other_sizes_are_stretched_to_the_projects_shape(tmp_path: Path) -> None:
    images = tmp_path / "p/images"
    layer(images / "a.png", (0, 0, 0, 255), (0, 0, 50, 100), size=(100, 100))
    layer(images / "b.png", (255, 0, 0, 255), (20, 0, 40, 40), size=(40, 40))
    layers = {"fill": {"url": "a.png"}, "ink": {"url": "b.png"}}
    picture, _ = pixels(read(scene(tmp_path / "p", [board(1, "A", layers=layers)], aspectRatio="2")))
    assert picture.shape == (100, 200, 3)
    assert picture[50, 50].tolist() == [0, 0, 0] and picture[50, 190].tolist() == [255, 0, 0]


def test_a_picture_that_is_none_is_told(tmp_path: Path) -> None:
    file = scene(tmp_path / "p", [board(1, "A"), board(2, "B")])
    (tmp_path / "p/images/board-1-A-pencil.png").write_bytes(b"%!PS-Adobe hello")
    (tmp_path / "p/images/board-2-B-pencil.png").unlink()
    found = read(file)
    for one, word in zip(found.boards, ("EPS", "is not there"), strict=True):
        made, warnings = drawn(one, None, notes=False)
        assert made is None and word in warnings[0] and "no readable picture" in warnings[1]


def test_a_layer_that_unpacks_to_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    file = scene(tmp_path / "p", [board(1, "A")])
    Image.new("1", (9000, 9000)).save(tmp_path / "p/images/board-1-A-pencil.png")
    made, warnings = drawn(read(file).boards[0], None, notes=False)
    assert made is None and "IMAGE_TOO_LARGE" in warnings[0]


@pytest.mark.skipif(not REAL.is_dir(), reason=f"the real scene is not at {REAL}")
def test_a_real_scene_looks_as_the_application_shows_it(tmp_path: Path) -> None:
    imported = import_boards(REAL, tmp_path / "out")
    figures: dict[str, float] = {}
    for path in sorted((tmp_path / "out/boards").glob("*.png")):
        shown = Image.open(next((REAL / "images").glob(f"*-{path.stem}-posterframe.jpg"))).convert("RGB")
        ours = Image.open(path).convert("RGB").resize(shown.size, Image.Resampling.LANCZOS)
        error = np.mean((np.asarray(ours, np.float64) - np.asarray(shown, np.float64)) ** 2)
        figures[path.stem] = 10 * math.log10(255**2 / error)
    assert len(figures) == 3 and min(figures.values()) >= 45, figures
    assert not imported.warnings
    text = imported.manifest.read_text()
    assert "seconds: 1.3" in text and "PERSON B: Привет!" in text and "motion" not in text
