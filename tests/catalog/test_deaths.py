"""Deaths: charged to what was at work, forgotten when it gets on, and the end of a shot that kills its workers."""

from __future__ import annotations

from itertools import count

import pytest
from sqlalchemy import update

from catalog import queries
from catalog.claims import Claim
from catalog.deaths import LIMIT, LONE, MOST
from catalog.dialect import clock
from catalog.queries import ShotRow
from catalog.tables import Shot
from tests.catalog.conftest import Workplace

names = (f"recipe{number}" for number in count())


def expire(place: Workplace) -> None:
    with place.catalog.database.write() as connection:
        connection.execute(update(Shot).where(Shot.state == "claimed").values(lease_expires_at=clock(-1)))


def take(place: Workplace, shots: list[str]) -> list[Claim]:
    run_id = shots[0].split(".")[0]
    batch = place.catalog.new_batch(run_id, shots)
    place.catalog.set_batch_state(batch, "running")
    return place.catalog.claim(batch, shots, "w", 60)


def die(place: Workplace, shots: list[str], *at_work: str) -> None:
    """A worker takes `shots`, begins a stage of those `at_work`, and is killed."""
    for claim in take(place, shots):
        if claim.shot_id in at_work:
            place.begin(next(names), claim=claim)
    expire(place)
    place.catalog.reclaim_expired()


def deaths(place: Workplace, shots: list[str]) -> list[int]:
    return [queries.shot(place.catalog, shot).deaths for shot in shots]


def ended(place: Workplace, shot: str) -> ShotRow:
    return queries.shot(place.catalog, shot)


def test_only_what_was_at_work_is_charged(place: Workplace) -> None:
    _, shots = place.submit(30)
    die(place, shots, *shots[:3])
    assert deaths(place, shots) == [1] * 3 + [0] * 27
    (lost,) = queries.incidents_of(place.catalog, shots[0].split(".")[0])
    assert lost.code == "WORKER_LOST" and "30 of its 30" in lost.message


def test_a_claim_that_takes_over_counts_the_same(place: Workplace) -> None:
    _, shots = place.submit(2)
    for claim in take(place, shots)[:1]:
        place.begin("a", claim=claim)
    expire(place)
    assert len(take(place, shots)) == 2
    assert deaths(place, shots) == [1, 0]


def test_a_process_that_is_gone_counts_at_once(place: Workplace) -> None:
    run_id, shots = place.submit(2)
    place.begin("a", claim=take(place, shots)[0])
    assert place.catalog.reclaim_dead(run_id, lambda owner: owner != "w") == []
    assert place.catalog.reclaim_dead(run_id, lambda owner: owner == "w") == shots
    assert deaths(place, shots) == [1, 0]


def test_what_an_earlier_worker_left_running_is_not_in_flight(place: Workplace) -> None:
    """A stage begun under another token was charged to that one."""
    _, shots = place.submit(1)
    die(place, shots, *shots)
    for _ in range(5):
        die(place, shots)
    assert deaths(place, shots) == [1]


def test_a_finished_stage_forgets_the_deaths_before_it(place: Workplace) -> None:
    _, shots = place.submit(1)
    for _ in range(4):
        die(place, shots, *shots)
    assert deaths(place, shots) == [4]
    (claim,) = take(place, shots)
    place.make(next(names), b"a still", claim=claim)
    assert deaths(place, shots) == [0]


def test_a_publication_that_recovery_finishes_counts_as_getting_on(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, shots = place.submit(1)
    die(place, shots, *shots)
    (claim,) = take(place, shots)
    execution = place.begin(next(names), claim=claim)
    with monkeypatch.context() as patch:
        patch.setattr("catalog.publication.reach", _cut("publish.settled"))
        with pytest.raises(PowerCut):
            place.catalog.publish(execution, [place.stage(b"a still")], ran={}, seconds=1, claim=claim)
    assert place.catalog.recover() == [execution]
    assert deaths(place, shots) == [0]
    expire(place)
    place.catalog.reclaim_expired()
    assert deaths(place, shots) == [0]


def test_a_shot_that_kills_every_worker_fails_and_the_message_says_how(place: Workplace) -> None:
    run_id, shots = place.submit(2)
    for time in range(1, LIMIT):
        die(place, shots[:1], shots[0])
        (found, _) = queries.idle_shots(place.catalog, run_id)
        assert (found.id, found.deaths, ended(place, shots[0]).state) == (shots[0], time, "waiting")
    assert LONE < LIMIT
    die(place, shots[:1], shots[0])
    shot = ended(place, shots[0])
    assert (shot.state, shot.error_code, shot.attempts) == ("failed", "SHOT_KILLS_WORKERS", 0)
    assert "6 times" in (shot.error_message or "") and "encode" in (shot.error_message or "")
    assert ended(place, shots[1]).state == "waiting"
    assert place.catalog.reopen_run(run_id, "ann") == 1
    assert deaths(place, shots) == [0, 0]


def test_while_others_die_too_the_killer_is_outside(place: Workplace) -> None:
    """A storm of kills: nobody fails by it, whoever was hit often."""
    _, shots = place.submit(8)
    unlucky = shots[:1]
    for turn in range(LIMIT + 4):
        die(place, unlucky, *unlucky)
        other = shots[1 + turn % 7]
        die(place, [other], other)
        (claim,) = take(place, [other])
        place.make(next(names), bytes(str(turn), "ascii"), claim=claim)
        place.catalog.release([claim])
    assert ended(place, shots[0]).state == "waiting"
    assert deaths(place, unlucky) == [LIMIT + 4]


def test_two_shots_that_kill_do_not_vouch_for_each_other(place: Workplace) -> None:
    _, shots = place.submit(2)
    for _ in range(MOST):
        for shot in shots:
            if ended(place, shot).state == "waiting":
                die(place, [shot], shot)
    assert [ended(place, shot).state for shot in shots] == ["failed", "failed"]
    assert max(deaths(place, shots)) < MOST


def test_a_shot_given_back_dead_has_one_death_and_no_attempt(place: Workplace) -> None:
    _, shots = place.submit(1)
    (claim,) = take(place, shots)
    running = place.begin("a", claim=claim)
    place.catalog.give_back_dead(claim, "its engine was killed five times")
    shot = ended(place, shots[0])
    assert (shot.state, shot.deaths, shot.attempts) == ("waiting", 1, 0)
    assert place.catalog.execution(running).state == "failed"
    place.catalog.give_back_dead(claim, "again")
    assert deaths(place, shots) == [1], "the claim no longer holds"


def test_the_end_of_a_shot_ends_what_was_begun_twice(place: Workplace) -> None:
    _, shots = place.submit(1)
    (claim,) = take(place, shots)
    lost = place.begin("a", claim=claim)
    place.make("a", b"file", claim=claim)
    place.catalog.finish_shot(claim, "done")
    assert place.catalog.execution(lost).state == "failed"
    place.catalog.finish_shot(claim, "done")  # the answer to the first call was lost
    assert ended(place, shots[0]).attempts == 1


class PowerCut(BaseException):
    """The process ends here."""


def _cut(point: str):  # type: ignore[no-untyped-def]
    def reach(name: str) -> None:
        if name == point:
            raise PowerCut

    return reach
