"""Batches and keepers: what is handed out once, what comes back, and who goes on with a run nobody keeps."""

from __future__ import annotations

import pytest
from sqlalchemy import text, update

from catalog import facts as facts_of_pages
from catalog import queries
from catalog.dialect import clock
from catalog.errors import NotFound
from catalog.tables import Batch, Run, Shot
from catalog.workers import CardState
from tests.catalog.conftest import Workplace


def idle(place: Workplace, run_id: str) -> list[str]:
    return [shot.id for shot in queries.idle_shots(place.catalog, run_id)]


def test_a_shot_is_idle_until_it_is_cut_and_again_once_it_comes_back(place: Workplace) -> None:
    run_id, shots = place.submit(3)
    assert idle(place, run_id) == shots
    batch = place.catalog.new_batch(run_id, shots[:2], pool="cpu", queue="urgent", needs={"engines": ["camera"]})
    assert idle(place, run_id) == shots[2:]
    (planned,) = queries.open_batches(place.catalog, run_id)
    assert (planned.id, planned.state, planned.pool, planned.queue) == (batch, "planned", "cpu", "urgent")
    assert 0 <= planned.silent_seconds <= planned.age_seconds < 60

    place.catalog.set_batch_state(batch, "running", flow_run_id="f")
    assert idle(place, run_id) == shots[2:], "it is about to claim them"
    claims = place.catalog.claim(batch, shots[:2], "w", 60)
    place.catalog.release(claims[:1])
    assert idle(place, run_id) == [shots[0], shots[2]], "given back by a batch that still runs"
    place.catalog.set_batch_state(batch, "done")
    assert queries.open_batches(place.catalog, run_id) == []


def test_what_a_running_batch_never_claimed_is_idle_after_a_while(place: Workplace) -> None:
    run_id, shots = place.submit(1)
    batch = place.catalog.new_batch(run_id, shots)
    place.catalog.set_batch_state(batch, "running")
    assert idle(place, run_id) == []
    with place.catalog.database.write() as connection:
        connection.execute(update(Batch).values(started_at=clock(-120)))
    assert idle(place, run_id) == shots


def test_a_silent_batch_is_ended_once_and_its_worker_named(place: Workplace) -> None:
    run_id, shots = place.submit(2)
    worker = place.catalog.register_worker(
        name="host/gpu0", pool="gpu", device="cuda:0", engines={}, weights={}, code_version="1"
    )
    batch = place.catalog.new_batch(run_id, shots, pool="gpu")
    place.catalog.set_batch_state(batch, "running", worker_id=worker)
    claims = place.catalog.claim(batch, shots, "w", 60)
    place.catalog.finish_shot(claims[0], "done")
    with place.catalog.database.write() as connection:
        connection.execute(update(Batch).values(heartbeat_at=clock(-100)))
    place.catalog.renew(claims, 60)
    assert place.catalog.end_lost_batches(run_id, 60) == [], "renewing its leases is a sign of life"
    with place.catalog.database.write() as connection:
        connection.execute(update(Batch).values(heartbeat_at=clock(-100)))
    assert place.catalog.end_lost_batches(run_id, 60) == [batch]
    assert place.catalog.end_lost_batches(run_id, 60) == []
    (incident,) = queries.incidents_of(place.catalog, run_id)
    assert (incident.code, incident.worker, incident.batch_id) == ("WORKER_LOST", "host/gpu0", batch)
    assert "1 of its 2 shots" in incident.message
    place.catalog.set_batch_state(batch, "done")
    with place.catalog.database.read() as connection:
        assert connection.execute(text("SELECT state, error_code FROM batches")).all() == [("failed", "WORKER_LOST")]


def test_a_batch_may_not_hold_shots_of_another_run(place: Workplace) -> None:
    run_id, _ = place.submit(1)
    _, others = place.submit(1, name="other")
    with pytest.raises(NotFound, match=run_id):
        place.catalog.new_batch(run_id, others)


def test_one_keeper_keeps_a_run_until_it_lets_go_or_is_silent(place: Workplace) -> None:
    run_id, _ = place.submit(1)
    assert queries.unkept_runs(place.catalog) == [run_id]
    assert place.catalog.keep_run(run_id, "a", 60)
    assert not place.catalog.keep_run(run_id, "b", 60)
    assert place.catalog.keep_run(run_id, "a", 60)
    assert queries.run(place.catalog, run_id).keeper == "a"
    assert queries.unkept_runs(place.catalog) == []
    place.catalog.let_go(run_id, "b")
    assert not place.catalog.keep_run(run_id, "b", 60)
    with place.catalog.database.write() as connection:
        connection.execute(update(Run).values(keeper_expires_at=clock(-1)))
    assert queries.unkept_runs(place.catalog) == [run_id]
    assert place.catalog.keep_run(run_id, "b", 60)
    place.catalog.let_go(run_id, "b")
    assert place.catalog.keep_run(run_id, "a", 60)
    with pytest.raises(NotFound):
        place.catalog.keep_run("r000000-000000-0000000", "a", 60)


def test_nothing_of_a_paused_run_is_claimed_until_a_person_lets_it_go_on(place: Workplace) -> None:
    run_id, shots = place.submit(2)
    place.catalog.set_run_state(run_id, "running")
    place.catalog.pause_run(run_id, "STORE_UNAVAILABLE", "the mount is gone", "w")
    place.catalog.pause_run(run_id, "OTHER", "a later reason", "w")
    row = queries.run(place.catalog, run_id)
    assert (row.state, row.paused_code, row.paused_why) == ("paused", "STORE_UNAVAILABLE", "the mount is gone")
    assert place.catalog.orders(run_id, "").pause
    assert place.catalog.claim(None, shots, "w", 60) == []
    assert queries.unkept_runs(place.catalog) == [], "nobody goes on with it by itself"
    assert place.catalog.finish_run(run_id) == "running"
    assert [one.code for one in queries.incidents_of(place.catalog, run_id)] == ["RUN_PAUSED"]
    place.catalog.reopen_run(run_id, "ann")
    assert len(place.catalog.claim(None, shots, "w", 60)) == 2


def test_a_paused_run_can_be_cancelled_and_resumed(place: Workplace) -> None:
    run_id, shots = place.submit(2)
    (claim,) = place.catalog.claim(None, shots[:1], "w", 60)
    place.catalog.pause_run(run_id, "DISK_FULL", "no room", "w")
    assert place.catalog.cancel_run(run_id, "ann") == 1
    assert queries.run(place.catalog, run_id).state == "cancelling"
    assert place.catalog.orders(run_id, "").cancel
    place.catalog.release([claim])
    assert place.catalog.finish_run(run_id) == "cancelled"
    assert place.catalog.reopen_run(run_id, "ann") == 2
    place.catalog.pause_run(run_id, "DISK_FULL", "no room", "w")
    assert place.catalog.reopen_run(run_id, "ann") == 0
    assert queries.run(place.catalog, run_id).state == "planned"
    assert len(place.catalog.claim(None, shots, "w", 60)) == 2


def test_cancelling_takes_back_claims_whose_worker_is_gone(place: Workplace) -> None:
    run_id, shots = place.submit(2)
    place.catalog.claim(None, shots, "w", 60)
    with place.catalog.database.write() as connection:
        connection.execute(update(Shot).where(Shot.id == shots[0]).values(lease_expires_at=clock(-1)))
    assert place.catalog.cancel_run(run_id, "ann") == 1
    assert queries.run(place.catalog, run_id).shots == {"cancelled": 1, "claimed": 1}


def test_a_shot_waits_until_it_is_due(place: Workplace) -> None:
    run_id, shots = place.submit(2)
    with place.catalog.database.write() as connection:
        connection.execute(update(Shot).where(Shot.id == shots[0]).values(not_before=clock(100)))
    assert idle(place, run_id) == shots[1:]
    assert [claim.shot_id for claim in place.catalog.claim(None, shots, "w", 60)] == shots[1:]
    with place.catalog.database.write() as connection:
        connection.execute(update(Shot).where(Shot.id == shots[0]).values(not_before=clock(-1)))
    assert [claim.shot_id for claim in place.catalog.claim(None, shots, "w", 60)] == shots[:1]


def test_workers_are_known_by_name_and_live_while_they_are_heard(place: Workplace) -> None:
    def register(name: str, pool: str = "cpu") -> str:
        return place.catalog.register_worker(
            name=name, pool=pool, device="cpu", engines={"camera": "1"}, weights={}, code_version="1", queues=["normal"]
        )

    first, second = register("h/cpu"), register("h/gpu0", "gpu")
    place.catalog.drain_worker("h/cpu", "ann", "new driver")
    assert place.catalog.heartbeat(first) == "draining"
    run_id, _ = place.submit(1)
    assert place.catalog.orders(run_id, first).drain and not place.catalog.orders(run_id, second).drain
    assert [worker.name for worker in queries.workers(place.catalog)] == ["h/cpu", "h/gpu0"]
    assert [worker.name for worker in queries.workers(place.catalog, pool="gpu")] == ["h/gpu0"]
    place.catalog.stop_worker(first)
    place.catalog.stop_worker(second)
    assert queries.workers(place.catalog) == []
    assert queries.workers(place.catalog, live=False, since_seconds=0.0) == []
    ended = queries.workers(place.catalog, live=False)
    assert [(worker.state, worker.reason) for worker in ended] == [("drained", "new driver"), ("stopped", None)]
    assert register("h/cpu") == first
    (again,) = queries.workers(place.catalog)
    assert (again.state, again.reason, again.queues) == ("active", None, ("normal",))
    with pytest.raises(NotFound):
        place.catalog.heartbeat("nobody")


def test_a_worker_tells_of_its_card_until_it_has_none(place: Workplace) -> None:
    facts = {"pool": "gpu", "device": "cuda:0", "engines": {}, "weights": {}, "code_version": "1"}
    worker = place.catalog.register_worker(name="h/gpu0", **facts)  # type: ignore[arg-type]
    card = CardState(uuid="GPU-1", name="H200", lost=False, busy=None, memory_bytes=2**31, memory_total_bytes=2**37)
    place.catalog.heartbeat(worker, gpu=card)
    (row,) = queries.workers(place.catalog)
    assert row.gpu == card
    (health,) = facts_of_pages.health(place.catalog).workers
    assert health.worker.gpu == card
    place.catalog.heartbeat(worker)
    assert queries.workers(place.catalog)[0].gpu is None
