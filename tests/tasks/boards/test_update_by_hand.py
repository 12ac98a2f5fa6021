"""Importing again where a person edited the manifest or painted a picture: neither is lost, and both are told."""

from __future__ import annotations

import json
import re

import pytest

from manifests.errors import ManifestError
from manifests.loader import load
from tests.tasks.boards.drawing import board, layer
from tests.tasks.boards.imported import Work, replaced


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
