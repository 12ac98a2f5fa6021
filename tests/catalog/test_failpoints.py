"""Kill the publisher at every boundary: nothing half-written is visible, and running again gives the same bytes."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest
from sqlalchemy import text

from catalog.errors import StoreUnavailable
from catalog.failpoints import PUBLICATION
from catalog.store import hash_file
from tests.catalog.conftest import Workplace

PUBLISHER = """
import pathlib, sys
from catalog import Catalog
from catalog.publication import Figure, StagedFile
url, root = sys.argv[1:3]
with Catalog.open(url, pathlib.Path(root)) as catalog:
    if catalog.find_done("recipe") is None:
        execution = catalog.begin(stage="encode", version=1, recipe={}, recipe_sha256="recipe", engine="ffmpeg",
                                  engine_versions={}, weights={}, inputs=[], device="cpu")
        staged = []
        for role, content in (("file", b"clip" * 300_000), ("poster", b"jpeg")):
            path = catalog.store.stage_file("." + role)
            path.write_bytes(content)
            staged.append(StagedFile(path, role, "delivery"))
        catalog.publish(execution, staged, ran={}, seconds=1, measurements=[Figure("psnr", 40.0)])
"""
INGESTER = """
import pathlib, sys
from catalog import Catalog
url, root, picture = sys.argv[1:4]
Catalog.open(url, pathlib.Path(root)).ingest(pathlib.Path(picture))
"""
DIGESTS = {"file": hashlib.sha256(b"clip" * 300_000).hexdigest(), "poster": hashlib.sha256(b"jpeg").hexdigest()}
FINISHED_BY_RECOVERY = (
    "publish.journalled",
    "publish.renamed",
    "publish.renamed:2",
    "publish.settled",
    "publish.marking",
)


def publish(place: Workplace, point: str | None) -> int:
    environment = os.environ | ({"DAILIES_FAILPOINT": point} if point else {})
    command = [sys.executable, "-c", PUBLISHER, place.url, str(place.root)]
    return subprocess.run(command, env=environment, timeout=120, check=False).returncode


def assert_present_means_whole(place: Workplace) -> dict[str, str]:
    """State by digest, every `present` file read back."""
    with place.catalog.database.read() as connection:
        rows = connection.execute(text("SELECT sha256, state, location, bytes FROM artifacts")).all()
        done = connection.execute(text("SELECT count(*) FROM executions WHERE state = 'done'")).scalar()
        outputs = connection.execute(text("SELECT count(*) FROM execution_outputs")).scalar()
    for sha256, state, location, size in rows:
        if state == "present":
            file = place.root / location
            assert hash_file(file) == sha256 and file.stat().st_size == size
    assert (done, outputs, len(rows)) in ((0, 0, 0), (1, 2, 2)), "a publication is visible in part"
    return {sha256: state for sha256, state, _, _ in rows}


@pytest.mark.parametrize("point", [*PUBLICATION, "publish.renamed:2", "execution.begun"])
@pytest.mark.promise("kill -9 loses no finished stage")
def test_a_publisher_killed_anywhere_does_no_harm(place: Workplace, point: str) -> None:
    assert publish(place, point) == -signal.SIGKILL
    seen = assert_present_means_whole(place)
    assert bool(seen) == (point == "publish.done")

    touched = place.catalog.recover(leftovers_after_seconds=-1)
    assert len(touched) == (1 if point in FINISHED_BY_RECOVERY else 0)
    assert bool(assert_present_means_whole(place)) == (point in (*FINISHED_BY_RECOVERY, "publish.done"))
    assert place.catalog.recover(leftovers_after_seconds=-1) == []
    assert list(place.catalog.store.incoming.iterdir()) == []

    assert publish(place, None) == 0
    assert_present_means_whole(place)
    made = place.catalog.find_done("recipe")
    assert made is not None and made.whole
    assert {output.role: output.sha256 for output in made.outputs} == DIGESTS
    with place.catalog.database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM measurements")).scalar() == 1


@pytest.mark.parametrize("damage", ["cut", "remove"])
def test_recovery_withdraws_what_cannot_be_finished(place: Workplace, damage: str) -> None:
    assert publish(place, "publish.renamed") == -signal.SIGKILL  # the clip has its name, the poster has not
    (staged,) = place.catalog.store.incoming.iterdir()
    staged.unlink() if damage == "remove" else staged.write_bytes(b"jp")
    place.catalog.recover()
    assert assert_present_means_whole(place) == {}
    assert [file for file in place.root.rglob("*") if file.is_file()] == []
    with place.catalog.database.read() as connection:
        assert connection.execute(text("SELECT state, error_code FROM executions")).one() == (
            "failed",
            "PUBLICATION_LOST",
        )


def test_recovery_beside_a_living_publisher_does_its_work_for_it(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution, staged = place.begin("recipe"), place.stage(b"clip")
    settle = place.catalog.store.settle
    recovered: list[str] = []

    def meanwhile(temp, sha256):  # type: ignore[no-untyped-def]
        if not recovered:
            recovered.append("now")
            recovered.extend(place.catalog.recover())
        return settle(temp, sha256)

    monkeypatch.setattr(place.catalog.store, "settle", meanwhile)
    made = place.catalog.publish(execution, [staged], ran={}, seconds=1)
    assert recovered == ["now", execution] and made.id == execution and made.whole and made.state == "done"


@pytest.mark.parametrize("where", ["flush", "hashed"])
def test_a_repeated_publication_that_recovery_overtakes_is_done(
    place: Workplace, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """The store was full after the journal; when it is back, the next try and somebody's `recover` begin together."""
    execution, staged = place.begin("recipe"), place.stage(b"clip")
    with monkeypatch.context() as away:
        away.setattr(place.catalog.store, "settle", Mock(side_effect=StoreUnavailable("full", code="DISK_FULL")))
        with pytest.raises(StoreUnavailable):
            place.catalog.publish(execution, [staged], ran={}, seconds=1)
    flush, recovered = place.catalog.store.flush, list[str]()

    def overtaken(temp: Path) -> None:
        if where == "flush":
            recovered.extend(place.catalog.recover())
        flush(temp)

    def reach(point: str) -> None:
        if where == "hashed" and point == "publish.hashed":
            recovered.extend(place.catalog.recover())

    monkeypatch.setattr(place.catalog.store, "flush", overtaken)
    monkeypatch.setattr("catalog.publication.reach", reach)
    made = place.catalog.publish(execution, [staged], ran={}, seconds=1)
    assert recovered == [execution] and made.id == execution and made.whole and made.state == "done"


@pytest.mark.parametrize("point", ["ingest.copied", "ingest.settled"])
def test_a_source_taken_in_by_a_killed_process_is_taken_in_again(place: Workplace, point: str) -> None:
    picture = place.root.parent / "photo.png"
    picture.write_bytes(b"photo")
    command = [sys.executable, "-c", INGESTER, place.url, str(place.root), str(picture)]
    killed = subprocess.run(command, env=os.environ | {"DAILIES_FAILPOINT": point}, timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL
    with place.catalog.database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM artifacts")).scalar() == 0
    assert place.catalog.store.path(place.catalog.ingest(picture)).read_bytes() == b"photo"
