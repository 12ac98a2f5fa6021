"""Publication into a bucket from machines that do not see each other's disks, killed at every boundary."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog import Catalog
from catalog.claims import Claim
from catalog.errors import StaleClaim
from catalog.publication import StagedFile
from catalog.store import StoreAddress
from catalog.store.bucket import BucketStore
from tests.catalog.conftest import Workplace
from tests.catalog.store_server import shared

PUBLISHER = """
import pathlib, sys
from catalog import Catalog
from catalog.publication import StagedFile
from catalog.store import StoreAddress
database, store, cache, shot = sys.argv[1:]
with Catalog.open(database, StoreAddress(store, pathlib.Path(cache))) as catalog:
    (claim,) = catalog.claim(None, [shot], "machine-a:1", 600)
    execution = catalog.begin(stage="encode", version=1, recipe={}, recipe_sha256="recipe", engine="ffmpeg",
                              engine_versions={}, weights={}, inputs=[], device="cpu", claim=claim)
    staged = []
    for role, content in (("file", b"clip" * 300_000), ("poster", b"jpeg")):
        path = catalog.store.stage_file("." + role)
        path.write_bytes(content)
        staged.append(StagedFile(path, role, "delivery"))
    catalog.publish(execution, staged, ran={}, seconds=1, claim=claim)
"""
DIGESTS = {"file": hashlib.sha256(b"clip" * 300_000).hexdigest(), "poster": hashlib.sha256(b"jpeg").hexdigest()}


class Studio:
    """Two machines, each with a disk of its own, on one database and one bucket."""

    def __init__(self, folder: Path) -> None:
        self.bucket, self.folder = shared().new(), folder
        self.work = Workplace(folder)
        self.work.catalog.close()
        self.a, self.b = self.open("a"), self.open("b")
        self.work.catalog = self.b
        _, (self.shot,) = self.work.submit()

    def open(self, machine: str) -> Catalog:
        return Catalog.open(self.work.url, StoreAddress(shared().address(self.bucket), self.folder / machine))

    def publish_on_a(self, point: str) -> None:
        store, cache = shared().address(self.bucket), str(self.folder / "a")
        command = [sys.executable, "-c", PUBLISHER, self.work.url, store, cache, self.shot]
        environment = os.environ | {"DAILIES_FAILPOINT": point}
        ended = subprocess.run(command, env=environment, timeout=120, check=False)
        assert ended.returncode == -signal.SIGKILL

    def assert_done(self) -> None:
        made = self.b.find_done("recipe")
        assert made is not None and made.whole
        assert {output.role: output.sha256 for output in made.outputs} == DIGESTS
        for output in made.outputs:
            self.b.verify(output.sha256, output.location, deep=True)
            assert hashlib.sha256(output.path.read_bytes()).hexdigest() == output.sha256


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:
    for name, value in shared().environment.items():
        monkeypatch.setenv(name, value)
    studio = Studio(tmp_path)
    yield studio
    studio.a.close()
    studio.b.close()


@pytest.mark.parametrize("point", ["store.uploaded:2", "publish.renamed:2", "publish.marking"])
def test_what_is_whole_in_the_bucket_any_machine_finishes(studio: Studio, point: str) -> None:
    studio.publish_on_a(point)
    assert studio.b.find_done("recipe") is None
    assert len(studio.b.recover()) == 1 and studio.b.recover() == []
    studio.assert_done()
    assert studio.a.recover(leftovers_after_seconds=-1) == [] and not list((studio.folder / "a/incoming").iterdir())


@pytest.mark.parametrize("point", ["publish.journalled", "store.uploaded", "publish.renamed"])
def test_what_lies_on_another_machine_is_left_to_it_while_its_claim_holds(studio: Studio, point: str) -> None:
    studio.publish_on_a(point)
    uploaded = shared().keys(studio.bucket)
    assert studio.b.recover(leftovers_after_seconds=-1) == [], "its disk may be alive"
    assert shared().keys(studio.bucket) == uploaded
    assert len(studio.a.recover(leftovers_after_seconds=-1)) == 1
    studio.assert_done()


@pytest.mark.parametrize("point", ["publish.journalled", "store.uploaded"])
def test_a_publication_whose_machine_is_gone_is_withdrawn_when_another_takes_the_shot(
    studio: Studio, point: str
) -> None:
    studio.publish_on_a(point)
    studio.b.release([Claim(studio.shot, 1, "machine-a:1", None)])  # type: ignore[arg-type]  # what reclaiming does
    assert len(studio.b.recover()) == 1 and studio.b.recover() == []
    assert shared().keys(studio.bucket) == [], "nobody vouches for what it had uploaded"
    (claim,) = studio.b.claim(None, [studio.shot], "machine-b:1", 600)
    studio.work.make("recipe", b"made again", claim=claim)
    assert studio.a.recover(leftovers_after_seconds=-1) == []
    made = studio.b.find_done("recipe")
    assert made is not None and made.outputs[0].path.read_bytes() == b"made again"


def test_recovery_beside_a_publisher_living_elsewhere_leaves_it_alone_or_does_its_work(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    (claim,) = studio.a.claim(None, [studio.shot], "machine-a:1", 600)
    studio.work.catalog = studio.a
    execution = studio.work.begin("recipe", claim=claim)
    staged = [studio.work.stage(b"clip"), studio.work.stage(b"jpeg", "poster", ".jpg")]
    assert isinstance(studio.a.store, BucketStore)
    put, recovered = studio.a.store.bucket.put, list[list[str]]()

    def slow(key: str, file: Path, attributes: dict[str, str]) -> None:
        recovered.append(studio.b.recover(leftovers_after_seconds=-1))
        put(key, file, attributes)
        recovered.append(studio.b.recover(leftovers_after_seconds=-1))

    monkeypatch.setattr(studio.a.store.bucket, "put", slow)
    made = studio.a.publish(execution, staged, ran={}, seconds=1, claim=claim)
    assert recovered == [[], [], [], [execution]]
    assert made.id == execution and made.state == "done" and made.whole and len(made.outputs) == 2


def test_a_stale_publisher_leaves_nothing_in_the_bucket(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    (claim,) = studio.a.claim(None, [studio.shot], "machine-a:1", 600)
    studio.work.catalog = studio.a
    execution, staged = studio.work.begin("recipe", claim=claim), studio.work.stage(b"clip")
    settle = studio.a.store.settle

    def slow(temp: Path, sha256: str) -> str:
        location = settle(temp, sha256)
        assert shared().keys(studio.bucket) == [location]
        studio.b.release([claim])
        return location

    monkeypatch.setattr(studio.a.store, "settle", slow)
    with pytest.raises(StaleClaim):
        studio.a.publish(execution, [StagedFile(staged.path, "file", "delivery")], ran={}, seconds=1, claim=claim)
    assert shared().keys(studio.bucket) == [] and studio.b.find_done("recipe") is None
