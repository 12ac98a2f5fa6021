"""Reading projects: every kind of number, texts of any kind, and what is refused."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from manifests.errors import ManifestError
from tasks.boards.board import Project
from tasks.boards.project import read_project
from tests.tasks.boards.drawing import board, scene, sound


def lengths(project: Project) -> list[Decimal]:
    return [one.milliseconds for one in project.scenes[0].boards]


def codes(caught: pytest.ExceptionInfo[ManifestError]) -> list[str]:
    return [problem.code for problem in caught.value.problems]


def test_durations_are_numbers_or_text_and_fall_back(tmp_path: Path) -> None:
    asked: list[Any] = [1300, "1300", 1333.5, None, "", "soon", 0, -5, "1e3", 10**60, 1e308, 0.001]
    boards = [board(n, f"U{n}", duration=value) for n, value in enumerate(asked, 1)]
    project = read_project(scene(tmp_path / "p", [*boards, board(13, "U13")], defaultBoardTiming="1500"))
    default = 1500
    want = [1300, 1300, Decimal("1333.5"), default, default, default, default, default, 1000, *[default] * 4]
    assert lengths(project) == want
    told = "\n".join(project.warnings)
    assert "board 6 (U6): duration is 'soon', no number" in told
    assert (
        "board 7 (U7): duration is 0, no length; 1500 ms are taken" in told and "board 8 (U8): duration is -5" in told
    )


def test_without_any_timing_a_board_takes_two_seconds(tmp_path: Path) -> None:
    file = scene(tmp_path / "p", [board(1, "A")])
    content = json.loads(file.read_text())
    for key in ("version", "aspectRatio", "fps", "defaultBoardTiming"):
        del content[key]
    file.write_text(json.dumps(content))
    project = read_project(file)
    assert lengths(project) == [2000] and project.scenes[0].rate == "24" and not project.warnings


@pytest.mark.parametrize(
    ("asked", "rate", "aspect", "warned"),
    [
        ({"fps": 30, "aspectRatio": 2.39}, "30", 2.39, False),
        ({"fps": "25", "aspectRatio": "1.5"}, "25", 1.5, False),
        ({"fps": 23.976}, "23.976", 16 / 9, False),
        ({"fps": "3e1"}, "30", 16 / 9, False),
        ({"fps": 0}, "24", 16 / 9, True),
        ({"fps": 1000}, "24", 16 / 9, True),
        ({"aspectRatio": "0"}, "24", None, True),
        ({"aspectRatio": float("nan")}, "24", None, True),
    ],
)
def test_rate_and_aspect(tmp_path: Path, asked: dict[str, Any], rate: str, aspect: float | None, warned: bool) -> None:
    project = read_project(scene(tmp_path / "p", [board(1, "A")], **asked))
    found = project.scenes[0]
    assert found.rate == rate and found.aspect == (None if aspect is None else pytest.approx(aspect))
    assert bool(project.warnings) == warned


def test_everything_a_board_says_is_carried(tmp_path: Path) -> None:
    sound(tmp_path / "p/images/A-audio.wav")
    told = {"dialogue": "KEEPER: Não!", "action": "Waits.\r\nTurns.", "notes": "\x00dark\ud800\u200b"}
    one = board(7, "A", shot="2B", newShot=True, time="14000", audio={"filename": "A-audio.wav"}, **told)
    file = tmp_path / "p/p.storyboarder"
    scene(tmp_path / "p", [board(7, "A")])
    file.write_text(json.dumps({"boards": [one]}))
    found = read_project(tmp_path / "p").scenes[0].boards[0]
    assert (found.uid, found.panel, found.shot, found.new_shot, found.time) == ("A", "7", "2B", True, 14000)
    assert (found.dialogue, found.action, found.notes) == ("KEEPER: Não!", "Waits.\nTurns.", "dark\u200b")
    assert found.sound is not None and found.sound.name == "A-audio.wav"


@pytest.mark.parametrize(
    "change",
    [
        {"layers": {"pencil": {"url": "../../../../etc/passwd"}}},
        {"layers": {"pencil": {"url": "/etc/passwd"}}},
        {"url": "../../other.png"},
        {"audio": {"filename": "../../x.wav"}},
        {"layers": {"ink": {"url": "linked.png"}}},
    ],
)
def test_a_path_out_of_the_project_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    (tmp_path / "p/images").mkdir(parents=True)
    (tmp_path / "p/images/linked.png").symlink_to("/etc/hostname")
    with pytest.raises(ManifestError) as caught:
        read_project(scene(tmp_path / "p", [board(1, "A", **change)]))
    assert codes(caught) == ["PATH_OUTSIDE"] and "board 1 (A)" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"duration": [1]}, 1),
        ({"duration": True}, 1),
        ({"layers": []}, 1),
        ({"layers": {"ink": "a.png"}}, 1),
        ({"layers": {"ink": {"url": 5.5, "opacity": {}}}}, 1),
        ({"audio": "a.wav"}, 1),
        ({"dialogue": {"a": 1}, "action": [2], "uid": {}}, 3),
    ],
)
def test_values_of_the_wrong_type_are_all_told(tmp_path: Path, change: dict[str, Any], wanted: int) -> None:
    with pytest.raises(ManifestError) as caught:
        read_project(scene(tmp_path / "p", [board(1, "A") | change]))
    assert codes(caught) == ["WRONG_TYPE"] * wanted, str(caught.value)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "BAD_JSON"),
        ("{", "BAD_JSON"),
        ("[" * 100_000, "BAD_JSON"),
        ("[]", "WRONG_TYPE"),
        ('{"boards": {}}', "WRONG_TYPE"),
        ('{"boards": [3]}', "WRONG_TYPE"),
        ('{"boards": []}', "NO_BOARDS"),
        ("{}", "NO_BOARDS"),
        ('{"boards": [' + "{}," * 10_000 + "{}]}", "TOO_LARGE"),
        ('{"boards": [{"uid": "A", "url": "' + "x" * 300 + '"}]}', "BAD_PATH"),
        ("\xff", "BAD_ENCODING"),
    ],
)
def test_a_file_that_is_no_project_is_refused(tmp_path: Path, text: str, code: str) -> None:
    file = tmp_path / "p.storyboarder"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(ManifestError) as caught:
        read_project(file)
    assert codes(caught)[0] == code


def test_two_boards_of_one_uid_are_told_apart(tmp_path: Path) -> None:
    project = read_project(scene(tmp_path / "p", [board(1, "A"), board(2, "A"), board(3, "a")]))
    assert [one.key for one in project.scenes[0].boards] == ["A", "A-2", "a-3"]
    assert "another board has that uid" in project.warnings[0]


def test_sources_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "x.txt").write_text("x")
    scene(tmp_path / "two", [board(1, "A")], name="one")
    scene(tmp_path / "two", [board(1, "A")], name="two")
    for path, code in {
        "nothing": "SOURCE_MISSING",
        "empty": "NO_BOARDS",
        "x.txt": "SOURCE_UNKNOWN",
        "two": "SOURCE_AMBIGUOUS",
    }.items():
        with pytest.raises(ManifestError) as caught:
            read_project(tmp_path / path)
        assert codes(caught) == [code]


SCRIPT = """Title: Two scenes

INT. A PLACE - DAY #1-FA5K7#

She waits.

EXT. HOUSE - NIGHT #2-T5KRK#

Rain.
"""


def test_a_scripts_scenes_come_in_the_scripts_order_under_its_headings(tmp_path: Path) -> None:
    home = tmp_path / "film/storyboards"
    scene(home / "Scene-1-EXT-HOUSE-NIGHT-1-T5KRK", [board(1, "A")])
    scene(home / "Scene-2-INT-A-PLACE-DAY-2-FA5K7", [board(1, "A")])
    scene(home / "Scene-9-LOST-9-XXXXX", [board(1, "C")])
    (home / "storyboard.settings").write_text("{}")
    (tmp_path / "film/film.fountain").write_text(SCRIPT)
    for source in (tmp_path / "film", home, tmp_path / "film/film.fountain"):
        project = read_project(source)
        assert [one.title for one in project.scenes] == ["INT. A PLACE - DAY", "EXT. HOUSE - NIGHT", "LOST"]
        assert [one.boards[0].key for one in project.scenes] == ["A", "A-2", "C"] and project.name == "film"
        assert any("XXXXX is not in the script" in warning for warning in project.warnings)
    only = read_project(home / "Scene-1-EXT-HOUSE-NIGHT-1-T5KRK")
    assert only.scenes[0].title == "EXT. HOUSE - NIGHT"


def test_a_script_beside_one_scene_names_it(tmp_path: Path) -> None:
    file = scene(tmp_path / "p", [board(1, "A")])
    assert read_project(file).scenes[0].title == "p"
    (tmp_path / "p/a.fountain").write_text("INT. CELLAR - NIGHT\n\nDark.\n")
    assert read_project(file).scenes[0].title == "INT. CELLAR - NIGHT"
    (tmp_path / "p/b.fountain").write_text("INT. ATTIC - DAY\n\nLight.\n")
    assert "2 scripts lie in p" in read_project(file).warnings[0]
    assert read_project(file, tmp_path / "p/b.fountain").scenes[0].title == "INT. ATTIC - DAY"
    with pytest.raises(ManifestError) as caught:
        read_project(file, tmp_path / "none.fountain")
    assert codes(caught) == ["FILE_MISSING"]
