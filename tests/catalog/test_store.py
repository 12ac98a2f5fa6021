"""The store, a folder and a bucket: named by bytes, whole or absent, damage found."""

from __future__ import annotations

import hashlib
import stat
from abc import ABC, abstractmethod
from pathlib import Path

import pytest

from catalog import Catalog
from catalog.errors import CatalogError, Damaged, NotFound, StoreUnavailable
from catalog.store import FolderStore, Store, StoreAddress, open_store
from catalog.store.s3 import PART_BYTES
from tests.catalog.store_server import shared


class Kept(ABC):
    """A store, and its files as anybody else sees and changes them, by location."""

    store: Store

    @abstractmethod
    def read(self, location: str) -> bytes | None: ...

    @abstractmethod
    def change(self, location: str, content: bytes | None) -> None: ...

    @abstractmethod
    def names(self) -> list[str]: ...

    def put(self, content: bytes, suffix: str = ".png") -> tuple[str, str]:
        """(SHA-256, location)."""
        temp = self.store.stage_file(suffix)
        temp.write_bytes(content)
        self.store.flush(temp)
        sha256 = hashlib.sha256(content).hexdigest()
        return sha256, self.store.settle(temp, sha256)


class InFolder(Kept):
    def __init__(self, folder: Path) -> None:
        self.root = folder / "store"
        self.store = open_store(self.root)

    def read(self, location: str) -> bytes | None:
        path = self.root / location
        return path.read_bytes() if path.exists() else None

    def change(self, location: str, content: bytes | None) -> None:
        (self.root / location).unlink()
        if content is not None:
            (self.root / location).write_bytes(content)

    def names(self) -> list[str]:
        return sorted(str(one.relative_to(self.root)) for one in self.root.rglob("*") if one.is_file())


class InBucket(Kept):
    def __init__(self, folder: Path) -> None:
        self.bucket = shared().new()
        self.store = open_store(StoreAddress(shared().address(self.bucket), folder / "cache"))

    def read(self, location: str) -> bytes | None:
        return shared().read(self.bucket, location)

    def change(self, location: str, content: bytes | None) -> None:
        if content is None:
            shared().delete(self.bucket, location)
        else:
            shared().overwrite(self.bucket, location, content)

    def names(self) -> list[str]:
        return shared().keys(self.bucket)


@pytest.fixture(params=["folder", "bucket"])
def kept(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kept:
    if request.param == "folder":
        return InFolder(tmp_path)
    for name, value in shared().environment.items():
        monkeypatch.setenv(name, value)
    return InBucket(tmp_path)


def test_a_file_lies_under_the_digest_of_its_bytes_and_is_read_only(kept: Kept) -> None:
    sha256, location = kept.put(b"pixels", ".PNG")
    assert location == f"{sha256[:2]}/{sha256[2:4]}/{sha256}.png" and kept.read(location) == b"pixels"
    for path in (kept.store.path(sha256), kept.store.path(sha256, location)):
        assert path.read_bytes() == b"pixels" and path.suffix == ".png"
        assert stat.S_IMODE(path.stat().st_mode) == 0o444
    kept.store.verify(sha256)
    kept.store.verify(sha256, location, deep=True)
    assert kept.store.has(sha256) and kept.store.find(sha256, location) == kept.store.find(sha256) == location
    assert list(kept.store.incoming.iterdir()) == []


def test_the_same_bytes_are_one_file_whatever_their_extension(kept: Kept) -> None:
    _, first = kept.put(b"same", ".png")
    _, second = kept.put(b"same", ".dat")
    assert first == second
    assert kept.names() == [first]


@pytest.mark.parametrize("suffix", ["", ".../x", ".a b", ".-rf", ".\n", "." + "x" * 40])
def test_names_are_generated_never_taken_from_people(kept: Kept, suffix: str) -> None:
    assert kept.store.stage_file(suffix).suffix == ".bin"
    assert kept.store.stage_file(suffix).parent == kept.store.incoming


@pytest.mark.parametrize("size", [0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 2 * PART_BYTES + 12345])
def test_files_of_every_size_come_back_as_they_were(kept: Kept, size: int) -> None:
    content = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    sha256, location = kept.put(content)
    assert kept.read(location) == content
    kept.store.verify(sha256, location)
    kept.store.verify(sha256, deep=True)
    assert [(one.sha256, one.bytes) for one in kept.store.digests()] == [(sha256, size)]


@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
@pytest.mark.parametrize("deep", [False, True])
def test_damage_is_found_and_putting_the_bytes_again_heals_it(kept: Kept, damage: str, deep: bool) -> None:
    content = bytes(range(256)) * 8192  # more than one block
    sha256, location = kept.put(content)
    broken = {"flip": content[:-1] + b"\x00", "cut": content[:-1], "remove": None}[damage]
    kept.change(location, broken)
    with pytest.raises(Damaged) as found:
        kept.store.verify(sha256, deep=deep)
    assert found.value.sha256 == sha256
    with pytest.raises(Damaged):
        kept.store.verify(sha256, location, deep=deep)
    kept.put(content)
    kept.store.verify(sha256, deep=deep)
    assert kept.read(location) == content and kept.store.path(sha256).read_bytes() == content


def test_what_is_missing_is_said_to_be_missing(kept: Kept) -> None:
    unknown = hashlib.sha256(b"never put").hexdigest()
    assert not kept.store.has(unknown) and kept.store.find(unknown) is None
    for location in ("", f"{unknown[:2]}/{unknown[2:4]}/{unknown}.png"):
        with pytest.raises(NotFound, match="run again"):
            kept.store.path(unknown, location)
        with pytest.raises(Damaged, match="missing"):
            kept.store.verify(unknown, location)
    assert kept.store.remove(unknown) == 0 and list(kept.store.digests()) == []


def test_a_row_that_leads_out_of_the_store_is_not_followed(kept: Kept, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("not yours")
    sha256, location = kept.put(b"pixels")
    for led in ("../secret", str(tmp_path / "secret"), f"../../{location}", location.replace(".png", "/../../x")):
        assert kept.store.path(sha256, led).read_bytes() == b"pixels"
        assert kept.store.find(sha256, led) == location
        kept.store.verify(sha256, led)


def test_removing_frees_what_it_says_and_strangers_are_no_artifacts(kept: Kept) -> None:
    kept.put(b"stays")
    sha256, location = kept.put(b"goes away")
    if isinstance(kept, InFolder):
        (kept.root / sha256[:2] / sha256[2:4] / "notes.txt").write_text("mine")
    elif isinstance(kept, InBucket):
        shared().overwrite(kept.bucket, f"{sha256[:2]}/{sha256[2:4]}/notes.txt", b"mine")
    listed = [one.sha256 for one in kept.store.digests()]
    assert listed == sorted(listed) and len(listed) == 2
    assert kept.store.remove(sha256) == len(b"goes away") and kept.store.remove(sha256) == 0
    assert kept.read(location) is None and not kept.store.has(sha256, location)
    with pytest.raises(NotFound):
        kept.store.path(sha256, location)


def test_only_staged_regular_files_are_taken(kept: Kept, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        kept.store.flush(kept.store.stage_file(".png"))
    outside = tmp_path / "outside.png"
    outside.write_bytes(b"x")
    with pytest.raises(CatalogError, match="stage_file"):
        kept.store.flush(outside)
    link = kept.store.stage_file(".png")
    link.symlink_to(outside)
    with pytest.raises(NotFound):
        kept.store.flush(link)
    with pytest.raises(ValueError, match="SHA-256"):
        kept.store.path("../../etc/passwd")


def test_a_file_somebody_else_has_settled_is_told_from_a_fault(kept: Kept) -> None:
    with pytest.raises(FileNotFoundError):
        kept.store.settle(kept.store.stage_file(".png"), hashlib.sha256(b"x").hexdigest())


def test_copy_in_hashes_what_it_copied_and_leaves_nothing_on_failure(kept: Kept, tmp_path: Path) -> None:
    source = tmp_path / "-odd name\n.PNG"
    source.write_bytes(b"source")
    temp, sha256 = kept.store.copy_in(source)
    assert (temp.read_bytes(), sha256) == (b"source", hashlib.sha256(b"source").hexdigest())
    kept.store.discard(temp)
    with pytest.raises(FileNotFoundError):
        kept.store.copy_in(tmp_path / "missing.png")
    assert list(kept.store.incoming.iterdir()) == []


def test_storage_that_cannot_be_written_is_away(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    with pytest.raises(StoreUnavailable):
        open_store(blocked / "store")


def test_a_share_that_is_not_mounted_has_not_lost_its_files(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "share" / "store")
    (tmp_path / "share").rename(tmp_path / "elsewhere")
    (tmp_path / "share").mkdir()  # the empty mount point
    sha256 = hashlib.sha256(b"x").hexdigest()
    for ask in (store.has, store.find, store.path, store.verify, store.remove):
        with pytest.raises(StoreUnavailable, match="mount"):
            ask(sha256)
    with pytest.raises(StoreUnavailable, match="mount"):
        store.flush(store.stage_file(".png"))
    with pytest.raises(StoreUnavailable, match="mount"):
        list(store.digests())


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("gs://bucket/prefix", "STORE_UNKNOWN"),
        ("file://other-host/folder", "STORE_UNKNOWN"),
        ("s3:///prefix", "STORE_UNKNOWN"),
        ("s3://bucket?versions", "STORE_UNKNOWN"),
        ("", "STORE_UNKNOWN"),
    ],
)
def test_a_place_that_is_no_store_is_refused(tmp_path: Path, url: str, code: str) -> None:
    with pytest.raises(CatalogError) as refused:
        open_store(StoreAddress(url, tmp_path / "cache"))
    assert refused.value.code == code and url in str(refused.value) and "wanted" in str(refused.value)


def test_credentials_in_the_url_are_refused_and_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="AWS_SECRET_ACCESS_KEY") as refused:
        open_store(StoreAddress("s3://key:s3cret@bucket/prefix", tmp_path / "cache"))
    assert "s3cret" not in str(refused.value)


def test_a_folder_may_be_written_as_a_url(tmp_path: Path) -> None:
    store = open_store(f"file://{tmp_path}/my%20store")
    assert isinstance(store, FolderStore) and store.root == tmp_path / "my store" and store.lasting


def test_a_store_that_has_gone_is_not_begun_anew_behind_the_catalogs_back(tmp_path: Path) -> None:
    url, mounted, elsewhere = f"sqlite:///{tmp_path}/catalog.db", tmp_path / "share", tmp_path / "elsewhere"
    (tmp_path / "photo.png").write_bytes(b"photo")
    with Catalog.open(url, mounted / "store") as catalog:  # nothing in it yet: made
        sha256 = catalog.ingest(tmp_path / "photo.png")
    mounted.rename(elsewhere)
    mounted.mkdir()
    with pytest.raises(StoreUnavailable, match="mount it"):
        Catalog.open(url, mounted / "store")
    assert list(mounted.iterdir()) == []
    mounted.rmdir()
    elsewhere.rename(mounted)
    with Catalog.open(url, mounted / "store") as catalog:
        catalog.verify(sha256)
