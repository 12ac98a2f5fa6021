"""Weights come from their publisher, a mirror or a folder; the table they come by is sound."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from models import rife
from models.svd import checkpoint
from tasks.weights.download import PullError
from tasks.weights.known import File, Known, find_known, known_weights, parts_of
from tasks.weights.pull import Pulled, Source, pull
from tasks.weights.record import read_record
from tasks.weights.verify import verify
from tests.tasks.weights.publisher import Publisher
from tests.tasks.weights.test_offers import lay_checkpoint

BLOB = b"weights " * 40_000
GRAPH = b"7767517\n"
TINY = Known(
    name="tiny",
    about="for tests",
    folder="tiny",
    source="https://example.org/releases/{revision}/{path}",
    revision="v1",
    licence="MIT",
    gated=False,
    figures="made here",
    files=(
        File(path="net.bin", bytes=len(BLOB), sha256=hashlib.sha256(BLOB).hexdigest()),
        File(path="net.param", also=("net.txt",), to="graph/net.param"),
    ),
)


def publish(publisher: Publisher) -> Source:
    publisher.files |= {"/releases/v1/net.bin": BLOB, "/releases/v1/net.txt": GRAPH}
    return Source(mirror=publisher.url)


def bring(known: Known, weights_dir: Path, source: Source) -> Pulled:
    return pull(known, weights_dir, source, pause=lambda seconds: None)


# ---- the table


def test_every_known_file_has_a_place_a_source_and_where_its_figures_are_from() -> None:
    assert list(known_weights()) == [
        *("svd", "svd-xt", "svd-xt-1.1", "animatelcm-svd-xt", "rife-v4.6"),
        *("realesrgan-x4plus", "realesrgan-x4plus-anime", "realesr-animevideov3", "realesr-general-x4v3"),
    ]
    places: set[str] = set()
    for known in known_weights().values():
        assert known.figures and known.page.startswith("https://"), known.name
        for part in parts_of(known):
            assert urlsplit(part.origin.url(part.file.path)).scheme == "https"
            assert part.place not in places, f"{part.place} is brought twice"
            places.add(part.place)
        if known.hub:
            assert known.folder == known.name, "a checkpoint is accepted by its folder's name"
            assert known.gated, f"{known.name}: SVD and what is derived from it need an acceptance"


@pytest.mark.parametrize("name", ["svd", "svd-xt", "svd-xt-1.1", "animatelcm-svd-xt"])
def test_what_is_pulled_of_a_checkpoint_is_what_a_checkpoint_needs(tmp_path: Path, name: str) -> None:
    model = lay_checkpoint(tmp_path / "model")
    folder = tmp_path / name
    for part in parts_of(find_known(name)):
        (folder / part.file.place).parent.mkdir(parents=True, exist_ok=True)
        twin = model / part.file.place.replace("model.safetensors", "model.fp16.safetensors")
        shutil.copy(twin, folder / part.file.place)
    found = checkpoint.require(tmp_path, name)
    assert found.licence is not None
    fp16 = [path.name for path in found.files.values() if ".fp16." in path.name]
    assert len(fp16) == (2 if name == "animatelcm-svd-xt" else 3)


def test_rife_is_the_network_its_engine_knows() -> None:
    known = find_known("rife-v4.6")
    assert {part.place for part in parts_of(known)} == {f"{rife.FOLDER}/{name}" for name in rife.FILES}
    (weights,) = (file for file in known.files if file.path == "flownet.bin")
    assert rife.KNOWN_BLOBS[str(weights.git_blob)] == "rife-v4.6"


def test_the_token_is_shown_to_the_hub_alone() -> None:
    source = Source(token="secret")
    assert source.headers("https://huggingface.co/a/b") == {"Authorization": "Bearer secret"}
    for other in ("https://huggingface.co.example.org/a", "http://huggingface.co/a", "https://github.com/a"):
        assert source.headers(other) == {}
    assert "secret" not in repr(source)
    mirrored = Source(mirror="https://mirror.example.org/x/", token="secret").url("https://huggingface.co/a/b")
    assert mirrored == "https://mirror.example.org/x/a/b" and source.headers(mirrored) == {}


# ---- pulling


def test_what_came_is_written_down_and_stands_the_next_time(publisher: Publisher, tmp_path: Path) -> None:
    source = publish(publisher)
    pulled = bring(TINY, tmp_path, source)
    assert set(pulled.came) == {"tiny/net.bin", "tiny/graph/net.param"} and pulled.stood == ()
    assert (tmp_path / "tiny/net.bin").read_bytes() == BLOB
    assert (tmp_path / "tiny/graph/net.param").read_bytes() == GRAPH
    record = read_record(tmp_path / "tiny")
    assert record["net.bin"].stated == "known" and record["net.bin"].source == f"{publisher.url}/releases/v1/net.bin"
    assert record["graph/net.param"].stated == "nobody"
    assert record["graph/net.param"].sha256 == hashlib.sha256(GRAPH).hexdigest()
    asked = len(publisher.requests)
    again = bring(TINY, tmp_path, source)
    assert not again.came and len(again.stood) == 2 and len(publisher.requests) == asked


def test_a_damaged_file_is_found_and_brought_again(publisher: Publisher, tmp_path: Path) -> None:
    source = publish(publisher)
    bring(TINY, tmp_path, source)
    for place in ("net.bin", "graph/net.param"):
        path = tmp_path / "tiny" / place
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    states = {checked.place: checked.state for checked in verify(TINY, tmp_path)}
    assert states == {"tiny/net.bin": "wrong", "tiny/graph/net.param": "wrong"}  # the second by what was recorded
    assert len(bring(TINY, tmp_path, source).came) == 2
    assert {checked.state for checked in verify(TINY, tmp_path)} == {"good"}


def test_files_laid_by_hand_are_recorded_the_first_time_and_held_to_it_then(tmp_path: Path) -> None:
    (tmp_path / "tiny/graph").mkdir(parents=True)
    (tmp_path / "tiny/graph/net.param").write_bytes(GRAPH)
    states = [checked.state for checked in verify(TINY, tmp_path)]
    assert states == ["missing", "recorded"]
    assert [checked.state for checked in verify(TINY, tmp_path)] == ["missing", "good"]
    (tmp_path / "tiny/graph/net.param").write_bytes(b"another")
    assert [checked.state for checked in verify(TINY, tmp_path)] == ["missing", "wrong"]


def test_a_pull_that_breaks_off_keeps_the_files_it_had(publisher: Publisher, tmp_path: Path) -> None:
    source = publish(publisher)
    del publisher.files["/releases/v1/net.txt"]
    with pytest.raises(PullError) as refused:
        bring(TINY, tmp_path, source)
    assert refused.value.code == "NOT_PUBLISHED" and "net.param" in str(refused.value)
    assert list(read_record(tmp_path / "tiny")) == ["net.bin"]
    publish(publisher)
    pulled = bring(TINY, tmp_path, source)
    assert list(pulled.came) == ["tiny/graph/net.param"] and pulled.stood == ("tiny/net.bin",)


def test_a_disk_too_small_is_told_before_anything_is_asked_for(
    publisher: Publisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.weights.pull.shutil.disk_usage", lambda path: type("Usage", (), {"free": 1_000}))
    with pytest.raises(PullError) as refused:
        bring(TINY, tmp_path, publish(publisher))
    assert refused.value.code == "DISK_FULL" and re.search(r"1000 bytes free, 320000 ", str(refused.value))
    assert publisher.requests == []


# ---- a folder instead of the network


@pytest.mark.parametrize("inside", ["tiny", ""])
def test_a_folder_takes_the_place_of_the_network(publisher: Publisher, tmp_path: Path, inside: str) -> None:
    bring(TINY, tmp_path / "there", publish(publisher))
    asked = len(publisher.requests)
    carried = tmp_path / "there" / ("" if inside else "tiny")
    pulled = bring(TINY, tmp_path / "here", Source(folder=carried))
    assert len(pulled.came) == 2 and len(publisher.requests) == asked
    assert (tmp_path / "here/tiny/net.bin").read_bytes() == BLOB


def test_a_hub_cache_takes_the_place_of_the_network(tmp_path: Path) -> None:
    known = TINY.model_copy(update={"source": "", "hub": "some/net", "revision": None})
    snapshot = tmp_path / "cache/hub/models--some--net/snapshots" / ("c" * 40)
    snapshot.mkdir(parents=True)
    blob = tmp_path / "cache/hub/models--some--net/blobs/1"
    blob.parent.mkdir()
    blob.write_bytes(BLOB)
    (snapshot / "net.bin").symlink_to(blob)
    (snapshot / "net.param").write_bytes(GRAPH)
    pull(known, tmp_path / "here", Source(folder=tmp_path / "cache"))
    assert (tmp_path / "here/tiny/net.bin").read_bytes() == BLOB
    assert not (tmp_path / "here/tiny/net.bin").is_symlink()


def test_wrong_bytes_in_a_folder_are_not_taken_over(tmp_path: Path) -> None:
    carried, here = tmp_path / "carried", tmp_path / "here/tiny/net.bin"
    carried.mkdir()
    (carried / "net.bin").write_bytes(BLOB[:-1] + b"?")
    here.parent.mkdir(parents=True)
    here.write_bytes(b"what was here")
    with pytest.raises(PullError) as refused:
        pull(TINY, tmp_path / "here", Source(folder=carried))
    assert refused.value.code == "CHECKSUM_WRONG"
    assert here.read_bytes() == b"what was here" and [path.name for path in here.parent.iterdir()] == ["net.bin"]
    (carried / "net.bin").unlink()
    with pytest.raises(PullError) as absent:
        pull(TINY, tmp_path / "here", Source(folder=carried))
    assert absent.value.code == "NOT_IN_FOLDER" and "tiny/net.bin" in str(absent.value)


# ---- shared files


def test_shared_files_are_brought_once_and_take_no_more_room(
    publisher: Publisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lean = Known.model_validate(
        TINY.model_dump()
        | {"name": "lean", "folder": "lean", "files": [{"path": "lean.bin", "to": "net2.bin"}]}
        | {"shares": {"name": "tiny", "files": ["net.bin"]}}
    )
    monkeypatch.setattr("tasks.weights.known.known_weights", lambda: {"tiny": TINY, "lean": lean})
    source = publish(publisher)
    publisher.files["/releases/v1/lean.bin"] = b"lean"
    bring(TINY, tmp_path, source)
    asked = len(publisher.requests)
    bring(lean, tmp_path, source)
    assert [path for path, _ in publisher.requests[asked:]] == ["/releases/v1/lean.bin"]
    assert (tmp_path / "lean/net.bin").samefile(tmp_path / "tiny/net.bin")
    shutil.rmtree(tmp_path / "tiny")
    bring(lean, tmp_path / "elsewhere", source)  # without the lender: from where it is published
    assert (tmp_path / "elsewhere/lean/net.bin").read_bytes() == BLOB


def test_a_record_nobody_can_read_is_told_not_guessed(tmp_path: Path) -> None:
    (tmp_path / "tiny").mkdir()
    for content in ("{", "[]", json.dumps({"files": {"net.bin": {"sha256": 1}}})):
        (tmp_path / "tiny/weights.json").write_text(content)
        with pytest.raises(Exception, match=r"weights\.json cannot be read") as refused:
            read_record(tmp_path / "tiny")
        assert getattr(refused.value, "code", "") == "RECORD_UNREADABLE"
