"""Trace: from any file or name back to the source, and forward to whoever stands on it; and reads of runs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from catalog import queries
from catalog.artifacts import Figure
from catalog.deliveries import NewDelivery
from catalog.errors import NotFound
from catalog.executions import Used
from catalog.trace import trace
from tests.catalog.conftest import Workplace


class Produced:
    """One shot taken the whole way: source, upscaled still, prepared still, streamed animation, delivery."""

    def __init__(self, place: Workplace, folder: Path) -> None:
        catalog = place.catalog
        (claim,) = place.claim()
        self.shot, self.run = claim.shot_id, claim.shot_id.split(".")[0]
        picture = folder / "photo.png"
        picture.write_bytes(b"photo")
        self.source = catalog.ingest(picture, media={"width": 4})
        catalog.record_weights("e" * 64, "x4plus.bin", "https://example.org", "BSD-3-Clause", size=5)
        up = place.make(
            "up",
            b"big",
            Used("picture", artifact=self.source),
            claim=claim,
            stage="upscale",
            engine="realesrgan",
            weights={"x4plus.bin": "e" * 64},
        )
        still = place.make("still", b"still", Used("picture", artifact=up.outputs[0].sha256), stage="prepare")
        animate = place.begin(
            "animate", Used("still", artifact=still.outputs[0].sha256), claim=claim, stage="animate", engine="camera"
        )
        encode = place.begin("encode", Used("frames", producer=animate), claim=claim)
        catalog.finish_streamed(animate, ran={"threads": 2}, seconds=4, work=8)
        files = [place.stage(b"clip"), place.stage(b"jpeg", "poster", ".jpg")]
        black = Figure("black_frames", 0, "frames", 0, True)
        made = catalog.publish(encode, files, ran={}, seconds=2, claim=claim, measurements=[black])
        self.clip, self.poster = made.output("file"), made.output("poster").sha256
        catalog.link_many([(self.shot, "", x, True) for x in (up.id, still.id)])
        catalog.link_many([(self.shot, "16x9", x, True) for x in (animate, encode)])
        catalog.link(self.shot, "16x9", encode, False)  # told twice: the first stays
        self.delivery = catalog.deliver(
            NewDelivery(
                claim,
                shot_id=self.shot,
                rendition="16x9",
                preset="web_1080p",
                ask_sha256="ask",
                artifact=self.clip.sha256,
                poster=self.poster,
                execution_id=encode,
            )
        )
        self.animate, self.encode = animate, encode


@pytest.fixture
def produced(place: Workplace, tmp_path: Path) -> Produced:
    return Produced(place, tmp_path)


def test_a_renamed_copy_tells_the_whole_way_back_to_the_source(
    place: Workplace, produced: Produced, tmp_path: Path
) -> None:
    copy = tmp_path / "for the customer.mov"
    shutil.copy(produced.clip.path, copy)
    lineage = trace(place.catalog, str(copy))
    told = json.loads(json.dumps(lineage.as_dict(), allow_nan=False))
    assert (lineage.kind, lineage.id) == ("artifact", produced.clip.sha256)
    assert (lineage.shots, lineage.runs) == ((produced.shot,), (produced.run,))
    (root,) = told["roots"]
    assert root["kind"] == "delivery" and root["id"] == produced.delivery.id
    assert [m["name"] for m in root["facts"]["measurements"]] == ["black_frames"]

    stages: list[dict[str, Any]] = []
    node = root
    while node["made_from"]:
        (node,) = node["made_from"]
        if node["kind"] == "execution":
            stages.append(node)
    assert [stage["facts"]["stage"] for stage in stages] == ["encode", "animate", "prepare", "upscale"]
    assert node["kind"] == "artifact" and node["id"] == produced.source and node["facts"]["kind"] == "source"
    upscale = stages[-1]["facts"]
    assert upscale["weights"] == [{"name": "x4plus.bin", "sha256": "e" * 64, "licence": "BSD-3-Clause"}]
    assert (upscale["engine"], upscale["engine_versions"]) == ("realesrgan", {"ffmpeg": "9.0"})
    assert stages[1]["facts"]["ran"] == {"threads": 2} and stages[1]["facts"]["outputs"] == []
    for stage in stages:
        facts = stage["facts"]
        assert facts["host"] and facts["device"] == "cpu" and facts["state"] == "done" and facts["seconds"] > 0
        assert facts["recipe"] and facts["recipe_sha256"]


def test_every_name_leads_to_the_same_shot(place: Workplace, produced: Produced) -> None:
    names = [produced.run, produced.shot, produced.animate, produced.delivery.id, produced.clip.sha256[:12]]
    names += [produced.poster, produced.source[:8], produced.encode[:-1]]
    for name in names:
        lineage = trace(place.catalog, name)
        assert lineage.shots == (produced.shot,) and lineage.runs == (produced.run,), name
        assert lineage.roots, name


def test_what_the_catalog_does_not_know_is_said(place: Workplace, produced: Produced, tmp_path: Path) -> None:
    changed = tmp_path / "clip.mp4"
    changed.write_bytes(b"clip, but edited")
    for unknown in (str(changed), "r999999", "ffff", "", "xyz'--", "%%%%", produced.shot[:3]):
        with pytest.raises(NotFound):
            trace(place.catalog, unknown)
    with pytest.raises(NotFound, match="several") as refused:
        trace(place.catalog, "x" + produced.encode[1:7])
    assert refused.value.code == "AMBIGUOUS"


def test_an_unfinished_shot_shows_how_far_it_came(place: Workplace) -> None:
    (claim,) = place.claim()
    running = place.begin("animate", claim=claim, stage="animate")
    place.catalog.link(claim.shot_id, "", running, True)
    place.catalog.progress(running, 0.25)
    (root,) = trace(place.catalog, claim.shot_id).roots
    assert [node.facts["state"] for node in root.made_from] == ["running"]
    (live,) = queries.run_status(place.catalog, claim.shot_id.split(".")[0]).running
    assert (live.execution_id, live.progress, live.stage) == (running, 0.25, "animate")


def test_a_run_says_what_it_made_and_what_was_there(place: Workplace, produced: Produced) -> None:
    status = queries.run_status(place.catalog, produced.run)
    assert status.deliveries == 1 and status.run.shots == {"claimed": 1}
    totals = {stage.stage: (stage.made, stage.reused, stage.seconds) for stage in status.stages}
    assert totals == {
        "upscale": (1, 0, 1.5),
        "prepare": (1, 0, 1.5),
        "animate": (1, 0, 4.0),
        "encode": (1, 0, 2.0),
    }
    again, (shot,) = place.submit()
    place.catalog.link_many([(shot, "", produced.encode, False), (shot, "16x9", produced.encode, False)])
    (encode,) = queries.run_status(place.catalog, again).stages
    assert (encode.made, encode.reused, encode.seconds) == (0, 1, 0.0)
    assert queries.latest_run(place.catalog) == again and queries.latest_run(place.catalog, "weekly") is None
    assert [run.id for run in queries.list_runs(place.catalog)] == [again, produced.run]
    assert queries.manifest_of(place.catalog, again) == {"items": 1}
    with pytest.raises(NotFound):
        queries.run_status(place.catalog, "r0")


def test_history_is_the_median_speed_of_a_host(place: Workplace) -> None:
    assert queries.history(place.catalog, "encode", "ffmpeg") is None
    for seconds in (1, 2, 30):
        execution = place.begin(f"r{seconds}", host="a" if seconds < 30 else "b")
        place.catalog.finish_streamed(execution, ran={}, seconds=seconds, work=2)
    assert queries.history(place.catalog, "encode", "ffmpeg") == 1.0
    assert queries.history(place.catalog, "encode", "ffmpeg", "a") == 0.75
    assert queries.history(place.catalog, "encode", "ffmpeg", "a", recent=1) == 1.0
    assert queries.history(place.catalog, "encode", "svt") is None
    place.catalog.record_benchmark("encode", "svt", "a", 3.0)
    place.catalog.record_benchmark("encode", "svt", "a", 2.5, {"frames": 10})
    assert queries.benchmark(place.catalog, "encode", "svt", "a") == 2.5
    assert queries.benchmark(place.catalog, "encode", "svt", "b") is None


def test_a_stage_that_gives_the_bytes_it_was_given_is_no_ancestor_of_itself(place: Workplace, tmp_path: Path) -> None:
    picture = tmp_path / "photo.png"
    picture.write_bytes(b"as it is")
    source = place.catalog.ingest(picture)
    same = place.make("same", b"as it is", Used("picture", artifact=source), stage="prepare")
    assert same.outputs[0].sha256 == source
    (root,) = trace(place.catalog, source).roots
    (made_by,) = root.made_from
    assert made_by.id == same.id and [(one.id, one.made_from) for one in made_by.made_from] == [(source, ())]


def test_files_of_equal_bytes_are_told_apart_by_what_was_used_beside_them(place: Workplace, tmp_path: Path) -> None:
    """Two panels of one shape have the same header; and where one clip ends, another begins."""

    def prepared(picture: str, *files: tuple[str, bytes]) -> tuple[str, list[Used]]:
        (tmp_path / picture).write_bytes(picture.encode())
        source = place.catalog.ingest(tmp_path / picture)
        execution = place.begin(f"prepare {picture}", Used("source", artifact=source), stage="prepare")
        staged = [place.stage(content, role) for role, content in files]
        made = place.catalog.publish(execution, staged, ran={}, seconds=1)
        return source, [Used(output.role, artifact=output.sha256) for output in made.outputs]

    first, _ = prepared("a", ("header", b"16x9"), ("still", b"A"), ("until-still", b"B"))
    second, used = prepared("b", ("header", b"16x9"), ("still", b"B"), ("until-still", b"A"))
    master = place.make("animate", b"master", *used, stage="animate", engine="svd")
    (root,) = trace(place.catalog, master.outputs[0].sha256).roots
    told, sources = [root], set[str]()
    while told:
        node = told.pop()
        told += node.made_from
        sources |= {node.id} if node.role == "source" else set()
    assert sources == {second} != {first}
