"""Edits that come back: order, lengths and rows as an editor cut them, everything else byte for byte."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manifests.errors import InputError
from tasks.editorial.conform import Conformed, conformed, save
from tasks.editorial.edl import edl_text
from tasks.editorial.fcp7 import fcp7_text
from tasks.editorial.manifest_edit import Wanted, rewritten
from tasks.editorial.otio import otio_text
from tasks.editorial.read_edit import read_edit
from tasks.scene.timeline import Event, Timeline
from tests.tasks.editorial.scenes import files, laid, plain, rich

WRITERS: dict[str, Callable[..., str]] = {"otio": otio_text, "edl": edl_text, "xml": fcp7_text}
ROWS = {
    "a": """\
  # the lighthouse
  - id: a
    source: panel-1.png
    seconds: 2        # as long as the bell
    motion: {move: push, amount: 0.18}
""",
    "b": "  - {id: 'b',  source: panel-2.png, frames: 36}   # quick\n",
    "other": '  - id: other      # of the next scene\n    source: "x.png"\n',
    "c": "  - id: c # no length\n    source: panel-3.png\n    notes: |\n      # not a comment\n      but text\n",
    "d": "  - {id: d, source: panel-4.png}\n",
}
HEAD = "# A scene\nversion: 1\nkind: storyboard\n\nrows:\n"
TAIL = "\n# the end\n"
GAPS = {"a": "\n", "b": "\n", "other": "\n", "c": "", "d": ""}


def manifest(folder: Path, order: str = "a b other c d", **rows: str) -> Path:
    path = folder / "scene.yaml"
    path.write_text(HEAD + "".join({**ROWS, **rows}[key] + GAPS[key] for key in order.split()) + TAIL, newline="")
    return path


def edit(timeline: Timeline, *events: Event) -> Timeline:
    """The timeline as an editor left it."""
    return replace(timeline, events=laid(*events))


def conform(folder: Path, timeline: Timeline, cut: Timeline, suffix: str = "edl") -> Conformed:
    path = folder / f"cut.{suffix}"
    path.write_text(WRITERS[suffix](cut, files(cut)), encoding="utf-8")
    return conformed(folder / "scene.yaml", read_edit(path, timeline.rate), timeline)


def text(result: Conformed) -> str:
    return result.after.decode()


@pytest.mark.parametrize("suffix", WRITERS)
def test_an_edit_that_changes_nothing_changes_nothing(tmp_path: Path, suffix: str) -> None:
    manifest(tmp_path)
    result = conform(tmp_path, plain(), plain(), suffix)
    assert not result.changed
    assert result.said == ()


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_new_order_moves_rows_and_leaves_them_as_they_are(tmp_path: Path, suffix: str) -> None:
    path = manifest(tmp_path)
    timeline = plain()
    a, b, c, d = timeline.events
    result = conform(tmp_path, timeline, edit(timeline, c, a, d, b), suffix)
    kept = ["c", "a", "other", "d", "b"]
    blank = ["\n", "\n", "\n", "", ""]
    rows = "".join(ROWS[key] + gap for key, gap in zip(kept, blank, strict=True))
    assert text(result) == HEAD + rows + TAIL
    assert result.said == ("The order is now SQ010_SH0030, SQ010_SH0010, SQ010_SH0040, SQ010_SH0020.",)
    save(result)
    assert path.read_bytes() == result.after
    assert [one.name for one in tmp_path.iterdir() if one.suffix == ".part"] == []


@pytest.mark.parametrize("suffix", WRITERS)
def test_new_lengths_are_written_where_lengths_were(tmp_path: Path, suffix: str) -> None:
    manifest(tmp_path)
    timeline = plain()
    a, b, c, d = timeline.events
    cut = edit(timeline, replace(a, frames=36), replace(b, frames=40), replace(c, frames=61), replace(d, frames=25))
    result = conform(tmp_path, timeline, cut, suffix)
    assert "seconds: 1.5        # as long as the bell\n" in text(result)
    assert "- {id: 'b',  source: panel-2.png, frames: 40}   # quick\n" in text(result)
    assert "- id: c # no length\n    frames: 61\n    source: panel-3.png\n" in text(result)
    assert "- {id: d, frames: 25, source: panel-4.png}\n" in text(result)
    assert ROWS["other"] in text(result)
    assert "SQ010_SH0010 is now 36 frames, it was 48." in result.said


def test_a_length_of_no_whole_milliseconds_becomes_frames(tmp_path: Path) -> None:
    manifest(tmp_path)
    timeline = plain()
    a, *rest = timeline.events
    result = conform(tmp_path, timeline, edit(timeline, replace(a, frames=37), *rest))
    assert text(result) == (tmp_path / "scene.yaml").read_text().replace("seconds: 2 ", "frames: 37 ")


def test_seconds_at_23_976_stay_seconds_where_they_are_exact(tmp_path: Path) -> None:
    manifest(tmp_path)
    timeline = plain(Fraction(24000, 1001))
    a, *rest = timeline.events
    result = conform(tmp_path, timeline, edit(timeline, replace(a, frames=72), *rest))
    assert "seconds: 3.003 " in text(result)


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_shot_that_is_gone_is_taken_out_and_told(tmp_path: Path, suffix: str) -> None:
    manifest(tmp_path)
    timeline = plain()
    a, _, c, d = timeline.events
    result = conform(tmp_path, timeline, edit(timeline, a, c, d), suffix)
    assert dict(result.removed) == {"b": ROWS["b"].rstrip("\n")}
    assert ROWS["b"] not in text(result)
    assert all(ROWS[key] in text(result) for key in ("a", "c", "d", "other"))
    assert "SQ010_SH0020 is not in the edit: row 'b' is taken out." in result.said


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_shot_that_is_there_twice_gets_a_copy(tmp_path: Path, suffix: str) -> None:
    manifest(tmp_path)
    timeline = plain()
    a, b, c, d = timeline.events
    result = conform(tmp_path, timeline, edit(timeline, a, b, replace(a, key="a2", frames=24), c, d), suffix)
    assert "  # the lighthouse\n  - id: a-2\n    source: panel-1.png\n    seconds: 1 " in text(result)
    assert ROWS["a"] in text(result)
    assert any("2 times" in sentence for sentence in result.said)


@pytest.mark.parametrize("suffix", WRITERS)
def test_dissolves_of_odd_length_and_gaps_change_nothing(tmp_path: Path, suffix: str) -> None:
    timeline = rich()
    rows = "".join(f"  - {{id: {event.key}, frames: {event.frames}}}\n" for event in timeline.events)
    (tmp_path / "scene.yaml").write_text(HEAD + rows)
    result = conform(tmp_path, timeline, timeline, suffix)
    assert not result.changed
    assert set(result.said) <= {"SQ010_SH0040 was missing from the timeline and stays where it was."}


def test_a_shot_that_was_missing_stays_though_the_edit_has_closed_its_gap(tmp_path: Path) -> None:
    timeline = rich()
    rows = "".join(f"  - {{id: {event.key}}}\n" for event in timeline.events)
    (tmp_path / "scene.yaml").write_text(HEAD + rows)
    a, b, c, _, e, f = timeline.events
    result = conform(tmp_path, timeline, edit(timeline, a, c, b, e, f))
    assert [line[9] for line in text(result).splitlines() if "id:" in line] == list("acdbef")


@pytest.mark.parametrize(
    "scenes", ["scenes: {keeper: {seconds: 7, rate: 24}} # all\n", "scenes:\n  keeper:\n    seconds: 7\n"]
)
def test_rows_that_share_the_scenes_seconds_get_their_own(tmp_path: Path, scenes: str) -> None:
    path = manifest(tmp_path)
    path.write_text(path.read_text() + scenes)
    timeline = plain()
    a, b, c, d = timeline.events
    result = conform(tmp_path, timeline, edit(timeline, replace(a, frames=25), b, c, d))
    assert "frames: 25 " in text(result)
    assert "- id: c # no length\n    frames: 60\n" in text(result)
    assert "- {id: d, frames: 24," in text(result)
    assert ROWS["b"] in text(result)
    assert text(result).endswith(scenes.replace("seconds: 7", "seconds: 6.041667"))
    assert not conform(tmp_path, timeline, timeline).changed


def test_a_row_with_variants_is_found_by_its_id(tmp_path: Path) -> None:
    manifest(tmp_path)
    timeline = plain()
    events = tuple(
        replace(event, key=f"{event.key}#seed=2") if event.key == "b" else event for event in timeline.events
    )
    timeline = replace(timeline, events=events)
    a, b, c, d = timeline.events
    result = conform(tmp_path, timeline, edit(timeline, replace(b, frames=40), a, c, d))
    assert "- {id: 'b',  source: panel-2.png, frames: 40}   # quick\n" in text(result)


def test_an_edit_from_another_editor(tmp_path: Path) -> None:
    """File names for clip names, no reels, a cut through a shot, one trimmed at its head, a title, black, V2."""
    manifest(tmp_path)
    path = tmp_path / "cut.edl"
    path.write_text(
        "TITLE: cut 3\r\nFCM: NON-DROP FRAME\r\n\r\n"
        "000001  AX  V  C  00:00:41:17 00:00:42:17 01:00:00:00 01:00:01:00\r\n* FROM CLIP NAME: SQ010_SH0010.mov\r\n"
        "000002  AX  V  C  00:00:42:17 00:00:43:17 01:00:01:00 01:00:02:00\r\n* FROM CLIP NAME: SQ010_SH0010.mov\r\n"
        "000003  AX  V  C  00:00:00:00 00:00:01:00 01:00:02:00 01:00:03:00\r\n* FROM CLIP NAME: Title 01\r\n"
        "000004  AX  V  C  00:00:42:05 00:00:43:17 01:00:03:12 01:00:05:00\r\n* FROM CLIP NAME: sq010_sh0030.MOV\r\n"
        "000005  AX  V2 C  00:00:42:05 00:00:43:17 01:00:03:12 01:00:05:00\r\n* FROM CLIP NAME: SQ010_SH0020.mov\r\n"
        "000006  AX  AA C  00:00:42:05 00:00:43:17 01:00:03:12 01:00:05:00\r\n* FROM CLIP NAME: music.wav\r\n"
        "000007  10SH0040 V C  00:00:41:17 00:00:42:17 01:00:05:00 01:00:06:00\r\n",
        newline="",
    )
    result = conformed(tmp_path / "scene.yaml", read_edit(path, Fraction(24)), plain())
    assert ROWS["a"] in text(result)
    assert "frames: 36\n    source: panel-3.png" in text(result)
    assert ROWS["d"] in text(result)
    assert list(result.removed) == ["b"]
    told = "\n".join(result.said)
    assert "V2 is not carried" in told
    assert "Title 01 is no shot of this scene" in told
    assert "SQ010_SH0030 begins 12 frames later in its clip" in told
    assert "36 frames of black between SQ010_SH0010 and SQ010_SH0030" in told


def test_a_changed_speed_and_transition_are_told(tmp_path: Path) -> None:
    manifest(tmp_path)
    path = tmp_path / "cut.edl"
    path.write_text(
        "001  AX V C      00:00:41:17 00:00:43:17 01:00:00:00 01:00:02:00\n* FROM CLIP NAME: SQ010_SH0010\n"
        "002  AX V C      00:00:43:17 00:00:43:17 01:00:02:00 01:00:02:00\n"
        "002  AX V D 012  00:00:41:17 00:00:43:05 01:00:02:00 01:00:03:12\n"
        "* FROM CLIP NAME: SQ010_SH0010\n* TO CLIP NAME: SQ010_SH0020\nM2   AX   048.0   00:00:41:17\n"
    )
    told = "\n".join(conformed(tmp_path / "scene.yaml", read_edit(path, Fraction(24)), plain()).said)
    assert "SQ010_SH0020 plays at another speed" in told
    assert "SQ010_SH0020 begins with a transition of 12 frames in the edit, with a cut in the manifest" in told


def test_drop_frame_lists_that_write_colons(tmp_path: Path) -> None:
    timeline = plain(Fraction(30000, 1001), "00:59:58;00")
    path = tmp_path / "cut.edl"
    path.write_text(edl_text(timeline, files(timeline)).replace(";", ":"))
    cuts = read_edit(path, timeline.rate).cuts
    assert [cut.frames for cut in cuts] == [48, 36, 60, 24]


@pytest.mark.parametrize("line_end", ["\r\n", "\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_and_line_ends_stay(tmp_path: Path, line_end: str, encoding: str) -> None:
    path = manifest(tmp_path, b="  - {id: b, frames: 36, title: Größe 🎬}\n")
    path.write_bytes(path.read_text().replace("\n", line_end).encode(encoding))
    timeline = plain()
    a, b, c, d = timeline.events
    result = conform(tmp_path, timeline, edit(timeline, b, a, replace(c, frames=61), d))
    assert result.after.decode(encoding).replace(line_end, "").count("\n") == 0
    assert result.after[:3] == path.read_bytes()[:3]
    assert f"title: Größe 🎬}}{line_end}" in result.after.decode(encoding)
    assert f"{line_end}    frames: 61{line_end}" in result.after.decode(encoding)


def test_the_last_row_without_a_line_end_may_move(tmp_path: Path) -> None:
    path = tmp_path / "scene.yaml"
    path.write_text("version: 1\nrows:\n- id: a\n- id: b\n- id: c\n- id: d")
    timeline = plain()
    result = conform(tmp_path, timeline, edit(timeline, *reversed(timeline.events)))
    assert text(result) == "version: 1\nrows:\n- id: d\n- id: c\n- id: b\n- id: a"


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("rows: [{id: a}, {id: b}, {id: c}, {id: d}]\n", "ROWS_FORM"),
        ("rows: {csv: panels.csv}\n", "ROWS_ELSEWHERE"),
        ("rows:\n  - id: a\n  - id: b\n", "ROW_MISSING"),
        ("rows:\n  - &x {id: a}\n  - *x\n", "YAML_ALIAS"),
        ("rows:\n  - {id: a\n", "YAML_BROKEN"),
        ("version: 1\n", "ROWS_FORM"),
        ("- 1\n", "ROWS_FORM"),
        ("rows:\n  - nothing\n", "ROWS_FORM"),
        ("rows:\n  - {source: a}\n", "ROWS_FORM"),
        ("rows:\n  - id: a\n    id: b\n", "DUPLICATE_KEY"),
        ("rows:\n  - id: a\n  - id: a\n", "DUPLICATE_ID"),
    ],
)
def test_a_manifest_that_cannot_be_changed_is_left_alone(tmp_path: Path, written: str, code: str) -> None:
    path = tmp_path / "scene.yaml"
    path.write_text(written)
    with pytest.raises(InputError) as told:
        conform(tmp_path, plain(), plain())
    assert told.value.code == code
    assert path.read_text() == written


def test_an_edit_of_another_scene_is_refused(tmp_path: Path) -> None:
    manifest(tmp_path)
    other = replace(plain(), events=tuple(replace(e, key=f"x{e.key}", name=f"SQ020_X{e.key}") for e in plain().events))
    with pytest.raises(InputError, match="EDIT_OTHER_SCENE"):
        conform(tmp_path, plain(), other)


def test_a_manifest_that_changed_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    path = manifest(tmp_path)
    timeline = plain()
    result = conform(tmp_path, timeline, edit(timeline, *reversed(timeline.events)))
    path.write_text("mine\n")
    with pytest.raises(InputError, match="MANIFEST_CHANGED"):
        save(result)
    assert path.read_text() == "mine\n"


WHOLE = [
    "  - id: a\n    # inside\n    title: 'x: y'\n",
    "  # above\n  # twice\n  - {id: a, title: x}\n",
    "  -   id: a\n      frames: 12\n",
    "  -\n    id: a\n    frames: 12\n",
    "  - title: z\n    id: a   # not first\n    seconds: 1.25\n",
    '  - {"id": "a", "seconds": 2.0,}\n',
    "  - id: a\n    notes: >-\n      folded\n\n      text\n",
    "  - id: a\n    notes: |+\n      kept\n\n",
    "  - id: a\n    motion:\n      move: push\n      focus: [0.5,\n        0.5]\n",
    "  - id: a\n     \n",
    "  - {id: a,\n     title: b # c\n    }\n",
]


@settings(max_examples=300, deadline=None)
@given(
    forms=st.lists(st.sampled_from(WHOLE), min_size=2, max_size=6),
    gaps=st.lists(st.sampled_from(["", "\n", "\n\n", "\n  # apart\n\n"]), min_size=6, max_size=6),
    data=st.data(),
)
def test_rows_of_all_forms_are_moved_or_refused(forms: list[str], gaps: list[str], data: st.DataObject) -> None:
    """What is rewritten is checked by reading it: here, that hardly anything has to be refused."""
    ids = [f"r{number}" for number in range(len(forms))]
    rows = [re.sub(r'(?<=id: )a|(?<="id": ")a', one, form, count=1) for one, form in zip(ids, forms, strict=True)]
    written = "version: 1\nrows:\n" + "".join(row + gap for row, gap in zip(rows, gaps, strict=False)) + "name: x\n"
    scene = set(data.draw(st.lists(st.sampled_from(ids), min_size=1, unique=True)))
    order = data.draw(st.permutations(sorted(scene)))
    wanted = [Wanted(one, data.draw(st.none() | st.integers(2, 500))) for one in order]
    try:
        found, removed = rewritten(written, "f", scene, wanted, Fraction(24))
    except InputError as error:
        assert error.code == "ROWS_FORM"
        assert any("|+" in form for form in forms)
        return
    assert not removed
    for one, row in zip(ids, rows, strict=True):
        if all(change.id != one or change.frames is None for change in wanted):
            assert row.rstrip("\n ") in found
