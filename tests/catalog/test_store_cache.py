"""The cache: fetched once by whoever comes first, hashed before use, dropped when long unused, shared by processes."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from catalog.errors import Damaged, NotFound, StoreUnavailable
from catalog.store.bucket import BucketStore
from catalog.store.cache import Cache
from catalog.store.s3 import Bucket
from tests.catalog.store_server import shared

FILLER = """
import hashlib, pathlib, sys, time
from catalog.store.cache import Cache
folder, log, count = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3])
cache = Cache(folder, 10**9)
for n in range(count):
    content = b"%d" % n * 50_000
    sha256 = hashlib.sha256(content).hexdigest()
    def fetch(path):
        with log.open("a") as lines:
            lines.write(f"{n}\\n")
        with path.open("wb") as file:
            for start in range(0, len(content), 10_000):
                file.write(content[start : start + 10_000])
                time.sleep(0.002)
        return hashlib.sha256(path.read_bytes()).hexdigest()
    assert cache.fill(sha256, ".mkv", fetch).read_bytes() == content
"""


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def writes(content: bytes, calls: list[str] | None = None) -> Callable[[Path], str]:
    def fetch(path: Path) -> str:
        path.write_bytes(content)
        if calls is not None:
            calls.append(path.name)
        return digest(content)

    return fetch


def age(path: Path, seconds: float) -> None:
    """As if it had been used last so long ago."""
    then = time.time_ns() - int(seconds * 1e9)
    os.utime(path, ns=(then, path.stat().st_mtime_ns))


def test_a_copy_is_fetched_once_and_again_only_when_it_is_broken(tmp_path: Path) -> None:
    cache, calls = Cache(tmp_path, 1000), list[str]()
    path = cache.fill(digest(b"clip"), ".mkv", writes(b"clip", calls))
    assert path == cache.fill(digest(b"clip"), ".mkv", writes(b"clip", calls)) == cache.get(digest(b"clip"))
    assert len(calls) == 1 and path.suffix == ".mkv" and path.read_bytes() == b"clip"
    path.chmod(0o644)
    path.write_bytes(b"clap")
    assert cache.get(digest(b"clip")) is None
    assert cache.fill(digest(b"clip"), ".mkv", writes(b"clip", calls)).read_bytes() == b"clip" and len(calls) == 2
    age(path, 60)  # a bad disk leaves no trace, but a process that has not seen this copy hashes it
    flipped, then = b"clop", path.stat()
    path.chmod(0o644)
    path.write_bytes(flipped)
    os.utime(path, ns=(then.st_atime_ns, then.st_mtime_ns))
    assert Cache(tmp_path, 1000).get(digest(b"clip")) is None


def test_other_bytes_than_the_name_promises_are_never_kept(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 1000)
    with pytest.raises(Damaged):
        cache.fill(digest(b"clip"), ".mkv", writes(b"something else"))
    assert cache.get(digest(b"clip")) is None and cache.size() == 0 and list(cache.incoming.iterdir()) == []


def test_what_was_used_longest_ago_goes_first_and_what_is_in_use_stays(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 1000, grace_seconds=100)
    contents = [bytes([n]) * 300 for n in range(5)]
    paths = [cache.fill(digest(one), ".bin", writes(one)) for one in contents]
    assert cache.size() == 1500, "all are in use: none may go, though that is more than the limit"
    for path, seconds in zip(paths, (500, 200, 400, 300, 50), strict=True):
        age(path, seconds)
    assert cache.get(digest(contents[0])) == paths[0], "a use counts"
    assert cache.evict(1000) == 600  # down to 900: 9/10 of the limit, so that the next copy does not evict again
    assert [path.exists() for path in paths] == [True, True, False, False, True]
    assert cache.evict(1000) == 0
    age(paths[0], 500)
    age(paths[1], 500)
    newest = cache.fill(digest(b"x" * 400), ".bin", writes(b"x" * 400))  # a new copy makes room for itself
    assert newest.exists() and paths[4].exists() and cache.size() <= 1000


def test_a_disk_smaller_than_the_limit_is_relieved_of_what_nobody_uses(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 10**9, grace_seconds=100)
    old = cache.fill(digest(b"old"), ".bin", writes(b"old"))
    age(old, 500)

    def fetch(path: Path) -> str:
        if old.exists():
            raise StoreUnavailable("no space left on device", code="DISK_FULL")
        return writes(b"new")(path)

    assert cache.fill(digest(b"new"), ".bin", fetch).read_bytes() == b"new" and not old.exists()
    with pytest.raises(StoreUnavailable):  # nothing more to drop: that disk is full
        cache.fill(digest(b"newer"), ".bin", lambda _: (_ for _ in ()).throw(StoreUnavailable("x", code="DISK_FULL")))
    assert list(cache.incoming.iterdir()) == []


def test_many_processes_fill_one_cache_and_fetch_each_file_once(tmp_path: Path) -> None:
    log, count = tmp_path / "fetched", 12
    command = [sys.executable, "-c", FILLER, str(tmp_path / "cache"), str(log), str(count)]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(3)]
    for one in running:
        _, said = one.communicate(timeout=120)
        assert one.returncode == 0, said.decode()
    assert sorted(map(int, log.read_text().split())) == list(range(count))
    cache = Cache(tmp_path / "cache", 10**9)
    assert list(cache.incoming.iterdir()) == [] and cache.get(digest(b"7" * 50_000)) is not None


def test_a_process_killed_while_it_fills_leaves_no_half_copy_and_no_lock(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FILLER, str(tmp_path / "cache"), str(tmp_path / "fetched"), "1"]
    environment = os.environ | {"DAILIES_FAILPOINT": "cache.fetched"}
    assert subprocess.run(command, env=environment, timeout=60, check=False).returncode == -signal.SIGKILL
    cache, content = Cache(tmp_path / "cache", 10**9), b"0" * 50_000
    assert cache.get(digest(content)) is None
    assert cache.fill(digest(content), ".mkv", writes(content)).read_bytes() == content


@pytest.fixture
def machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[BucketStore, BucketStore, str]:
    """Two machines with a cache each, on one bucket; and the bucket's name."""
    for name, value in shared().environment.items():
        monkeypatch.setenv(name, value)
    bucket = shared().new()
    here, there = (BucketStore(Bucket(bucket, "some/prefix"), Cache(tmp_path / one, 10**9)) for one in ("a", "b"))
    return here, there, bucket


def put(store: BucketStore, content: bytes) -> tuple[str, str]:
    temp = store.stage_file(".mp4")
    temp.write_bytes(content)
    return digest(content), store.settle(temp, digest(content))


def test_what_one_machine_stored_another_reads_hashed(machines: tuple[BucketStore, BucketStore, str]) -> None:
    here, there, bucket = machines
    sha256, location = put(here, b"clip")
    assert there.path(sha256, location).read_bytes() == b"clip" == there.path(sha256).read_bytes()
    shared().delete(bucket, location)
    assert there.path(sha256, location).read_bytes() == b"clip", "the copy is as good as ever"
    with pytest.raises(Damaged, match="missing"):
        there.verify(sha256, location)  # but it is the bucket that is asked whether it has the file
    there.cache.drop(sha256)
    with pytest.raises(NotFound):
        there.path(sha256, location)


def test_an_object_of_other_bytes_is_neither_verified_nor_handed_out(
    machines: tuple[BucketStore, BucketStore, str],
) -> None:
    here, there, bucket = machines
    sha256, location = put(here, b"clip")
    shared().overwrite(bucket, location, b"clap")
    with pytest.raises(Damaged):
        there.verify(sha256, location)
    with pytest.raises(Damaged):
        there.path(sha256, location)
    assert there.cache.get(sha256) is None


def test_an_object_that_another_tool_brought_is_read_before_it_is_believed(
    machines: tuple[BucketStore, BucketStore, str],
) -> None:
    here, there, bucket = machines
    sha256 = digest(b"synced")
    location = f"{sha256[:2]}/{sha256[2:4]}/{sha256}.mp4"
    shared().overwrite(bucket, location, b"synced")  # no word of ours in its metadata
    there.verify(sha256)
    assert put(here, b"synced") == (sha256, location)
    here.verify(sha256, location)
