"""Importing again: a redrawn project and a person's edits in one manifest, neither lost."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.import_boards import Imported, import_boards
from manifests.errors import ManifestError
from manifests.loader import load
from tests.tasks.boards.drawing import board, layer, scene, sound


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


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return Work(tmp_path)


def replaced(old: str, new: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        assert text.count(old) == 1, (old, text)
        return text.replace(old, new)

    return change


def test_an_import_makes_a_manifest_that_loads(work: Work) -> None:
    steps: list[tuple[int, int]] = []
    sound(work.project / "images/A-audio.wav")
    work.draw(
        board(
            1, "A", audio={"filename": "A-audio.wav"}, dialogue='KEEPER: "Not # tonight."', action="One.\n\nTwo: two."
        ),
        board(2, "12E5", notes="Slow push in on her hand", duration="1300", shot="010", action="yes"),
    )
    imported = work.first(progress=lambda done, total: steps.append((done, total)))
    manifest = load(imported.manifest, strict=True)
    one, two = (item.ask for item in manifest.items)
    assert work.ids == ["SQ010_SH0010", "SQ010_SH0020"] == list(imported.added)
    assert (one.dialogue, one.action) == ('KEEPER: "Not # tonight."', "One.\n\nTwo: two.")
    assert one.sound.path == (work.out / "boards/A-audio.wav").resolve() and one.seconds == 2
    assert (two.seconds, two.shot, two.panel, two.action, two.scene) == (1.3, "010", "2", "yes", "film")
    assert two.meta == {"board": "12E5"} and (two.motion.move, two.motion.amount) == ("push", 0.06)
    assert '# from the notes: "Slow push in on her hand"; not understood: "on her hand"' in work.text
    assert steps == [(0, 2), (1, 2), (2, 2)] and not imported.warnings
    assert not list(work.out.rglob("*.part"))


def test_a_manifest_that_is_there_is_not_touched(work: Work) -> None:
    work.draw(board(1, "A"))
    work.first()
    before = {path: path.read_bytes() for path in work.out.rglob("*") if path.is_file()}
    work.draw(board(1, "A"), board(2, "B"), ink=90)
    with pytest.raises(ManifestError) as caught:
        work.first()
    assert caught.value.problems[0].code == "MANIFEST_EXISTS" and "--update" in str(caught.value)
    assert {path: path.read_bytes() for path in work.out.rglob("*") if path.is_file()} == before


def test_an_update_needs_a_manifest_and_a_refused_project_writes_nothing(work: Work) -> None:
    work.draw(board(1, "A"))
    with pytest.raises(ManifestError) as caught:
        work.again()
    assert caught.value.problems[0].code == "MANIFEST_MISSING"
    work.draw(board(1, "A", url="../../x.png"))
    with pytest.raises(ManifestError):
        work.first()
    assert not work.out.exists()


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


def test_a_picture_that_was_painted_over_stays_and_is_told(work: Work) -> None:
    work.draw(board(1, "A"))
    work.first()
    picture = work.out / "boards/A.png"
    layer(picture, (1, 2, 3, 255), (0, 0, 9, 9))
    painted = picture.read_bytes()
    work.draw(board(1, "A"), ink=80)
    report = work.again()
    assert picture.read_bytes() == painted and not report.redrawn
    assert "boards/A.png was changed by hand" in report.kept[0] and "redrawn too" in report.kept[0]
    picture.unlink()
    assert work.again().redrawn == ("SQ010_SH0010 (board A)",) and picture.read_bytes() != painted


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


def test_moved_rows_keep_their_ids_and_their_comments(work: Work) -> None:
    work.draw(*(board(n, uid) for n, uid in enumerate("ABCD", 1)))
    work.first()
    work.edit(replaced("  - id: SQ010_SH0040\n", "  # the hero shot\n  - id: SQ010_SH0040   # last\n"))
    work.draw(*(board(n, uid) for n, uid in enumerate("DABC", 1)))
    report = work.again()
    assert work.shots == ["0040", "0010", "0020", "0030"]
    assert report.moved == ("SQ010_SH0040 (board D)",)
    assert "rows:\n  # the hero shot\n  - id: SQ010_SH0040   # last\n" in work.text
    assert work.text.count("\n\n  - id") == 3
    # The panels' numbers went along, and were taken over.
    assert 'panel: "1"' in work.text.split("- id")[1]


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


def test_edits_by_hand_stay_with_every_comment_and_blank(work: Work) -> None:
    work.draw(
        board(1, "A", dialogue="Old.", notes="dark"), board(2, "B", action="Runs."), board(3, "C", dialogue="Three.")
    )
    work.first()
    edited = work.edit(
        lambda text: (
            text.replace("name: film", "name:   'Our film'   # working title")
            .replace("dialogue: Old.", "dialogue: 'Mine.'     # asked for by Ann")
            .replace(
                "    action: Runs.\n", "    # slower\n    action:   Runs.\n    title: Hello\n    tags: [a,\n      b]\n"
            )
            .replace("  - id: SQ010_SH0030", "\n  # ---- act two ----\n\n  - id: SQ010_SH0030")
            + "\n# the end\n"
        )
    )
    assert work.again().kept == () and work.text == edited
    work.draw(
        board(1, "A", dialogue="New.", notes="dark"), board(2, "B", action="Walks."), board(3, "C", dialogue="Three.")
    )
    report = work.again()
    assert report.kept == ("SQ010_SH0010: dialogue was edited here and stays; the project says New.",)
    assert report.changed == ("SQ010_SH0020: action",)
    assert work.text == edited.replace("action:   Runs.", "action: Walks.")
    assert work.again().kept == () and work.text == edited.replace("action:   Runs.", "action: Walks.")


def test_rows_of_ones_own_and_rows_taken_out_stay_so(work: Work) -> None:
    work.draw(board(1, "A"), board(2, "B"), board(3, "C"))
    work.first()
    own = "\n  - id: mine\n    source: A.png\n    motion: {move: push}   # a second look\n    scene: film\n"
    work.edit(lambda text: re.sub(r"\n  - id: SQ010_SH0020(\n    .*)+\n", own, text))
    work.draw(board(1, "C"), board(2, "A"), board(3, "B"))
    report = work.again()
    assert work.ids == ["SQ010_SH0030", "SQ010_SH0010", "mine"]
    assert "board 3 (B): its row SQ010_SH0020 was taken out here and stays out" in report.kept
    assert "# a second look" in work.text


def test_an_order_of_ones_own_stays(work: Work) -> None:
    work.draw(board(1, "A"), board(2, "B"), board(3, "C"))
    work.first()

    def swapped(text: str) -> str:
        head, a, b, c = re.split(r"(?=  - id)", text)
        return head + b + a + c

    work.edit(swapped)
    assert not work.again().kept and work.shots == ["0020", "0010", "0030"]
    work.draw(board(1, "C"), board(2, "A"), board(3, "B"), board(4, "D"))
    report = work.again()
    assert work.shots == ["0020", "0040", "0010", "0030"]
    assert any("the order of rows was changed here and in the project" in text for text in report.kept)


def test_camera_words_come_go_and_give_way_to_the_persons(work: Work) -> None:
    work.draw(
        board(1, "A", notes="push in"), board(2, "B", notes="pan left"), board(3, "C"), board(4, "D", notes="tilt up")
    )
    work.first()
    work.edit(replaced("motion: {move: pan, direction: left}", "motion: {move: pan, direction: right}"))
    work.draw(
        board(1, "A", notes="pull back, slow"),
        board(2, "B", notes="tilt down"),
        board(3, "C", notes="slow pan left over the sea"),
        board(4, "D", notes="dark"),
    )
    report = work.again()
    rows = work.text.split("- id")[1:]
    assert '    motion: {move: pull, amount: 0.06}   # from the notes: "pull back, slow"\n' in rows[0]
    assert "motion: {move: pan, direction: right}" in rows[1] and "notes: tilt down" in rows[1]
    assert (
        '    motion: {move: pan, amount: 0.06, direction: left}   # from the notes: "slow pan left over the sea"'
        in rows[2]
    )
    assert rows[2].index("seconds:") < rows[2].index("motion:") < rows[2].index("meta:")
    assert "motion" not in rows[3]
    assert [text for text in report.kept if "motion" in text]


def test_rows_in_braces_and_windows_line_ends(work: Work) -> None:
    work.draw(board(1, "A", action="Runs."), board(2, "B"))
    work.first()
    rows = (
        "rows:\r\n"
        "- {id: SQ010_SH0010, source: A.png, scene: film, shot: 1A, panel: '1', seconds: 2, action: Runs.,"
        " meta: {board: A}} # mine\r\n"
        "- id: SQ010_SH0020\r\n  source: B.png\r\n  scene: film\r\n  shot: 2A\r\n  panel: '2'\r\n  seconds: 2.0\r\n"
        "  meta:\r\n    board: B\r\n"
    )
    head = work.text.partition("rows:\n")[0].replace("\n", "\r\n")
    work.manifest.write_bytes((head + rows).encode())
    work.draw(board(1, "A", action="Walks."), board(2, "B", action="Waits."), board(3, "C"))
    assert not work.again().kept
    text = work.manifest.read_bytes().decode()
    assert "action: Walks.," in text and "# mine" in text and "  seconds: 2.0\r\n  action: Waits.\r\n" in text
    assert "\n" not in text.replace("\r\n", "") and "\r\n- id: SQ010_SH0030\r\n" in text
    assert len(load(work.manifest, strict=True).items) == 3


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


def test_a_sound_that_is_missing_is_told_and_comes_later(work: Work) -> None:
    work.draw(board(1, "A", audio={"filename": "s.wav"}), board(2, "B", audio={"filename": "x.exe"}))
    report = work.first()
    assert len(report.warnings) == 2 and "sound:" not in work.text
    sound(work.project / "images/s.wav")
    assert work.again().changed == ("SQ010_SH0010: sound",)
    assert "    sound: {path: s.wav}\n    meta: {board: A}" in work.text and (work.out / "boards/s.wav").exists()


@pytest.mark.parametrize("record", [None, "", "{}", '{"version": 1, "boards": {"A": 3}}', '{"version": 9}'])
def test_without_a_sound_record_nothing_of_the_persons_is_lost(work: Work, record: str | None) -> None:
    work.draw(board(1, "A", dialogue="Old."), board(2, "B"))
    work.first()
    file = work.out / "boards/imported.json"
    file.unlink() if record is None else file.write_text(record)
    edited = work.edit(replaced("Old.", "Mine."))
    work.draw(board(1, "A", dialogue="New."), board(2, "B"))
    report = work.again()
    assert work.text == edited and "imported.json is" in report.warnings[0]
    assert [text for text in report.kept if "dialogue" in text]
    assert json.loads(file.read_text())["order"] == ["A", "B"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("version: 1\nrows: {csv: a.csv}\n", "ROWS_NOT_LISTED"),
        ("version: 1\nrows: [{id: a}, {id: b}]\n", "ROWS_NOT_LISTED"),
        ("version: 1\nrows: [\n", "YAML_BROKEN"),
        ("version: 1\n", "ROWS_NOT_LISTED"),
        ("- a\n", "WRONG_TYPE"),
        ("", "WRONG_TYPE"),
        ("version: 1\nrows:\n  - &a {id: b}\n", "YAML_ALIAS"),
    ],
)
def test_a_manifest_that_cannot_be_updated_is_refused_and_stays(work: Work, text: str, code: str) -> None:
    work.draw(board(1, "A"))
    work.first()
    work.manifest.write_text(text)
    before = {path: path.read_bytes() for path in work.out.rglob("*") if path.is_file()}
    work.draw(board(1, "A"), ink=99)
    with pytest.raises(ManifestError) as caught:
        work.again()
    assert caught.value.problems[0].code == code, caught.value
    assert {path: path.read_bytes() for path in work.out.rglob("*") if path.is_file()} == before


def test_a_board_without_any_picture_keeps_its_row(work: Work) -> None:
    work.draw(board(1, "A"), board(2, "B", layers={}))
    report = work.first()
    assert work.shots == ["0010", "0020"] and any("no readable picture" in text for text in report.warnings)
    assert [row.problems[0].code for row in load(work.manifest).refused] == ["PICTURE_MISSING"]
    layer(work.project / "images/board-2-B-ink.png", (0, 0, 0, 255), (0, 0, 9, 9))
    work.draw(board(1, "A"), board(2, "B", layers={"ink": {"url": "board-2-B-ink.png"}}))
    assert not work.again().warnings and len(load(work.manifest, strict=True).items) == 2


def test_texts_of_any_kind_come_back_as_they_were(work: Work) -> None:
    texts = [
        "- a", "a: b", "#x", "x #y", "'q'", '"q"', "{a}", "[a", "null", "~", "1.50", "0x1F", "2026-11-22", "12:30",
        "on", "%a", "@a", "`a", "a\\b", "tab\tin", "é ü 漢字 🎬", "a\nb\n\nc # d", "  lead", "- a\n- b", "x:", "&a *b",
        "!tag", "|", ">-", "a\u2029b", "\u00a0nbsp", "?", "? a", "=", "<<", ".inf", "1_000", "a" * 2500, "a\x1b[31mb",
    ]  # fmt: skip
    work.draw(*(board(n, f"U{n}", action=text, shot=text[:9]) for n, text in enumerate(texts, 1)))
    report = work.first()
    loaded = load(work.manifest, strict=True)
    got = [item.ask.action for item in loaded.items]
    cleaned = [text.replace("\u2029", "").replace("\x1b", "").strip()[:2000] for text in texts]
    assert got == cleaned
    assert len(report.warnings) == 1 and "2500 characters" in report.warnings[0]
    assert not work.again().kept
    work.draw(*(board(n, f"U{n}", action=f"{text}!", shot=text[:9]) for n, text in enumerate(texts[:-2], 1)))
    work.again()
    assert [item.ask.action for item in load(work.manifest, strict=True).items] == [
        f"{text}!".replace("\u2029", "").strip() for text in texts[:-2]
    ]
