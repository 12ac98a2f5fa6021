"""Where pictures may lie, and what ids and outputs may be called."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from manifests.errors import Problem
from manifests.paths import Pictures
from tests.manifests.workspace import Workspace


def _source(space: Workspace, source: str) -> Problem:
    return space.fault(f"version: 1\nrows:\n  - id: a\n    source: {json.dumps(source)}\n")


@pytest.mark.parametrize(
    "source", ["../secret.png", "sub/../../secret.png", "/etc/passwd", "link.png", "linked/secret.png"]
)
def test_nothing_outside_the_roots_is_read(
    space: Workspace, source: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret.png").write_bytes(b"x")
    (space.folder.parent / "secret.png").write_bytes(b"x")
    (space.folder / "link.png").symlink_to(outside / "secret.png")
    (space.folder / "linked").symlink_to(outside)
    problem = _source(space, source)
    assert (problem.code, problem.line, problem.item) == ("PATH_OUTSIDE", 4, "a")


def test_a_folder_whose_name_only_starts_like_a_root_is_outside(tmp_path: Path) -> None:
    (tmp_path / "pics").mkdir()
    (tmp_path / "pics-secret").mkdir()
    (tmp_path / "pics-secret" / "a.png").touch()
    answer = Pictures([tmp_path / "pics"]).find("../pics-secret/a.png")
    assert isinstance(answer, Problem)
    assert answer.code == "PATH_OUTSIDE"


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("none.png", "PICTURE_MISSING"),
        ("sub\\a.png", "PICTURE_MISSING"),
        ("a\0.png", "BAD_ENCODING"),
        ("loop.png", "PICTURE_MISSING"),
        ("folder", "NOT_A_FILE"),
        ("pipe", "NOT_A_FILE"),
        ("https://example.com/a.png", "URL_REFUSED"),
        ("file:///etc/passwd", "URL_REFUSED"),
        ("data:image/png;base64,AAAA", "URL_REFUSED"),
    ],
)
def test_what_is_no_picture_file_is_refused(space: Workspace, source: str, code: str) -> None:
    (space.folder / "folder").mkdir()
    os.mkfifo(space.folder / "pipe")
    (space.folder / "loop.png").symlink_to("loop.png")
    assert _source(space, source).code == code


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_an_unreadable_file_is_refused(space: Workspace) -> None:
    (space.folder / "a.png").chmod(0)
    assert _source(space, "a.png").code == "NOT_A_FILE"


def test_links_inside_the_roots_lead_to_the_file_itself(space: Workspace) -> None:
    (space.folder / "alias.png").symlink_to("a.png")
    shot = space.load("version: 1\nrows: [{id: a, source: alias.png}]\n").shots[0]
    assert shot.ask.source.path == (space.folder / "a.png").resolve()


def test_the_first_root_that_has_the_picture_wins(space: Workspace) -> None:
    space.pictures("one/x.png", "two/x.png", "two/y.png")
    shots = space.load("version: 1\nroots: [one, two]\nrows: [{id: x, source: x.png}, {id: y, source: y.png}]\n").shots
    assert [shot.ask.source.path.parent.name for shot in shots] == ["one", "two"]


def test_a_missing_mask_is_told_at_its_line(space: Workspace) -> None:
    problem = space.fault("version: 1\nrows:\n  - id: a\n    source:\n      path: a.png\n      mask: none.png\n")
    assert (problem.code, problem.line) == ("PICTURE_MISSING", 6)
    assert "source.mask" in problem.message


ODD_NAMES = [
    "-rf.png",
    "new\nline.png",
    "quo\"te's.png",
    "茶壶.png",
    "ملف.png",
    "x" * 246 + ".png",
    " lead.png",
    "$(id).png",
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_picture_names_work(space: Workspace, name: str) -> None:
    space.pictures(name)
    manifest = space.load(f"version: 1\nrows:\n  - id: a\n    source: {json.dumps(name, ensure_ascii=False)}\n")
    assert manifest.shots[0].ask.source.path.name == name


ODD_IDS = [
    "-rf",
    "quo\"te's",
    "茶壶",
    "a/b",
    "../../x",
    "x" * 200,
    "CON",
    ".hidden",
    "a b",
    "=cmd|' /C calc'!A0",
    "<script>",
]


@pytest.mark.parametrize("name", ODD_IDS)
def test_odd_ids_work_and_outputs_stay_portable(space: Workspace, name: str) -> None:
    manifest = space.load(f"version: 1\nrows:\n  - id: {json.dumps(name, ensure_ascii=False)}\n    source: a.png\n")
    assert manifest.items[0].id == name
    output = manifest.output(manifest.shots[0], "web_1080p")
    assert output.endswith("_web_1080p.mp4")
    assert "/" not in output
    assert output.isascii()
    assert output[0] not in "-."
    assert len(output) <= 140


@pytest.mark.parametrize("name", ["", "x" * 201, "two\nlines", "tab\there"])
def test_bad_ids(space: Workspace, name: str) -> None:
    problem = space.fault(f"version: 1\nrows:\n  - id: {json.dumps(name)}\n    source: a.png\n")
    assert problem.code == ("BAD_ID" if name else "MISSING_ID")
    assert problem.line == 3


def test_numbers_stay_as_written_in_ids(space: Workspace) -> None:
    rows = (
        "version: 1\nrows:\n  - {id: 007, source: a.png}\n  - {id: 1.50, source: a.png}\n  - {id: 1e3, source: a.png}\n"
    )
    assert [item.id for item in space.load(rows).items] == ["007", "1.50", "1e3"]


def test_the_same_id_twice_names_both_rows(space: Workspace) -> None:
    first, second = space.faults(
        "version: 1\nrows:\n  - {id: a, source: a.png}\n  - {id: b, source: a.png}\n  - {id: a, source: b.png}\n"
    )
    assert (first.code, first.line, first.item) == ("DUPLICATE_ID", 3, "a") and "line 5" in first.message
    assert (second.code, second.line, second.item) == ("DUPLICATE_ID", 5, "a") and "line 3" in second.message


@pytest.mark.parametrize("second", ["A", "a"])
def test_two_outputs_with_one_name_are_refused_naming_both(space: Workspace, second: str) -> None:
    template = "'{id}_{preset}'" if second == "A" else "'{title}_{preset}'"
    other = "A" if second == "A" else "b"
    rows = f"  - {{id: a, source: a.png, title: T}}\n  - {{id: {other}, source: b.png, title: t}}\n"
    one, two = space.faults(f"version: 1\nout: {{template: {template}}}\nrows:\n{rows}")
    assert (one.code, one.line) == (two.code, two.line - 1) == ("DUPLICATE_OUTPUT", 4)
    assert f"item '{other}' in line 5" in one.message and "item 'a' in line 4" in two.message


def test_a_template_without_variant_or_preset_clashes_with_itself(space: Workspace) -> None:
    rows = "rows: [{id: a, source: a.png, deliver: [web_1080p, web_4k]}]\n"
    assert space.fault("version: 1\nout: {template: '{id}'}\n" + rows).code == "DUPLICATE_OUTPUT"
    varied = "rows: [{id: a, source: a.png, variants: {seed: [1, 2]}}]\n"
    assert space.fault("version: 1\nout: {template: '{id}_{preset}'}\n" + varied).code == "DUPLICATE_OUTPUT"


def test_templates_make_folders_and_take_the_containers_extension(space: Workspace) -> None:
    text = "version: 1\nout: {folder: done, template: '{meta.brand}/{id}_{preset}.mp4'}\n"
    manifest = space.load(
        text + "rows: [{id: a, source: a.png, meta: {brand: ../Käse}, deliver: [web_1080p, master_prores]}]\n"
    )
    names = [manifest.output(manifest.shots[0], preset) for preset in ("web_1080p", "master_prores")]
    assert manifest.out_folder == space.folder / "done"
    assert [Path(name).name for name in names] == ["a_web_1080p.mp4", "a_master_prores.mov"]
    assert all(Path(name).parts[0].startswith("Kase-") and ".." not in Path(name).parts for name in names)
