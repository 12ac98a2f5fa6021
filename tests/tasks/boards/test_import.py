"""Importing for the first time: a manifest that loads, or nothing at all."""

from __future__ import annotations

import pytest

from manifests.errors import ManifestError
from manifests.loader import load
from tests.tasks.boards.drawing import board, layer, sound
from tests.tasks.boards.imported import Work


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


def test_a_sound_that_is_missing_is_told_and_comes_later(work: Work) -> None:
    work.draw(board(1, "A", audio={"filename": "s.wav"}), board(2, "B", audio={"filename": "x.exe"}))
    report = work.first()
    assert len(report.warnings) == 2 and "sound:" not in work.text
    sound(work.project / "images/s.wav")
    assert work.again().changed == ("SQ010_SH0010: sound",)
    assert "    sound: {path: s.wav}\n    meta: {board: A}" in work.text and (work.out / "boards/s.wav").exists()


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
