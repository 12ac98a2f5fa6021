"""PostgreSQL stops and comes back while the catalog is at work."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, text, update

from catalog import Catalog
from catalog.connection import UnsafeDatabase, connect, parse, told
from catalog.database import Database, DatabaseRefused
from catalog.errors import StoreUnavailable
from catalog.patience import patiently
from catalog.tables import Shot
from tests.catalog.conftest import Workplace
from tests.postgres import Postgres

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    """A server of this file's own: it is stopped."""
    with Postgres() as server:
        yield server


@pytest.fixture
def there(postgres: Postgres, tmp_path: Path) -> Iterator[Workplace]:
    workplace = Workplace(tmp_path, postgres.new())
    yield workplace
    workplace.catalog.close()


def back_in(postgres: Postgres, seconds: float) -> threading.Thread:
    """Start the stopped server again a while from now."""

    def later() -> None:
        time.sleep(seconds)
        postgres.start()

    thread = threading.Thread(target=later)
    thread.start()
    return thread


@pytest.mark.parametrize("how", ["fast", "immediate"])
def test_a_database_that_restarts_between_two_calls_is_not_noticed(
    postgres: Postgres, there: Workplace, how: str
) -> None:
    (claim,) = there.claim()
    with there.catalog.database.read() as connection:
        assert connection.scalar(select(Shot.state)) == "claimed"
    postgres.restart("fast" if how == "fast" else "immediate")
    assert [one.token for one in there.catalog.renew([claim], 60)] == [claim.token]


def test_work_waits_for_a_database_that_is_away_and_says_so(postgres: Postgres, there: Workplace) -> None:
    waits: list[str] = []
    catalog = Catalog.open(there.url, there.root, patience_seconds=60, told=lambda error, _: waits.append(str(error)))
    run_id, shots = there.submit(2)
    postgres.stop()
    starter = back_in(postgres, 1.5)
    claims = catalog.claim(catalog.new_batch(run_id, shots), shots, "w", 60)
    starter.join()
    assert len(claims) == 2 and waits and all("is away" in wait for wait in waits)
    catalog.close()


def test_a_database_that_stops_between_rename_and_insert_loses_nothing(
    postgres: Postgres, there: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    (claim,) = there.claim()
    execution, staged = there.begin("recipe", claim=claim), there.stage(b"clip")
    settle, starters = there.catalog.store.settle, list[threading.Thread]()

    def stopping(temp: Path, sha256: str) -> str:
        location = settle(temp, sha256)
        if not starters:
            postgres.stop("immediate")
            starters.append(back_in(postgres, 1.0))
        return location

    monkeypatch.setattr(there.catalog.store, "settle", stopping)
    made = patiently(lambda: there.catalog.publish(execution, [staged], ran={}, seconds=1, claim=claim), seconds=60)
    starters[0].join()
    assert made.whole and made.id == execution
    there.catalog.finish_shot(claim, "done")


def test_a_transaction_that_breaks_in_its_middle_is_told_at_once_and_leaves_nothing(
    postgres: Postgres, there: Workplace
) -> None:
    _, (shot,) = there.submit()
    began = time.monotonic()
    with pytest.raises(StoreUnavailable, match="is away"), there.catalog.database.write() as connection:
        connection.execute(update(Shot).values(state="cancelled"))
        postgres.restart()
        connection.execute(select(Shot.id))
    assert time.monotonic() - began < 30  # nobody waited for a transaction that is lost
    with there.catalog.database.read() as connection:
        assert connection.execute(select(Shot.id, Shot.state)).all() == [(shot, "waiting")]


def test_of_two_that_wait_for_each_other_one_is_told_to_try_again(there: Workplace) -> None:
    _, shots = there.submit(2)
    together, fates = threading.Barrier(2), list[str]()

    def both_ways(first: str, second: str) -> None:
        try:
            with there.catalog.database.write() as connection:
                connection.execute(update(Shot).where(Shot.id == first).values(meta={}))
                together.wait(30)
                connection.execute(update(Shot).where(Shot.id == second).values(meta={}))
            fates.append("done")
        except StoreUnavailable:
            fates.append("again")

    threads = [threading.Thread(target=both_ways, args=way) for way in (shots, shots[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(fates) == ["again", "done"]


def test_patience_ends_and_what_waiting_cannot_mend_is_not_waited_for(postgres: Postgres, there: Workplace) -> None:
    missing = Database(postgres.url("nobody_made_this"), patience_seconds=600)
    with pytest.raises(DatabaseRefused, match="does not exist") as refused, missing.read():
        pass
    assert refused.value.code == "DATABASE_REFUSED"
    missing.close()
    postgres.stop()
    try:
        hasty = Database(there.url, patience_seconds=0.5)
        with pytest.raises(StoreUnavailable), hasty.read():
            pass
        hasty.close()
    finally:
        postgres.start()


def test_the_server_knows_who_is_connected_and_what_stops_them(there: Workplace) -> None:
    with there.catalog.database.read() as connection:
        assert str(connection.scalar(text("SHOW application_name"))).startswith("dailies ")
        assert connection.scalar(text("SHOW idle_in_transaction_session_timeout")) == "1min"
        assert connection.scalar(text("SHOW transaction_read_only")) == "on"
        assert connection.scalar(text("SHOW transaction_isolation")) == "repeatable read"


def test_what_the_url_says_itself_stands(there: Workplace) -> None:
    engine = connect(there.url + "&application_name=mine&connect_timeout=3")
    with engine.connect() as connection:
        assert connection.scalar(text("SHOW application_name")) == "mine"
    engine.dispose()


SECRET = "postgresql+psycopg://me:s3cret@127.0.0.1:1/db?password=s3cret&sslmode=require&connect_timeout=2"


def test_no_password_is_ever_told(tmp_path: Path) -> None:
    assert "s3cret" not in told(parse(SECRET)) and "sslmode=require" in told(parse(SECRET))
    database = Database(SECRET)
    with pytest.raises(StoreUnavailable) as away, database.read():
        pass
    assert "s3cret" not in str(away.value) and "127.0.0.1" in str(away.value)
    with pytest.raises(UnsafeDatabase) as unsafe:
        parse("postgresql://me:s3cret@host:port/db")
    assert "s3cret" not in str(unsafe.value)
    code = "import sys; from flows.cli import command; sys.exit(command(['status']))"
    environment = {"DAILIES_DATABASE_URL": SECRET, "PATH": "/usr/bin:/bin", "DAILIES_HOME": str(tmp_path)}
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 2 and "s3cret" not in ran.stdout + ran.stderr, ran.stderr
