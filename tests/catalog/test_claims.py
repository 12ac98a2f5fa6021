"""Claims: one worker per shot, leases that end, tokens that refuse whoever comes late."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import select, text, update

from catalog import queries
from catalog.claims import Claim
from catalog.dialect import clock
from catalog.errors import StaleClaim
from catalog.tables import Shot
from tests.catalog.conftest import Workplace

RACER = """
import json, pathlib, sys
from catalog import Catalog
url, root, batch, worker = sys.argv[1:5]
shots = json.loads(sys.stdin.readline())
with Catalog.open(url, pathlib.Path(root)) as catalog:
    print("ready", flush=True)
    sys.stdin.readline()
    won = []
    for start in range(0, len(shots), 5):
        won += [claim.shot_id for claim in catalog.claim(batch, shots[start:start + 5], worker, 60)]
print(json.dumps(won))
"""


def rows(place: Workplace) -> list[tuple[Any, ...]]:
    with place.catalog.database.read() as connection:
        return [tuple(row) for row in connection.execute(text("SELECT * FROM shots ORDER BY id"))]


def expire(place: Workplace) -> None:
    with place.catalog.database.write() as connection:
        connection.execute(update(Shot).values(lease_expires_at=clock(-1)))


def test_of_eight_processes_exactly_one_gets_each_shot(place: Workplace) -> None:
    run_id, shots = place.submit(60)
    batch = place.catalog.new_batch(run_id, shots)
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, place.url, str(place.root), batch, f"worker{n}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for n in range(8)
    ]
    for racer in racers:
        assert racer.stdin is not None and racer.stdout is not None
        racer.stdin.write(json.dumps(shots) + "\n")
        racer.stdin.flush()
    for racer in racers:
        assert racer.stdout is not None and racer.stdout.readline() == "ready\n"
    won: Counter[str] = Counter()
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    for racer in racers:
        output, _ = racer.communicate(timeout=120)
        assert racer.returncode == 0
        won.update(json.loads(output))
    assert won == Counter(shots)  # every shot, each exactly once


def test_threads_share_one_catalog(place: Workplace) -> None:
    run_id, shots = place.submit(40)
    batch = place.catalog.new_batch(run_id, shots)

    def work(worker: int) -> list[Claim]:
        return [claim for shot in shots for claim in place.catalog.claim(batch, [shot], f"w{worker}", 60)]

    with ThreadPoolExecutor(8) as pool:
        won = [claim.shot_id for claims in pool.map(work, range(8)) for claim in claims]
    assert sorted(won) == shots


def test_a_held_shot_is_not_claimed_again_until_its_lease_runs_out(place: Workplace) -> None:
    (first,) = place.claim()
    assert place.catalog.claim(None, [first.shot_id], "late", 60) == []
    expire(place)
    batch = place.catalog.new_batch(first.shot_id.split(".")[0], [first.shot_id])
    (second,) = place.catalog.claim(batch, [first.shot_id], "other", 60)
    assert second.token > first.token
    shot = queries.shot(place.catalog, first.shot_id)
    assert (shot.deaths, shot.attempts) == (0, 0), "it was not at work when its lease ran out"


def test_a_lease_runs_out_by_itself(place: Workplace) -> None:
    (claim,) = place.claim(lease_seconds=0.05)
    for _ in range(200):
        if place.catalog.reclaim_expired():
            break
        time.sleep(0.05)
    assert queries.shot(place.catalog, claim.shot_id).state == "waiting"


def test_every_write_under_a_stale_token_is_refused_and_changes_nothing(place: Workplace) -> None:
    (stale,) = place.claim()
    running = place.begin("recipe", claim=stale)
    expire(place)
    batch = place.catalog.new_batch(stale.shot_id.split(".")[0], [stale.shot_id])
    place.catalog.claim(batch, [stale.shot_id], "other", 60)
    before = rows(place)

    assert place.catalog.renew([stale], 60) == []
    assert place.catalog.release([stale]) == []
    with pytest.raises(StaleClaim, match=stale.shot_id):
        place.catalog.finish_shot(stale, "done")
    with pytest.raises(StaleClaim):
        place.begin("another", claim=stale)
    with pytest.raises(StaleClaim):
        place.catalog.publish(running, [place.stage(b"late")], ran={}, seconds=1, claim=stale)
    with pytest.raises(StaleClaim):
        place.catalog.finish_streamed(running, ran={}, seconds=1, claim=stale)

    assert rows(place) == before
    assert [file for file in place.root.rglob("*") if file.is_file()] == []
    assert place.catalog.execution(running).state == "failed"  # and nobody takes it for a result
    with place.catalog.database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM artifacts")).scalar() == 0
        assert connection.execute(text("SELECT count(*) FROM executions")).scalar() == 1


def test_a_lease_that_ran_out_but_was_taken_by_nobody_still_holds(place: Workplace) -> None:
    (claim,) = place.claim()
    expire(place)
    (renewed,) = place.catalog.renew([claim], 60)
    assert renewed.token == claim.token and renewed.expires > claim.expires
    place.catalog.finish_shot(claim, "done")
    shot = queries.shot(place.catalog, claim.shot_id)
    assert (shot.state, shot.attempts) == ("done", 1)


def test_reclaiming_ends_what_the_dead_worker_left_running(place: Workplace) -> None:
    alive, dead = place.claim(count=2)
    left = place.begin("recipe", claim=dead)
    with place.catalog.database.write() as connection:
        connection.execute(update(Shot).where(Shot.id == dead.shot_id).values(lease_expires_at=clock(-1)))
    assert place.catalog.reclaim_expired() == [dead.shot_id]
    assert queries.shot(place.catalog, dead.shot_id).state == "waiting"
    assert queries.shot(place.catalog, alive.shot_id).state == "claimed"
    assert place.catalog.execution(left).state == "failed"


def test_cancelling_stops_what_waits_at_once_and_what_runs_when_it_gives_back(place: Workplace) -> None:
    run_id, shots = place.submit(3)
    batch = place.catalog.new_batch(run_id, shots)
    (claim,) = place.catalog.claim(batch, shots[:1], "w", 60)
    assert place.catalog.cancel_run(run_id, "ann") == 2
    assert queries.run(place.catalog, run_id).state == "cancelling"
    assert place.catalog.claim(batch, shots[1:], "w", 60) == []
    assert place.catalog.finish_run(run_id) == "cancelling"  # one is still at work
    place.catalog.release([claim])
    assert place.catalog.finish_run(run_id) == "cancelled"
    assert queries.run(place.catalog, run_id).shots == {"cancelled": 3}
    assert place.catalog.reopen_run(run_id, "ann") == 3
    assert queries.run(place.catalog, run_id).shots == {"waiting": 3}
    with place.catalog.database.read() as connection:
        done = connection.execute(text("SELECT who, what FROM audit ORDER BY id")).all()
    assert done == [("tester", "submit"), ("ann", "cancel"), ("ann", "reopen")]


def test_a_run_ends_as_its_shots_did(place: Workplace) -> None:
    claims = place.claim(count=2)
    run_id = claims[0].shot_id.split(".")[0]
    place.catalog.set_run_state(run_id, "running")
    place.catalog.finish_shot(claims[0], "done")
    assert place.catalog.finish_run(run_id) == "running"
    place.catalog.finish_shot(claims[1], "quarantined", "BAD_IMAGE", "truncated")
    assert place.catalog.finish_run(run_id) == "failed"
    (failure,) = queries.run_status(place.catalog, run_id).failures
    assert (failure.code, failure.state, failure.shots) == ("BAD_IMAGE", "quarantined", (claims[1].shot_id,))


def test_the_database_refuses_a_state_nobody_knows(place: Workplace) -> None:
    _, (shot,) = place.submit(1)
    with pytest.raises(Exception, match=r"(?i)check"), place.catalog.database.write() as connection:
        connection.execute(update(Shot).where(Shot.id == shot).values(state="asleep"))
    with place.catalog.database.read() as connection:
        assert connection.scalar(select(Shot.state).where(Shot.id == shot)) == "waiting"


WRONG_CLOCK = """
import datetime, pathlib, sys, time
shift = float(sys.argv[4])
now, monotonic, utc = time.time, time.monotonic, datetime.datetime
class Wrong(utc):
    @classmethod
    def now(cls, tz=None):
        return utc.now(tz) + datetime.timedelta(seconds=shift)
time.time = lambda: now() + shift
datetime.datetime = Wrong
from catalog import Catalog
url, root, shot = sys.argv[1:4]
with Catalog.open(url, pathlib.Path(root)) as catalog:
    assert catalog.reclaim_expired() == [], "it took a lease that holds for one that ran out"
    assert catalog.claim(None, [shot], "wrong", 60) == [], "it took a shot that is held"
    print("ready", flush=True)
    sys.stdin.readline()
    (claim,) = catalog.claim(None, [shot], "wrong", 60)
    (claim,) = catalog.renew([claim], 60)
    print("claimed", flush=True)
    sys.stdin.readline()
    catalog.finish_shot(claim, "done")
"""


@pytest.mark.parametrize("minutes", [10, -10])
def test_a_worker_whose_clock_is_ten_minutes_wrong_keeps_its_leases_and_those_of_others(
    place: Workplace, minutes: int
) -> None:
    (held,) = place.claim()
    worker = subprocess.Popen(
        [sys.executable, "-c", WRONG_CLOCK, place.url, str(place.root), held.shot_id, str(60 * minutes)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert worker.stdin is not None and worker.stdout is not None
    assert worker.stdout.readline() == "ready\n"
    place.catalog.release([held])
    worker.stdin.write("go on\n")
    worker.stdin.flush()
    assert worker.stdout.readline() == "claimed\n"
    assert place.catalog.reclaim_expired() == []
    assert place.catalog.claim(None, [held.shot_id], "right", 60) == []
    with place.catalog.database.read() as connection:
        due, now = connection.execute(select(Shot.lease_expires_at, clock())).one()
    assert due is not None and 0 < (due - now).total_seconds() <= 60
    worker.communicate("go on\n", timeout=60)
    assert worker.returncode == 0
    assert queries.shot(place.catalog, held.shot_id).state == "done"
