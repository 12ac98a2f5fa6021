"""`svd.until`: a picture of its own, or the next row's; the row that has none is refused, and no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from manifests.loader import load
from manifests.manifest import Manifest
from tests.manifests.workspace import Workspace

NEXT = "svd: {until: next}"


def rows(*asked: str) -> str:
    return "version: 1\nrows:\n" + "".join(f"  - {{{one}}}\n" for one in asked)


def endings(manifest: Manifest) -> dict[str, str]:
    """Shot -> the picture it ends on."""
    return {shot.key: last.path.name for shot in manifest.shots if (last := shot.ask.svd.last)}


def test_next_is_the_picture_of_the_row_below_with_its_mask_and_page(space: Workspace) -> None:
    manifest = space.load(
        rows(
            f"id: a, source: a.png, {NEXT}",
            "id: b, source: {path: b.png, mask: c.png, page: 2}",
            "id: c, source: c.png",
        )
    )
    last = manifest.shots[0].ask.svd.last
    assert last is not None
    assert (last.path, last.mask, last.page) == (space.folder / "b.png", space.folder / "c.png", 2)
    assert manifest.items[0].ask.svd.last == last
    assert endings(manifest) == {"a": "b.png"}


def test_a_named_picture_is_found_like_a_source(space: Workspace) -> None:
    space.pictures("next")
    manifest = space.load(
        rows(
            "id: a, source: a.png, svd: {until: c.png}",
            "id: b, source: b.png, svd: {until: {path: a.png, mask: c.png}}",
            "id: c, source: c.png, svd: {until: ./next}",
        )
    )
    assert endings(manifest) == {"a": "c.png", "b": "a.png", "c": "next"}
    resolved = manifest.resolved()["items"]
    assert resolved[1]["ask"]["svd"]["until"] == {"kind": "image", "path": "a.png", "mask": "c.png", "page": None}


@pytest.mark.parametrize(
    ("until", "code"),
    [("none.png", "PICTURE_MISSING"), ("../x.png", "PATH_OUTSIDE"), ("{path: a.png, mask: no.png}", "PICTURE_MISSING")],
)
def test_a_named_picture_that_is_not_there_is_told_at_its_line(space: Workspace, until: str, code: str) -> None:
    (space.folder.parent / "x.png").touch()
    problem = space.fault(f"version: 1\nrows:\n  - id: a\n    source: a.png\n    svd:\n      until: {until}\n")
    assert (problem.code, problem.line, problem.item) == (code, 6, "a")
    assert problem.message.startswith("svd.until: ")


def test_in_a_scene_the_next_row_is_that_of_the_scene(space: Workspace) -> None:
    head = "version: 1\nkind: storyboard\nscenes: {one: {}, two: {}}\ndefaults: {svd: {until: next}}\nrows:\n"
    manifest = space.load(
        head
        + "  - {id: a, source: a.png, scene: one}\n"
        + "  - {id: b, source: b.png, scene: two}\n"
        + "  - {id: c, source: c.png, scene: one, svd: {until: none}}\n"
        + "  - {id: d, source: a.png}\n"
        + "  - {id: e, source: b.png, scene: two, svd: {until: none}}\n"
    )
    assert endings(manifest) == {"a": "c.png", "b": "b.png", "d": "b.png"}


def test_a_row_with_none_after_it_is_refused_alone(space: Workspace) -> None:
    text = rows(f"id: a, source: a.png, {NEXT}", f"id: b, source: b.png, {NEXT}")
    manifest = load(space.write(text))
    assert endings(manifest) == {"a": "b.png"}
    (refused,) = manifest.refused
    (problem,) = refused.problems
    assert (refused.item_id, problem.code, problem.line, problem.item) == ("b", "NO_NEXT_ROW", 4, "b")
    assert "no row follows" in problem.message and "svd.until: none" in problem.remedy

    scenes = "version: 1\nkind: storyboard\nscenes: {one: {}, two: {}}\nrows:\n"
    last = f"  - {{id: a, source: a.png, scene: one, {NEXT}}}\n  - {{id: b, source: b.png, scene: two}}\n"
    assert "no row follows in scene 'one'" in space.fault(scenes + last).message


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("id: b, source: gone.png", "'b' in line 5: 'gone.png' is not in"),
        ("id: b, source: b.png, speeed: best", "'b' in line 5, cannot be read"),
        ("source: b.png", ""),
        ("id: b, source: b.png, title: A", ""),
    ],
)
def test_a_next_row_that_is_refused_keeps_its_place(space: Workspace, broken: str, said: str) -> None:
    """Where its picture is known the clip ends on it; where not, no picture after it takes its place."""
    head = "version: 1\nout: {template: '{title}_{preset}'}\nrows:\n"
    text = head + f"  - {{id: a, source: a.png, title: a1, {NEXT}}}\n" + f"  - {{{broken}}}\n"
    text += "  - {id: c, source: c.png, title: A}\n"
    manifest = load(space.write(text))
    refused = {row.item_id: [problem.code for problem in row.problems] for row in manifest.refused}
    if said:
        assert refused["a"] == ["NO_NEXT_ROW"] and "b" in refused
        assert said in manifest.refused[0].problems[0].message
        assert [shot.key for shot in manifest.shots] == ["c"]
    else:
        assert endings(manifest) == {"a": "b.png"} and "a" not in refused and refused


def test_variants_may_end_on_different_pictures(space: Workspace) -> None:
    manifest = space.load(
        rows("id: a, source: a.png, variants: {svd.until: [none, next, c.png]}", "id: b, source: b.png")
    )
    assert endings(manifest) == {"a#until=next": "b.png", "a#until=c.png": "c.png"}
    problem = space.fault(rows("id: a, source: a.png, variants: {svd.until: [gone.png]}"))
    assert (problem.code, problem.line) == ("PICTURE_MISSING", 3)


def test_a_spreadsheet_names_it_in_a_column(space: Workspace) -> None:
    (space.folder / "r.csv").write_text("id,source,End\na,a.png,next\nb,b.png,c.png\nc,c.png,\n")
    manifest = space.load("version: 1\nrows: {csv: r.csv, columns: {svd.until: End}}\n")
    assert endings(manifest) == {"a": "b.png", "b": "c.png"}


def test_what_says_nothing_of_it_reads_as_before(space: Workspace) -> None:
    plain, none = (space.load(rows(f"id: a, source: a.png, {said}")) for said in ("svd: {}", "svd: {until: none}"))
    assert plain.sha256 == none.sha256
    assert "until" not in plain.resolved()["items"][0]["ask"]["svd"]
    after = space.load(rows(f"id: a, source: a.png, {NEXT}", "id: b, source: b.png")).sha256
    other = space.load(rows(f"id: a, source: a.png, {NEXT}", "id: b, source: c.png")).sha256
    assert after != other


def test_a_shots_sound_is_found_in_every_variant(space: Workspace, tmp_path: Path) -> None:
    space.pictures("s.wav")
    manifest = space.load(rows("id: a, source: a.png, sound: {path: s.wav}, variants: {seed: [1, 2]}"))
    assert {shot.ask.sound.path for shot in manifest.shots} == {tmp_path / "s.wav"}
