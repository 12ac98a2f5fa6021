"""A file arrives byte for byte or not at all, whatever happens on the way; what was good before stays."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tasks.weights.checksum import Wanted, sums_of
from tasks.weights.download import ATTEMPTS, Arrived, NotPublished, PullError, download
from tests.tasks.weights.publisher import Publisher

CONTENT = random.Random(7).randbytes(3_000_017)
DIGEST = hashlib.sha256(CONTENT).hexdigest()
FULL = Wanted(len(CONTENT), DIGEST)


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(follow_redirects=True) as opened:
        yield opened


def bring(client: httpx.Client, publisher: Publisher, target: Path, wanted: Wanted = FULL) -> Arrived:
    return download(client, f"{publisher.url}/flownet.bin", target, wanted, pause=lambda seconds: None)


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("wanted", [FULL, Wanted()], ids=["digest known", "nothing known"])
def test_a_broken_connection_is_taken_up_where_it_broke(
    client: httpx.Client, publisher: Publisher, tmp_path: Path, wanted: Wanted
) -> None:
    publisher.files["/flownet.bin"] = CONTENT
    publisher.drop_after = [1_000_000, 700_001]
    arrived = bring(client, publisher, tmp_path / "flownet.bin", wanted)
    assert (tmp_path / "flownet.bin").read_bytes() == CONTENT
    assert arrived.sums.sha256 == DIGEST
    assert publisher.asked("Range") == ["", "bytes=1000000-", "bytes=1700001-"]
    assert left(tmp_path) == ["flownet.bin"]


def test_a_later_process_goes_on_with_what_an_earlier_one_brought(
    client: httpx.Client, publisher: Publisher, tmp_path: Path
) -> None:
    publisher.files["/flownet.bin"] = CONTENT
    publisher.drop_after = [2_000_000]
    publisher.statuses = []
    target = tmp_path / "flownet.bin"

    def stop(seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(client, f"{publisher.url}/flownet.bin", target, Wanted(), pause=stop)
    assert not target.exists() and (tmp_path / "flownet.bin.part").stat().st_size == 2_000_000
    bring(client, publisher, target, Wanted())
    assert target.read_bytes() == CONTENT and publisher.asked("Range")[-1] == "bytes=2000000-"


def test_a_file_that_changed_meanwhile_starts_over(client: httpx.Client, publisher: Publisher, tmp_path: Path) -> None:
    publisher.files["/flownet.bin"] = CONTENT
    publisher.drop_after = [1_500_000]
    newer = CONTENT[::-1]

    def change(seconds: float) -> None:
        publisher.files["/flownet.bin"] = newer

    target = tmp_path / "flownet.bin"
    download(client, f"{publisher.url}/flownet.bin", target, Wanted(), pause=change)
    assert target.read_bytes() == newer


def test_a_beginning_of_other_bytes_is_thrown_away_once(
    client: httpx.Client, publisher: Publisher, tmp_path: Path
) -> None:
    publisher.files["/flownet.bin"] = CONTENT
    (tmp_path / "flownet.bin.part").write_bytes(b"x" * 900_000)  # with no note of where it came from
    bring(client, publisher, tmp_path / "flownet.bin")
    assert (tmp_path / "flownet.bin").read_bytes() == CONTENT
    assert publisher.asked("Range") == ["bytes=900000-", ""]


def test_a_whole_part_needs_no_more_bytes(client: httpx.Client, publisher: Publisher, tmp_path: Path) -> None:
    publisher.files["/flownet.bin"] = CONTENT
    (tmp_path / "flownet.bin.part").write_bytes(CONTENT)
    bring(client, publisher, tmp_path / "flownet.bin")
    assert (tmp_path / "flownet.bin").read_bytes() == CONTENT and len(publisher.requests) == 1


@pytest.mark.parametrize(
    "wanted", [FULL, Wanted(git_blob="70de38ecc5b6f1b63afa56108bf76911f04ce630"), Wanted(bytes=len(CONTENT) + 1)]
)
def test_wrong_bytes_are_refused_and_what_stood_stays(
    client: httpx.Client, publisher: Publisher, tmp_path: Path, wanted: Wanted
) -> None:
    wrong = bytes([CONTENT[0] ^ 1]) + CONTENT[1:]
    publisher.files["/flownet.bin"] = wrong
    target = tmp_path / "flownet.bin"
    target.write_bytes(b"good before")
    with pytest.raises(PullError) as refused:
        bring(client, publisher, target, wanted)
    assert refused.value.code == "CHECKSUM_WRONG"
    assert hashlib.sha256(wrong).hexdigest() in str(refused.value) and str(wanted) in str(refused.value)
    assert target.read_bytes() == b"good before" and left(tmp_path) == ["flownet.bin"]


def test_the_servers_own_word_is_taken_where_nothing_is_known(
    client: httpx.Client, publisher: Publisher, tmp_path: Path
) -> None:
    publisher.files["/flownet.bin"] = CONTENT
    publisher.headers = {"X-Repo-Commit": "a" * 40, "X-Linked-ETag": f'"{DIGEST}"', "X-Linked-Size": str(len(CONTENT))}
    arrived = bring(client, publisher, tmp_path / "flownet.bin", Wanted())
    assert arrived.revision == "a" * 40 and arrived.stated == FULL
    publisher.headers["X-Linked-ETag"] = f'"{"0" * 64}"'
    with pytest.raises(PullError) as refused:
        bring(client, publisher, tmp_path / "another.bin", Wanted())
    assert refused.value.code == "CHECKSUM_WRONG" and "0" * 64 in str(refused.value)


def test_a_busy_server_is_asked_again_and_a_dead_one_given_up(
    client: httpx.Client, publisher: Publisher, tmp_path: Path
) -> None:
    publisher.files["/flownet.bin"] = CONTENT
    publisher.statuses = [503, 429]
    bring(client, publisher, tmp_path / "flownet.bin")
    assert len(publisher.requests) == 3
    publisher.statuses = [503] * 50
    with pytest.raises(PullError) as refused:
        bring(client, publisher, tmp_path / "other.bin")
    assert refused.value.code == "PULL_FAILED" and len(publisher.requests) == 3 + ATTEMPTS
    assert left(tmp_path) == ["flownet.bin"]


@pytest.mark.parametrize(("status", "code"), [(401, "ACCESS_REFUSED"), (403, "ACCESS_REFUSED"), (404, "NOT_PUBLISHED")])
def test_a_closed_door_is_not_knocked_at_twice(
    client: httpx.Client, publisher: Publisher, tmp_path: Path, status: int, code: str
) -> None:
    publisher.statuses = [status]
    with pytest.raises(PullError) as refused:
        bring(client, publisher, tmp_path / "flownet.bin")
    assert refused.value.code == code and refused.value.remedy and len(publisher.requests) == 1
    assert isinstance(refused.value, NotPublished) == (status == 404)
    assert left(tmp_path) == []


def test_only_one_process_writes_a_file(client: httpx.Client, publisher: Publisher, tmp_path: Path) -> None:
    publisher.files["/flownet.bin"] = CONTENT
    target = tmp_path / "flownet.bin"
    seen: list[str] = []

    def again(what: str, done: int, total: int) -> None:
        if not seen:
            with pytest.raises(PullError) as refused:
                bring(client, publisher, target)
            seen.append(refused.value.code)

    download(client, f"{publisher.url}/flownet.bin", target, FULL, told=again, pause=lambda seconds: None)
    assert seen == ["PULL_RUNNING"] and target.read_bytes() == CONTENT


def test_a_disk_without_room_is_told_before_it_is_full(
    client: httpx.Client, publisher: Publisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.files["/flownet.bin"] = CONTENT
    usage = type("Usage", (), {"free": 1_000_000})
    monkeypatch.setattr("tasks.weights.download.shutil.disk_usage", lambda path: usage)
    with pytest.raises(PullError) as refused:
        bring(client, publisher, tmp_path / "flownet.bin")
    assert refused.value.code == "DISK_FULL" and "1000000 free" in str(refused.value)


def test_sums_are_gits_and_sha256s(tmp_path: Path) -> None:
    path = tmp_path / "hello"
    path.write_bytes(b"hello\n")
    sums = sums_of(path)
    assert sums.git_blob == "ce013625030ba8dba906f756967f9e9ca394464a"  # `echo hello | git hash-object --stdin`
    assert sums.sha256 == hashlib.sha256(b"hello\n").hexdigest() and sums.bytes == 6
