"""A folder that machines share: other names for one place, handles that go stale, a server that does not answer."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import pytest

from catalog import Catalog
from catalog.errors import StoreUnavailable
from catalog.store import FolderStore
from tests.catalog.conftest import Workplace


def put(store: FolderStore, content: bytes) -> tuple[str, str]:
    temp = store.stage_file(".mp4")
    temp.write_bytes(content)
    store.flush(temp)
    sha256 = hashlib.sha256(content).hexdigest()
    return sha256, store.settle(temp, sha256)


def test_a_publication_is_finished_by_a_machine_that_mounts_the_share_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "share").mkdir()
    for mount in ("mnt-a", "mnt-b"):
        (tmp_path / mount).symlink_to(tmp_path / "share")
    work = Workplace(tmp_path)
    work.catalog.close()
    with Catalog.open(work.url, tmp_path / "mnt-a/store") as a, Catalog.open(work.url, tmp_path / "mnt-b/store") as b:
        work.catalog = a
        execution, staged = work.begin("recipe"), work.stage(b"clip")
        with monkeypatch.context() as patch:  # it dies after journalling
            patch.setattr(a.store, "settle", lambda *_: (_ for _ in ()).throw(StoreUnavailable("cut off")))
            with pytest.raises(StoreUnavailable):
                a.publish(execution, [staged], ran={}, seconds=1)
        assert b.recover(leftovers_after_seconds=-1) == [execution]
        made = a.find_done("recipe")
        assert made is not None and made.outputs[0].path == a.store.path(made.outputs[0].sha256)
        assert made.outputs[0].path.is_relative_to(tmp_path / "mnt-a") and made.outputs[0].path.read_bytes() == b"clip"
        assert list(a.store.incoming.iterdir()) == []


def test_a_staged_file_that_is_not_seen_yet_costs_no_living_publisher_its_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Workplace(tmp_path)
    (claim,) = work.claim()
    execution, staged = work.begin("recipe", claim=claim), work.stage(b"clip")
    unseen, settle = tmp_path / "unseen", work.catalog.store.settle

    def meanwhile(temp: Path, sha256: str) -> str:
        temp.rename(unseen)  # what another client of the share may see for some seconds
        assert work.catalog.recover(leftovers_after_seconds=-1) == []
        unseen.rename(temp)
        return settle(temp, sha256)

    with monkeypatch.context() as patch:
        patch.setattr(work.catalog.store, "settle", meanwhile)
        assert work.catalog.publish(execution, [staged], ran={}, seconds=1, claim=claim).state == "done"

    lost = work.stage(b"other")
    following = work.begin("another recipe", claim=claim)
    with monkeypatch.context() as patch:
        patch.setattr(work.catalog.store, "settle", lambda *_: (_ for _ in ()).throw(StoreUnavailable("cut off")))
        with pytest.raises(StoreUnavailable):
            work.catalog.publish(following, [lost], ran={}, seconds=1, claim=claim)
    lost.path.unlink()
    assert work.catalog.recover() == []
    work.catalog.release([claim])
    assert work.catalog.recover() == [following] and work.catalog.execution(following).state == "failed"
    work.catalog.close()


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (errno.ESTALE, "STORE_UNAVAILABLE"),
        (errno.EIO, "STORE_UNAVAILABLE"),
        (errno.ETIMEDOUT, "STORE_UNAVAILABLE"),
        (errno.ENOSPC, "DISK_FULL"),
        (errno.EDQUOT, "DISK_FULL"),
    ],
)
def test_a_server_in_trouble_is_waited_for_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: int, code: str
) -> None:
    store = FolderStore(tmp_path / "store")
    sha256, location = put(store, b"clip")
    temp = store.stage_file(".mp4")
    temp.write_bytes(b"next")
    following = hashlib.sha256(b"next").hexdigest()

    def broken(*_: object, **__: object) -> None:
        raise OSError(fault, os.strerror(fault))

    asks = {
        "open": [lambda: store.verify(sha256), lambda: store.flush(temp)],
        "stat": [lambda: store.path(sha256, location), lambda: store.has(sha256, location), lambda: store.flush(temp)],
        "replace": [lambda: store.settle(temp, following)],
        "unlink": [lambda: store.remove(sha256), lambda: store.discard(temp)],
        "iterdir": [lambda: store.path(sha256), lambda: list(store.digests()), lambda: store.leftovers(0)],
    }
    for call, doing in asks.items():
        for ask in doing:
            with monkeypatch.context() as patch:
                patch.setattr(Path, call, broken)
                with pytest.raises(StoreUnavailable) as away:
                    ask()
            assert away.value.code == code and os.strerror(fault) in str(away.value), call
    store.verify(sha256, location)
    assert store.settle(temp, following) and store.path(following).read_bytes() == b"next"
