"""What was collected is made again only where something needs it, beside runs that go on, and everything is told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from catalog.retention import Rules
from catalog.trace import trace
from tasks.retention import collect, rules_of
from tasks.sources import files_of
from tasks.verification import check_files, read_again
from tests.workroom import Workroom

ALL = Rules(0, 0, 0, leftovers=0)


def one_shot(room: Workroom) -> Path:
    room.picture("a.png")
    return room.manifest([{"id": "a", "source": "a.png"}])


def test_a_collected_still_is_made_again_only_when_something_needs_it(room: Workroom) -> None:
    manifest = one_shot(room)
    ended = room.run(manifest)
    (source,), stills = room.stored("source"), room.stored("still")
    with room.tools() as tools:
        told = collect(tools.catalog, ALL, remove=False)
        assert {line.kind for line in told.go} == {"still"} and told.freed_bytes == 0 < told.going_bytes
        assert {line.kind: line.why for line in told.stay} == {
            "delivery": "delivered",
            "poster": "delivered",
            "source": "picture of a delivery",
        }
        sums = collect(tools.catalog, ALL, remove=True)
        assert sums.freed_bytes == sums.going_bytes == told.going_bytes
        assert not any(path.exists() for path in stills) and source.exists()
        assert not list(check_files(tools.catalog)), "a collected file is not missing"
        assert not list(read_again(tools.catalog, tools.catalog.longest_unread(), threads=2, decode=True))
        lineage = str(trace(tools.catalog, ended.rows[0].delivery.id).as_dict())
        assert "a.png" in lineage and "prepare" in lineage, "it still tells how it was made"
    assert room.run(manifest).made == {}, "zero stages"
    more = room.manifest([{"id": "a", "source": "a.png"}], defaults={"deliver": ["small_wide", "small_shop"]})
    again = room.run(more)
    assert again.status.run.state == "done" and again.made == {"encode": 1}
    assert all(path.exists() for path in stills), "the new preset needed it: the same bytes are back"


def test_a_collected_master_is_made_again_only_when_a_new_preset_needs_it(room: Workroom) -> None:
    room.picture("a.png")
    row = {"id": "a", "source": "a.png", "render": {"rate": 10}}
    manifest = room.manifest([row])
    room.run(manifest)
    (master,) = room.stored("master")
    bytes_before = master.read_bytes()
    with room.tools() as tools:
        sums = collect(tools.catalog, Rules(0, 0, 0, kinds=frozenset({"master"})), remove=True)
    assert [line.kind for line in sums.go] == ["master"] and sums.freed_bytes == len(bytes_before)
    assert not master.exists()
    assert room.run(manifest).made == {}, "zero stages"
    again = room.run(room.manifest([row | {"deliver": ["small_wide", "small_shop"]}]))
    assert again.status.run.state == "done" and again.made["encode"] == 1
    drawn = room.executions(stage="animate")
    assert [execution.state for execution in drawn] == ["done", "void"], "drawn again, the same: the first one stands"
    assert drawn[1].error_code == "ADOPTED" and master.read_bytes() == bytes_before


def test_retention_by_days_and_for_ever() -> None:
    assert rules_of(30, 90) == Rules(30 * 86_400, 90 * 86_400, 90 * 86_400)
    assert rules_of(0, 0) == Rules(None, None, None)


def test_a_plans_pictures_are_those_it_reads(room: Workroom) -> None:
    planned = room.plan(one_shot(room)).shots[0].plan
    assert planned is not None
    assert list(files_of(planned.model_dump(mode="json"))) == [planned.picture.sha256]
    masked = planned.model_copy(update={"picture": planned.picture.model_copy(update={"mask_sha256": "m"})})
    assert list(files_of(masked.model_dump(mode="json"))) == [planned.picture.sha256, "m"]


_GC_FOR_EVER = """
import sys, time
from flows.settings import Settings
from catalog import Catalog
from catalog.retention import Rules
from tasks.retention import collect
settings = Settings()
with Catalog.open(settings.catalog_url, settings.store) as catalog:
    while True:
        collect(catalog, Rules(0, 0, 0, leftovers=0), remove=True)
        print("round", flush=True)
"""


@pytest.mark.slow
def test_collections_without_end_beside_runs_do_no_harm(room: Workroom) -> None:
    """Two processes collect whatever they may, all the time, while run after run makes and supersedes."""
    room.picture("a.png", 1)
    room.picture("b.png", 2)
    environment = {**os.environ, "DAILIES_HOME": str(room.settings.home), "DAILIES_WORKERS": "1"}
    room.run(room.manifest([{"id": "a", "source": "a.png"}]))
    collectors: list[subprocess.Popen[Any]] = []
    try:
        for _ in range(2):
            started = [sys.executable, "-c", _GC_FOR_EVER]
            collectors.append(
                subprocess.Popen(started, env=environment, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE)
            )
        for collector in collectors:
            assert collector.stdout is not None and collector.stdout.readline() == b"round\n"
        for amount in (0.1, 0.2, 0.1, 0.3):
            rows = [{"id": name, "source": f"{name}.png", "motion": {"amount": amount}} for name in ("a", "b")]
            ended = room.run(room.manifest(rows))
            assert ended.status.run.state == "done", ended.status.failures
            assert [collector.poll() for collector in collectors] == [None, None], "a collection failed"
    finally:
        for collector in collectors:
            collector.send_signal(signal.SIGKILL)
            collector.wait()
            assert collector.stdout is not None
            collector.stdout.close()
    with room.tools() as tools:
        assert not list(read_again(tools.catalog, tools.catalog.longest_unread(), threads=2, decode=True))
        assert [finding.code for finding in check_files(tools.catalog)] in ([], ["FILE_UNKNOWN"])
    assert room.run(room.manifest(rows)).made == {}
