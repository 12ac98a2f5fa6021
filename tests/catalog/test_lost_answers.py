"""The connection breaks in COMMIT: it was committed, or not, nobody knows. Asking again does no harm."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text, update

from catalog import queries
from catalog.deliveries import NewDelivery
from catalog.dialect import clock
from catalog.errors import StoreUnavailable
from catalog.patience import patiently
from catalog.tables import Execution, Shot
from tests.catalog.conftest import Workplace

Lose = Callable[..., None]


@pytest.fixture
def lose(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> Lose:
    """Let the answer to the nth commit from now be lost, after it was carried out or instead."""
    dialect = place.catalog.database.engine.dialect
    commit = dialect.do_commit

    def plan(nth: int, *, committed: bool) -> None:
        left = [nth]

        def do_commit(connection: Any) -> None:
            left[0] -= 1
            if left[0] == 0:
                if committed:
                    commit(connection)
                else:
                    dialect.do_rollback(connection)
                raise dialect.loaded_dbapi.OperationalError("disk I/O error: server closed the connection")
            commit(connection)

        monkeypatch.setattr(dialect, "do_commit", do_commit)

    return plan


both = pytest.mark.parametrize("committed", [True, False])


def count(place: Workplace, what: str) -> int:
    with place.catalog.database.read() as connection:
        return connection.execute(text(f"SELECT count(*) FROM {what}")).scalar() or 0


@both
@pytest.mark.parametrize("commit", [1, 2])
def test_publishing(place: Workplace, lose: Lose, committed: bool, commit: int) -> None:
    """Commits of a publication: 1 the journal, 2 the mark."""
    (claim,) = place.claim()
    execution, staged = place.begin("recipe", claim=claim), place.stage(b"clip")
    lose(commit, committed=committed)
    told: list[float] = []
    made = patiently(
        lambda: place.catalog.publish(execution, [staged], ran={}, seconds=1, claim=claim),
        seconds=30,
        told=lambda _error, passed: told.append(passed),
    )
    assert len(told) == 1 and made.id == execution and made.state == "done" and made.whole
    assert count(place, "artifacts") == count(place, "execution_outputs") == count(place, "executions") == 1


@both
def test_a_publication_that_stepped_back(place: Workplace, lose: Lose, committed: bool) -> None:
    first, second, staged = place.make("recipe", b"clip"), place.begin("recipe"), place.stage(b"clip")
    lose(2, committed=committed)
    made = patiently(lambda: place.catalog.publish(second, [staged], ran={}, seconds=1), seconds=30)
    assert made == first and place.catalog.execution(second).state == "void"


@both
def test_ending_a_stream(place: Workplace, lose: Lose, committed: bool) -> None:
    (claim,) = place.claim()
    execution = place.begin("recipe", claim=claim)
    lose(1, committed=committed)
    stands = patiently(lambda: place.catalog.finish_streamed(execution, ran={}, seconds=1, claim=claim), seconds=30)
    assert stands == execution and place.catalog.execution(stands).state == "done"


@both
def test_beginning_a_stage_and_ending_its_shot(place: Workplace, lose: Lose, committed: bool) -> None:
    (claim,) = place.claim()
    lose(1, committed=committed)
    execution = patiently(lambda: place.begin("recipe", claim=claim), seconds=30)
    place.catalog.publish(execution, [place.stage(b"clip")], ran={}, seconds=1, claim=claim)
    lose(1, committed=committed)
    patiently(lambda: place.catalog.finish_shot(claim, "done"), seconds=30)
    shot = queries.shot(place.catalog, claim.shot_id)
    assert (shot.state, shot.attempts) == ("done", 1)
    with place.catalog.database.read() as connection:  # nothing is left running that nobody runs
        running = select(Execution.id).where(Execution.state == "running")
        assert connection.scalars(running).all() == []


@both
@pytest.mark.parametrize("refreshed", [False, True])
def test_delivering(place: Workplace, lose: Lose, committed: bool, refreshed: bool) -> None:
    (claim,) = place.claim()
    made = place.make("recipe", b"clip", claim=claim)
    facts: dict[str, Any] = {"shot_id": claim.shot_id, "rendition": "16x9", "preset": "p", "ask_sha256": "ask"}
    facts |= {"artifact": made.outputs[0].sha256, "poster": None, "execution_id": made.id, "refreshed": refreshed}
    lose(1, committed=committed)
    done = patiently(lambda: place.catalog.deliver(NewDelivery(claim, **facts)), seconds=30)
    assert place.catalog.current_delivery("ask") == done
    assert count(place, "deliveries") == count(place, "shot_deliveries") == 1
    assert count(place, "shot_deliveries WHERE made") == 1


@both
def test_claiming(place: Workplace, lose: Lose, committed: bool) -> None:
    """A claim that nobody heard of costs its lease, and no death: nothing was in flight."""
    run_id, shots = place.submit()
    batch = place.catalog.new_batch(run_id, shots)
    lose(1, committed=committed)
    claims = patiently(lambda: place.catalog.claim(batch, shots, "worker", 60), seconds=30)
    if committed:
        assert claims == []
        with place.catalog.database.write() as connection:
            connection.execute(update(Shot).values(lease_expires_at=clock(-1)))
        place.catalog.reclaim_expired()
        claims = place.catalog.claim(place.catalog.new_batch(run_id, shots), shots, "worker", 60)
    assert [claim.shot_id for claim in claims] == shots
    assert queries.shot(place.catalog, shots[0]).deaths == 0
    place.catalog.finish_shot(claims[0], "done")


@both
def test_cutting_a_batch_and_taking_a_picture_in(place: Workplace, lose: Lose, committed: bool, tmp_path: Path) -> None:
    run_id, shots = place.submit()
    lose(1, committed=committed)
    batch = patiently(lambda: place.catalog.new_batch(run_id, shots), seconds=30)
    assert [claim.shot_id for claim in place.catalog.claim(batch, shots, "worker", 60)] == shots
    (tmp_path / "photo.png").write_bytes(b"photo")
    lose(2, committed=committed)
    sha256 = patiently(lambda: place.catalog.ingest(tmp_path / "photo.png"), seconds=30)
    assert place.catalog.store.has(sha256) and count(place, "artifacts") == 1


def test_patience_ends(place: Workplace) -> None:
    tries: list[float] = []

    def away() -> None:
        raise StoreUnavailable("gone")

    with pytest.raises(StoreUnavailable, match="gone"):
        patiently(away, seconds=0.3, told=lambda _error, passed: tries.append(passed))
    assert 1 <= len(tries) <= 5 and tries == sorted(tries)
