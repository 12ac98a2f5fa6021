"""A folder of numbered pictures: order, names, lengths."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from flows.import_boards import import_boards
from manifests.errors import ManifestError
from manifests.loader import load
from tasks.boards.pictures import natural
from tasks.boards.project import read_project


def folder_of(path: Path, *names: str) -> Path:
    path.mkdir()
    for n, name in enumerate(names):
        Image.new("RGB", (64, 36), (n * 20, 0, 0)).save(path / name)
    return path


def test_natural_order() -> None:
    wanted = ["1.png", "2.png", "010.png", "010a.png", "010b.png", "11.png", "a2.png", "a10.png", "B1.png"]
    mixed = wanted[::-1]
    assert sorted(mixed, key=natural) == wanted


def test_pictures_become_a_manifest_with_ids_after_their_names(tmp_path: Path) -> None:
    source = folder_of(tmp_path / "Act one", "010.png", "010a.jpg", "9.webp", "100.tiff", ".hidden.png")
    (source / "list.txt").write_text("not a picture")
    imported = import_boards(source, tmp_path / "out")
    manifest = load(imported.manifest)
    assert [item.id for item in manifest.items] == ["SQ010_SH0009", "SQ010_SH0010", "SQ010_SH0010A", "SQ010_SH0100"]
    assert [(item.ask.shot, item.ask.panel, item.ask.seconds) for item in manifest.items][1:3] == [
        ("010", "", 2),
        ("010", "a", 2),
    ]
    assert manifest.items[2].ask.source.path == tmp_path.resolve() / "out/boards/010a.jpg"
    assert (tmp_path / "out/boards/010a.jpg").read_bytes() == (source / "010a.jpg").read_bytes()
    assert not imported.warnings and manifest.name == "Act one"


def test_names_without_numbers_and_twice_the_same_take_steps_of_ten(tmp_path: Path) -> None:
    source = folder_of(tmp_path / "p", "door.png", "door.jpg", "Hand.png", "a01.png", "b01.png")
    imported = import_boards(source, tmp_path / "out")
    assert imported.added == ("SQ010_SH0001", "SQ010_SH0010", "SQ010_SH0020", "SQ010_SH0030", "SQ010_SH0040")
    assert len(load(imported.manifest).items) == 5


def test_a_picture_that_cannot_be_read_keeps_its_row_and_is_told(tmp_path: Path) -> None:
    source = folder_of(tmp_path / "p", "1.png", "2.png")
    (source / "2.png").write_bytes(b"no picture")
    imported = import_boards(source, tmp_path / "out")
    assert len(imported.added) == 2 and len(imported.warnings) == 1 and "picture 2.png" in imported.warnings[0]
    manifest = load(imported.manifest)
    assert [row.problems[0].code for row in manifest.refused] == ["PICTURE_MISSING"] and len(manifest.items) == 1


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    source = folder_of(tmp_path / "p", "1.png")
    (source / "2.png").symlink_to("/etc/hostname")
    with pytest.raises(ManifestError) as caught:
        read_project(source)
    assert caught.value.problems[0].code == "PATH_OUTSIDE"
