"""A whole run on a bucket: made, found again by a machine with nothing in its cache, healed, and never linked to."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from catalog.store import hash_file
from catalog.store.cache import Cache
from tests.catalog.store_server import shared
from tests.workroom import Workroom, decoded


@pytest.fixture
def bucket(room: Workroom, monkeypatch: pytest.MonkeyPatch) -> str:
    """The bucket that the room keeps its artifacts in."""
    for name, value in shared().environment.items():
        monkeypatch.setenv(name, value)
    name = shared().new()
    changes = {"store_url": shared().address(name), "cache_dir": room.folder / "cache"}
    room.settings = room.settings.model_copy(update=changes)
    return name


def empty(cache: Path) -> None:
    """As on a machine that has never seen this store."""
    shutil.rmtree(cache)


def test_a_run_on_a_bucket_is_found_again_by_a_machine_that_has_nothing(room: Workroom, bucket: str) -> None:
    room.picture("a.png")
    room.picture("b.png", seed=2)
    both = {"deliver": ["small_wide", "small_tall"]}
    manifest = room.manifest([{"id": one, "source": f"{one}.png"} for one in "ab"], defaults=both)
    first = room.run(manifest)
    assert first.status.run.state == "done" and len(first.rows) == 4
    assert decoded(room.folder / "out" / "a_small_wide.mp4").shape == (15, 180, 320, 3)
    listed = shared().keys(bucket)
    with room.tools() as tools:
        assert [one.location for one in tools.catalog.store.digests()] == listed and len(listed) >= 8
        for one in tools.catalog.store.digests():
            tools.catalog.verify(one.sha256, one.location, deep=True)
        assert not list(tools.catalog.store.incoming.iterdir()), "nothing half-made is left"

    empty(room.folder / "cache")
    shutil.rmtree(room.folder / "out")
    again = room.run(manifest)
    assert again.made == {} and shared().keys(bucket) == listed
    for row in again.rows:
        placed = again.out.files[row.delivery.id]
        assert placed.read_bytes() == row.delivery.path.read_bytes()
        assert placed.stat().st_nlink == 1 and not placed.samefile(row.delivery.path), "a copy may be evicted"

    before = {path: path.stat().st_ino for path in again.out.files.values()}
    empty(room.folder / "cache")
    assert room.run(manifest).out.files.keys() == again.out.files.keys()
    assert {path: path.stat().st_ino for path in before} == before, "what lies there is not fetched again"
    assert Cache(room.folder / "cache", 10**9).size() == 0


def test_an_object_that_is_lost_is_made_again_with_the_same_bytes(room: Workroom, bucket: str) -> None:
    room.picture("a.png")
    manifest = room.manifest([{"id": "a", "source": "a.png"}])
    first = room.run(manifest)
    lost = first.rows[0].delivery
    whole = lost.path.read_bytes()
    shared().delete(bucket, lost.location)
    again = room.run(manifest)
    assert again.status.run.state == "done" and again.made == {"encode": 1}
    assert shared().read(bucket, lost.location) == whole == again.rows[0].delivery.path.read_bytes()


def test_stills_are_fetched_where_a_later_stage_needs_them(room: Workroom, bucket: str) -> None:
    room.picture("a.png")
    room.run(room.manifest([{"id": "a", "source": "a.png"}]))
    empty(room.folder / "cache")
    wider = room.run(room.manifest([{"id": "a", "source": "a.png", "deliver": ["small_wide", "small_shop"]}]))
    assert wider.status.run.state == "done" and "prepare" not in wider.made and wider.made["encode"] == 1
    with room.tools() as tools:
        fetched, photo = Cache(room.folder / "cache", 10**9), hash_file(room.folder / "a.png")
        assert tools.catalog.store.has(photo) and fetched.get(photo) is None, "nobody needed the photo itself"
