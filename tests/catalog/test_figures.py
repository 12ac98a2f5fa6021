"""Costs, health and counters, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from catalog import facts
from catalog.dialect import clock
from catalog.tables import Execution, Shot
from tests.catalog.conftest import Workplace
from tests.catalog.test_facts import night


def long_ago(place: Workplace, seconds: float = 600) -> None:
    """Let what has just ended have ended some time ago, and be added up."""
    with place.catalog.database.write() as connection:
        connection.execute(update(Execution).where(Execution.ended_at > clock(-60)).values(ended_at=clock(-seconds)))
        connection.execute(update(Shot).where(Shot.ended_at > clock(-60)).values(ended_at=clock(-seconds)))
    place.catalog.roll_up()


def test_costs_are_told_by_run_day_and_engine(place: Workplace) -> None:
    run_id, claims = night(place)
    drawn = place.begin("svd", claim=claims[2], stage="animate", engine="svd")
    place.catalog.publish(drawn, [place.stage(b"master")], ran={}, seconds=20.0, gpu_seconds=18.0, claim=claims[2])
    for _ in ("as they end", "added up"):
        (cost,) = facts.costs(place.catalog)
        assert (cost.key, cost.label, cost.executions, cost.failed) == (run_id, "nightly", 3, 0)
        assert (cost.seconds, cost.gpu_seconds) == (pytest.approx(23.0), pytest.approx(18.0))
        assert [one.key for one in facts.costs(place.catalog, by="engine")] == ["svd", "ffmpeg"]
        (day,) = facts.costs(place.catalog, by="day")
        assert day.gpu_seconds == pytest.approx(18.0) and len(day.key) == 10
        now = datetime.now(UTC)
        assert facts.costs(place.catalog, until=now - timedelta(hours=2)) == []
        assert facts.costs(place.catalog, since=now - timedelta(hours=2)) == [cost]
        assert facts.costs(place.catalog, limit=0) == []
        long_ago(place)


def test_counters_only_grow_and_buckets_reach_everything(place: Workplace) -> None:
    _, claims = night(place)
    before = facts.counters(place.catalog)
    assert before.shots == {"done": 1, "failed": 1, "claimed": 1, "waiting": 1}
    assert before.stages == [] and before.shots_ended == {}
    assert before.runs == {"running": 1} and before.store.files == 2
    long_ago(place)
    told = facts.counters(place.catalog)
    assert told.shots_ended == {"done": 1, "failed": 1}
    (encode,) = told.stages
    assert (encode.stage, encode.executions, encode.seconds) == ("encode", 2, 3.0)
    counts = [count for _, count in encode.buckets]
    assert counts == sorted(counts) and counts[-1] == 2
    assert dict(encode.buckets)[1.0] == 0 and dict(encode.buckets)[1.5] == 2
    place.catalog.fail(place.begin("no", claim=claims[2]), "ENGINE_FAILED", "no")
    long_ago(place, 300)
    after = facts.counters(place.catalog).stages[0]
    assert (after.executions, after.failed, after.buckets[-1][1]) == (3, 1, 2), "nobody knows how long it took"


def test_health_tells_workers_duties_incidents_and_leases(place: Workplace) -> None:
    night(place)
    catalog = place.catalog
    catalog.register_worker(
        name="w1", pool="cpu", device="cpu", engines={}, weights={}, code_version="1", slots=1, queues=[]
    )
    catalog.note_incident("WORKER_LOST", "gone")
    catalog.take_duty("upkeep", "w1", 60)
    catalog.end_duty("upkeep", "w1", {"files": 3})
    told = facts.health(catalog)
    assert told.revision and told.dialect in told.database and told.store_fault is None and told.free_bytes
    assert [(one.worker.name, one.lives) for one in told.workers] == [("w1", True)]
    assert told.duties[0].detail == {"files": 3} and told.incidents == {"WORKER_LOST": 1}
    assert (told.damaged, told.expired_leases) == (0, 0)
    with catalog.database.write() as connection:
        connection.execute(update(Shot).where(Shot.state == "claimed").values(lease_expires_at=clock(-1)))
    catalog.mark_damaged(place.make("x", b"x").outputs[0].sha256)
    told = facts.health(catalog)
    assert (told.damaged, told.expired_leases) == (1, 1)


def test_the_audit_is_read_in_pages_newest_first(place: Workplace) -> None:
    for number in range(5):
        place.catalog.audit("ann", "look", f"x{number}")
    first = facts.audit_rows(place.catalog, limit=2)
    rest = facts.audit_rows(place.catalog, before=first[-1].id)
    assert [row.subject for row in (*first, *rest)] == ["x4", "x3", "x2", "x1", "x0"]
    assert [row.subject for row in facts.audit_rows(place.catalog, subject="x3")] == ["x3"]
