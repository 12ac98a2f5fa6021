"""Importing again: what was redrawn, added, moved and taken out of a project comes into its manifest."""

from __future__ import annotations

import shutil
from pathlib import Path

from flows.import_boards import import_boards
from manifests.loader import load
from tests.tasks.boards.drawing import board, layer, scene, sound
from tests.tasks.boards.imported import Work


def test_nothing_new_changes_no_byte(work: Work) -> None:
    sound(work.project / "images/s.wav")
    work.draw(board(1, "A", audio={"filename": "s.wav"}), board(2, "B", notes="pan left, slow"))
    work.first()
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in work.out.rglob("*.[pyw]*")}
    report = work.again()
    assert not any((report.added, report.redrawn, report.moved, report.removed, report.changed, report.kept))
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in work.out.rglob("*.[pyw]*")} == before


def test_a_redrawn_board_is_told_and_its_picture_replaced(work: Work) -> None:
    work.draw(board(1, "A"), board(2, "B"))
    work.first()
    old = (work.out / "boards/B.png").read_bytes()
    layer(work.project / "images/board-2-B-pencil.png", (200, 0, 0, 255), (0, 0, 20, 20))
    report = work.again()
    assert report.redrawn == ("SQ010_SH0020 (board B)",) and (work.out / "boards/B.png").read_bytes() != old
    assert not report.changed and not work.again().redrawn


def test_boards_added_take_numbers_between_their_neighbours(work: Work) -> None:
    work.draw(board(1, "A"), board(2, "B"), board(3, "C"))
    work.first()
    work.draw(board(1, "A"), board(2, "N1"), board(3, "B"), board(4, "C"), board(5, "N2"))
    report = work.again()
    assert work.shots == ["0010", "0015", "0020", "0030", "0040"]
    assert report.added == ("SQ010_SH0015 (board N1)", "SQ010_SH0040 (board N2)")
    order = ["A", *(f"M{n}" for n in range(8)), "N1", "B", "C", "N2"]
    work.draw(board(1, "first"), *(board(n, uid) for n, uid in enumerate(order, 2)))
    work.again()
    assert work.shots == [
        "0005", "0010", "0012", "0013", "0014", "0014A", "0014B", "0014C", "0014D", "0014E",
        "0015", "0020", "0030", "0040",
    ]  # fmt: skip
    assert len(load(work.manifest, strict=True).items) == 14


def test_removed_rows_are_told_by_name_and_their_pictures_stay(work: Work) -> None:
    work.draw(board(1, "A"), board(2, "B"), board(3, "C"))
    work.first()
    work.draw(board(1, "A"), board(3, "C"))
    report = work.again()
    assert work.shots == ["0010", "0030"] and report.removed == ("SQ010_SH0020 (board B)",)
    assert (work.out / "boards/B.png").exists()
    # The number is not given to another, and comes back with its board.
    work.draw(board(1, "A"), board(2, "X"), board(3, "C"))
    work.again()
    assert work.shots == ["0010", "0019", "0030"]
    work.draw(board(1, "A"), board(2, "B"), board(3, "X"), board(4, "C"))
    work.again()
    assert "0020" in work.shots and len(set(work.shots)) == 4


def test_a_new_scene_of_a_script_gets_the_next_sequence(tmp_path: Path) -> None:
    home = tmp_path / "film/storyboards"
    scene(home / "Scene-1-INT-A-1-AAAAA", [board(1, "A")])
    scene(home / "Scene-2-INT-B-2-BBBBB", [board(1, "B")])
    (tmp_path / "film/film.fountain").write_text("INT. A #1-AAAAA#\n\nINT. B #2-BBBBB#\n")
    out = tmp_path / "out"
    import_boards(tmp_path / "film", out)
    manifest = out / "storyboard.yaml"
    text = manifest.read_text().replace("    title: INT. B\n", "    title: The B  # better\n    leader: 0\n")
    manifest.write_text(text)
    scene(home / "Scene-2-INT-C-2-CCCCC", [board(1, "C"), board(2, "C2")])
    (tmp_path / "film/film.fountain").write_text("INT. A2 #1-AAAAA#\n\nINT. C #2-CCCCC#\n\nINT. B2 #3-BBBBB#\n")
    report = import_boards(tmp_path / "film", out, update=True)
    loaded = load(manifest, strict=True)
    assert [item.id for item in loaded.items] == ["SQ010_SH0010", "SQ030_SH0010", "SQ030_SH0020", "SQ020_SH0010"]
    assert (
        "    title: The B  # better\n    leader: 0\n" in manifest.read_text()
        and "title: INT. A2" in manifest.read_text()
    )
    assert report.kept == ("scene int-b: title was edited here and stays; the project says INT. B2",)
    shutil.rmtree(home / "Scene-2-INT-B-2-BBBBB")
    report = import_boards(tmp_path / "film", out, update=True)
    assert report.removed == ("SQ020_SH0010 (board B)", "scene int-b") and "int-b" not in manifest.read_text()
    assert len(load(manifest, strict=True).items) == 3
