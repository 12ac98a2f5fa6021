"""The store: named by bytes, whole or absent, damage found."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

import pytest

from catalog.errors import CatalogError, Damaged, NotFound, StoreUnavailable
from catalog.store import FolderStore


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


def put(store: FolderStore, content: bytes, suffix: str = ".png") -> tuple[str, Path]:
    temp = store.stage_file(suffix)
    temp.write_bytes(content)
    store.flush(temp)
    sha256 = hashlib.sha256(content).hexdigest()
    return sha256, store.root / store.settle(temp, sha256)


def test_a_file_lies_under_the_digest_of_its_bytes_and_is_read_only(store: FolderStore) -> None:
    sha256, path = put(store, b"pixels", ".PNG")
    assert path == store.root / sha256[:2] / sha256[2:4] / f"{sha256}.png" == store.path(sha256)
    store.verify(sha256)
    assert stat.S_IMODE(path.stat().st_mode) == 0o444
    assert list(store.incoming.iterdir()) == []


def test_the_same_bytes_are_one_file_whatever_their_extension(store: FolderStore) -> None:
    _, first = put(store, b"same", ".png")
    _, second = put(store, b"same", ".dat")
    assert first == second
    assert [p for p in store.root.rglob("*") if p.is_file()] == [first]


@pytest.mark.parametrize("suffix", ["", ".../x", ".a b", ".-rf", ".\n", "." + "x" * 40])
def test_names_are_generated_never_taken_from_people(store: FolderStore, suffix: str) -> None:
    assert store.stage_file(suffix).suffix == ".bin"
    assert store.stage_file(suffix).parent == store.incoming


@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_damage_is_found_and_putting_the_bytes_again_heals_it(store: FolderStore, damage: str) -> None:
    content = bytes(range(256)) * 8192  # more than one block
    sha256, path = put(store, content)
    path.chmod(0o644)
    if damage == "flip":
        path.write_bytes(content[:-1] + b"\x00")
    elif damage == "cut":
        path.write_bytes(content[:-1])
    else:
        path.unlink()
    with pytest.raises(Damaged) as found:
        store.verify(sha256)
    assert found.value.sha256 == sha256
    put(store, content)
    store.verify(sha256)
    assert store.path(sha256).read_bytes() == content


def test_only_staged_regular_files_are_taken(store: FolderStore, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        store.flush(store.stage_file(".png"))
    outside = tmp_path / "outside.png"
    outside.write_bytes(b"x")
    with pytest.raises(CatalogError, match="stage_file"):
        store.flush(outside)
    link = store.stage_file(".png")
    link.symlink_to(outside)
    with pytest.raises(NotFound):
        store.flush(link)
    with pytest.raises(ValueError, match="SHA-256"):
        store.path("../../etc/passwd")


def test_storage_that_cannot_be_written_is_away(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    with pytest.raises(StoreUnavailable):
        FolderStore(blocked / "store")


def test_copy_in_hashes_what_it_copied_and_leaves_nothing_on_failure(store: FolderStore, tmp_path: Path) -> None:
    source = tmp_path / "-odd name\n.PNG"
    source.write_bytes(b"source")
    temp, sha256 = store.copy_in(source)
    assert (temp.read_bytes(), sha256) == (b"source", hashlib.sha256(b"source").hexdigest())
    store.discard(temp)
    with pytest.raises(FileNotFoundError):
        store.copy_in(tmp_path / "missing.png")
    assert list(store.incoming.iterdir()) == []
