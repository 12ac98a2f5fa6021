"""Failures: another worker tries, a worker on which everything fails is drained, and a run nobody can make pauses."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text, update

from catalog import queries
from catalog.claims import Claim
from catalog.dialect import clock
from catalog.errors import StaleClaim
from catalog.failures import ATTEMPTS, STREAK
from catalog.queries import ShotRow
from catalog.tables import Shot, Worker
from tests.catalog.conftest import Workplace


def register(place: Workplace, name: str, pool: str = "cpu") -> str:
    return place.catalog.register_worker(name=name, pool=pool, device="cpu", engines={}, weights={}, code_version="1")


def take(place: Workplace, worker_id: str, shots: list[str]) -> list[Claim]:
    with place.catalog.database.write() as connection:
        connection.execute(update(Shot).where(Shot.not_before.is_not(None)).values(not_before=clock(-1)))
    batch = place.catalog.new_batch(shots[0].split(".")[0], shots, pool="cpu")
    place.catalog.set_batch_state(batch, "running", worker_id=worker_id or None)
    return place.catalog.claim(batch, shots, "w", 60)


def fail(place: Workplace, claim: Claim, worker_id: str, code: str = "ENGINE_FAILED", attempts: int = 1) -> str:
    return place.catalog.fail_shot(claim, code, "it broke", worker_id=worker_id, attempts=attempts)


def looked(place: Workplace, shot: str) -> ShotRow:
    return queries.shot(place.catalog, shot)


def test_without_another_worker_a_failure_is_final(place: Workplace) -> None:
    _, shots = place.submit(2)
    alone = register(place, "h/cpu")
    register(place, "h/gpu0", "gpu")
    for claim, worker in zip(take(place, alone, shots), (alone, ""), strict=True):
        assert fail(place, claim, worker, attempts=2) == "failed"
        shot = looked(place, claim.shot_id)
        assert (shot.state, shot.attempts, shot.error_code, shot.error_message) == (
            "failed",
            2,
            "ENGINE_FAILED",
            "it broke",
        )


def test_another_worker_tries_and_the_third_failure_is_final(place: Workplace) -> None:
    _, (shot,) = place.submit(1)
    workers = [register(place, f"h/{number}") for number in range(3)]
    for number, worker in enumerate(workers, start=1):
        (claim,) = take(place, worker, [shot])
        assert fail(place, claim, worker) == ("waiting" if number < ATTEMPTS else "failed")
        assert looked(place, shot).attempts == number
        assert take(place, worker, [shot]) == [], "not again by the one that failed it"


def test_a_failed_shot_rests_before_it_is_tried_again(place: Workplace) -> None:
    run_id, (shot,) = place.submit(1)
    first, second = register(place, "h/1"), register(place, "h/2")
    (claim,) = take(place, first, [shot])
    fail(place, claim, first)
    assert queries.idle_shots(place.catalog, run_id) == []
    assert len(take(place, second, [shot])) == 1


def test_the_one_that_failed_it_may_try_again_when_nobody_else_is_left(place: Workplace) -> None:
    _, (shot,) = place.submit(1)
    first, second = register(place, "h/1"), register(place, "h/2")
    (claim,) = take(place, first, [shot])
    fail(place, claim, first)
    assert take(place, first, [shot]) == []
    with place.catalog.database.write() as connection:
        connection.execute(update(Worker).where(Worker.id == second).values(heartbeat_at=clock(-300)))
    assert len(take(place, first, [shot])) == 1


def test_five_in_a_row_drain_the_worker_and_cost_the_shots_nothing(place: Workplace) -> None:
    run_id, shots = place.submit(8)
    bad, good = register(place, "h/bad"), register(place, "h/good")
    claims = take(place, bad, shots)
    assert [fail(place, claim, bad) for claim in claims[:STREAK]] == ["waiting"] * STREAK
    assert place.catalog.heartbeat(bad) == "draining"
    assert fail(place, claims[5], bad) == "waiting", "on its way out nothing is charged"
    place.catalog.release(claims[6:])
    assert {looked(place, shot).attempts for shot in shots} == {0}
    assert len(queries.idle_shots(place.catalog, run_id)) == 8, "and nothing has to rest"
    (incident,) = queries.incidents_of(place.catalog, run_id)
    assert (incident.code, incident.worker) == ("WORKER_DRAINED", "h/bad")
    for part in ("h/bad", "ENGINE_FAILED", "it broke", "5 shots"):
        assert part in incident.message
    assert queries.run(place.catalog, run_id).state == "planned"
    assert queries.run_status(place.catalog, run_id).incident_counts == {"WORKER_DRAINED": 1}
    for claim in take(place, good, shots):
        place.catalog.finish_shot(claim, "done", worker_id=good)
    assert place.catalog.finish_run(run_id) == "done"


def test_a_finished_shot_ends_the_streak_and_so_does_another_code(place: Workplace) -> None:
    _, shots = place.submit(12)
    worker = register(place, "h/1")
    register(place, "h/2")
    claims = take(place, worker, shots)
    for claim in claims[:4]:
        fail(place, claim, worker)
    place.catalog.finish_shot(claims[4], "done", worker_id=worker)
    for claim in claims[5:8]:
        fail(place, claim, worker)
    fail(place, claims[8], worker, "DEVICE_LOST")
    for claim in claims[9:12]:
        fail(place, claim, worker)
    assert place.catalog.heartbeat(worker) == "active"


def test_one_shot_that_fails_again_and_again_is_no_streak(place: Workplace) -> None:
    _, shots = place.submit(1)
    worker = register(place, "h/1")
    for _ in range(STREAK + 1):
        (claim,) = take(place, worker, shots)
        fail(place, claim, worker)
        with place.catalog.database.write() as connection:
            connection.execute(update(Shot).values(state="waiting"))
    assert place.catalog.heartbeat(worker) == "active"


def test_a_second_worker_drained_by_the_same_code_pauses_the_run(place: Workplace) -> None:
    run_id, shots = place.submit(6)
    workers = [register(place, f"h/{number}") for number in range(3)]
    for worker in workers[:2]:
        for claim in take(place, worker, shots)[:STREAK]:
            fail(place, claim, worker)
        with place.catalog.database.write() as connection:
            connection.execute(update(Shot).values(state="waiting"))
    row = queries.run(place.catalog, run_id)
    assert (row.state, row.paused_code) == ("paused", "ENGINE_FAILED")
    assert "resume" in (row.paused_why or "") and "it broke" in (row.paused_why or "")
    assert {looked(place, shot).attempts for shot in shots} == {0}
    codes = [incident.code for incident in queries.incidents_of(place.catalog, run_id)]
    assert codes == ["WORKER_DRAINED", "WORKER_DRAINED", "RUN_PAUSED"]
    place.catalog.reopen_run(run_id, "ann")
    assert len(take(place, workers[2], shots)) == 6


@pytest.mark.parametrize("pool", ["cpu", "local"])
def test_the_only_worker_pauses_the_run_and_its_failures_wait(place: Workplace, pool: str) -> None:
    run_id, shots = place.submit(7)
    worker = register(place, "h/1", pool)
    register(place, "other/1", "local")
    claims = take(place, worker, shots)
    assert [fail(place, claim, worker) for claim in claims[:6]] == ["failed"] * 4 + ["waiting"] * 2
    place.catalog.release(claims[6:])
    row = queries.run(place.catalog, run_id)
    assert (row.state, row.paused_code, row.shots) == ("paused", "ENGINE_FAILED", {"waiting": 7})
    assert {looked(place, shot).attempts for shot in shots} == {0}
    assert place.catalog.orders(run_id, worker).pause
    assert place.catalog.heartbeat(worker) == ("active" if pool == "local" else "draining")
    assert place.catalog.reopen_run(run_id, "ann") == 0
    again = register(place, "h/1", pool)
    assert len(take(place, again, shots)) == 7


def test_a_stale_failure_changes_nothing_and_a_repeated_one_says_the_same(place: Workplace) -> None:
    _, shots = place.submit(1)
    worker = register(place, "h/1")
    register(place, "h/2")
    (claim,) = take(place, worker, shots)
    assert fail(place, claim, worker) == fail(place, claim, worker) == "waiting"
    assert looked(place, shots[0]).attempts == 1
    (newer,) = take(place, "", shots)
    with pytest.raises(StaleClaim):
        fail(place, claim, worker)
    assert looked(place, newer.shot_id).state == "claimed"
    with place.catalog.database.read() as connection:
        streak = connection.scalar(select(Worker.streak).where(Worker.id == worker))
        assert streak is not None and streak["charged"] == [1]
        assert connection.execute(text("SELECT count(*) FROM incidents")).scalar() == 0


def test_a_streak_gives_nothing_back_to_a_run_that_is_over(place: Workplace) -> None:
    only = register(place, "h/cpu")
    over, shots = place.submit(3, "earlier")
    for claim in take(place, only, shots):
        fail(place, claim, only)
    assert place.catalog.finish_run(over) == "failed"
    going, more = place.submit(2, "later")
    for claim in take(place, only, more):
        fail(place, claim, only)
    assert dict(queries.run(place.catalog, over).shots) == {"failed": 3}, "it has ended, and nobody would work them"
    assert dict(queries.run(place.catalog, going).shots) == {"waiting": 2}
    assert queries.run(place.catalog, going).state == "paused"
