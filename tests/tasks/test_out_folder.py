"""The folder for people: readable names, links or copies, an index no spreadsheet runs, whole files or none."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from catalog.queries import shots_of
from catalog.retirement import Retired
from catalog.store import hash_file
from tasks.out_folder import put, withdraw, write_out_folder
from tasks.out_index import FORMULA, harmless
from tests.workroom import Workroom, index_of


@pytest.mark.parametrize("start", FORMULA)
def test_a_cell_that_would_be_a_formula_is_text(start: str) -> None:
    if start.strip():
        assert harmless(f"{start}1+1") == f"'{start}1+1"
        assert harmless(f"  {start}1+1") == f"'  {start}1+1"
    else:
        assert harmless(f"{start}=1+1") == f"'{start}=1+1"


@pytest.mark.parametrize("value", ["mug", "a=b", "", "   ", 7, -7, 0.5, None, True, "1-2"])
def test_what_is_harmless_stays_as_it_is(value: object) -> None:
    assert harmless(value) == value


def test_a_file_is_a_link_where_it_can_be_and_a_copy_where_it_is_asked(tmp_path: Path) -> None:
    source = tmp_path / "store" / "a.mp4"
    source.parent.mkdir()
    source.write_bytes(b"clip")
    put(source, tmp_path / "out" / "sub" / "a.mp4")
    assert (tmp_path / "out/sub/a.mp4").samefile(source)
    put(source, tmp_path / "out" / "copy.mp4", copy=True)
    copied = tmp_path / "out" / "copy.mp4"
    assert copied.read_bytes() == b"clip" and not copied.samefile(source)
    assert sorted(path.name for path in (tmp_path / "out").rglob("*")) == ["a.mp4", "copy.mp4", "sub"]


def test_without_links_it_is_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "a.mp4"
    source.write_bytes(b"clip")

    def refused(*_: object) -> None:
        raise OSError("cross-device link")

    monkeypatch.setattr(os, "link", refused)
    put(source, tmp_path / "out.mp4")
    assert (tmp_path / "out.mp4").read_bytes() == b"clip"


@pytest.mark.usefixtures("small")
def test_a_retired_file_that_cannot_be_taken_out_keeps_no_other_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    home = Workroom(tmp_path)
    home.picture("a.png")
    retired: list[Retired] = []
    for name in ("held", "free"):
        place = tmp_path / "out" / f"{name}.mp4"
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(name.encode())
        retired.append(Retired(name, name, name, "web", hash_file(place), None, (str(place),)))
    unlink = Path.unlink

    def locked(path: Path, missing_ok: bool = False) -> None:
        if path.name == "held.mp4":
            raise PermissionError(13, "Permission denied", str(path))
        unlink(path, missing_ok)

    with home.tools() as tools:
        run_id = home.submit(tools, home.plan(home.manifest([{"id": "mug", "source": "a.png"}])))
        monkeypatch.setattr(Path, "unlink", locked)
        assert withdraw(tools.catalog, tmp_path / "out", run_id, retired) == 1
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["held.mp4"] and "held.mp4" in caplog.text


def test_a_copy_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = tmp_path / "a.mp4", tmp_path / "out.mp4"
    source.write_bytes(b"new clip")
    target.write_bytes(b"old clip")

    def half(_: object, temporary: Path) -> None:
        Path(temporary).write_bytes(b"new")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tasks.out_folder.shutil.copyfile", half)
    with pytest.raises(OSError, match="No space"):
        put(source, target, copy=True)
    assert target.read_bytes() == b"old clip"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "out.mp4"]


def test_names_follow_the_template_into_folders(room: Workroom) -> None:
    room.picture("a.png")
    row = {
        "id": "a",
        "source": "a.png",
        "meta": {"brand": "Ada & Söhne / Co"},
        "variants": {"motion.move": ["push", "pan"]},
    }
    ended = room.run(room.manifest([row], out={"folder": "out", "template": "{meta.brand}/{id}_{variant}_{preset}"}))
    files = [path.relative_to(room.folder / "out") for path in ended.out.files.values()]
    assert len(set(files)) == 2
    assert all(len(path.parts) == 2 for path in files), files
    assert {row["file"] for row in index_of(room.folder / "out")} == {path.as_posix() for path in files}
    assert {row["variant"] for row in index_of(room.folder / "out")} == {"move=push", "move=pan"}
    for row in json.loads((room.folder / "out/index.json").read_text()):
        assert (room.folder / "out" / row["file"]).is_file() and (room.folder / "out" / row["poster"]).is_file()


def test_an_out_folder_that_was_deleted_is_made_again(room: Workroom) -> None:
    room.picture("a.png")
    manifest = room.manifest([{"id": "a", "source": "a.png"}])
    first = room.run(manifest)
    before = {path.name: path.read_bytes() for path in first.out.folder.iterdir() if path.suffix == ".mp4"}
    for path in first.out.folder.iterdir():
        path.unlink()
    again = room.run(manifest)
    assert again.status.stages == ()
    assert {path.name: path.read_bytes() for path in again.out.folder.iterdir() if path.suffix == ".mp4"} == before


def test_an_exported_folder_shares_nothing_with_the_store(room: Workroom) -> None:
    room.picture("a.png")
    ended = room.run(room.manifest([{"id": "a", "source": "a.png"}]))
    with room.tools() as tools:
        shots = shots_of(tools.catalog, ended.run_id)
        made = write_out_folder(tools.catalog, room.folder / "usb stick", shots, ended.rows, copy=True)
    for path in made.files.values():
        assert path.stat().st_nlink == 1
        assert path.read_bytes() == ended.rows[0].delivery.path.read_bytes()
    assert made.index_csv.is_file() and made.contact_sheets[0].is_file()
