"""The hot statements on a full catalog, 5,000 shots with 15,000 executions: EXPLAIN shows an index each time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import event, insert, text, update

from catalog import queries
from catalog.claims import Claim
from catalog.deliveries import NewDelivery
from catalog.dialect import clock
from catalog.knowledge import PictureKey
from catalog.queries.batches import idle_shots, open_batches
from catalog.queries.runs import unkept_runs
from catalog.tables import (
    Artifact,
    Batch,
    BatchShot,
    Delivery,
    Execution,
    ExecutionInput,
    ExecutionOutput,
    Measurement,
    Rendition,
    Run,
    Shot,
    ShotDelivery,
    ShotExecution,
    ShotTag,
)
from catalog.trace import trace
from tests.catalog.conftest import Workplace
from tests.postgres import shared

pytestmark = pytest.mark.slow

RUNS, SHOTS = 25, 200
"""Runs, and shots in each; three executions a shot."""
BUSY = f"r261121-000000-{RUNS - 1:07d}"
"""The newest run is at work, the others are done."""


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def full(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    folder = tmp_path_factory.mktemp("full")
    url = None if request.param == "sqlite" else shared().new(template=request.getfixturevalue("migrated"))
    place = Workplace(folder, url)
    seed(place)
    yield place
    place.catalog.close()
    if url is not None:
        shared().drop(url)


def seed(place: Workplace) -> None:
    facts: dict[str, Any] = {"engine_versions": {}, "weights": {}, "ran": {}, "host": "host", "device": "cpu"}
    ask: dict[str, Any] = {"ask": {}, "plan": {}, "meta": {}, "variant": "", "attempts": 1}
    with place.catalog.database.write() as connection:
        for number in range(RUNS):
            run = f"r261121-000000-{number:07d}"
            busy = run == BUSY
            named = {"name": f"m{number % 10}", "kind": "product", "manifest_sha256": "0" * 64, "manifest": {}}
            state = "running" if busy else "done"
            connection.execute(insert(Run).values(id=run, state=state, triggered_by="t", out_folder="/o", **named))
            ids = [f"{run}.{n:05d}" for n in range(1, SHOTS + 1)]
            batch = {"id": f"b{run[1:]}", "run_id": run, "state": state}
            connection.execute(insert(Batch).values(**batch))
            shots: list[dict[str, Any]] = []
            made: dict[type[Any], list[dict[str, Any]]] = {
                table: []
                for table in (
                    Artifact,
                    Execution,
                    ExecutionInput,
                    ExecutionOutput,
                    ShotExecution,
                    Delivery,
                    ShotDelivery,
                    Measurement,
                )
            }
            for n, shot in enumerate(ids):
                state = ("claimed", "waiting", "done")[n % 3] if busy else "done"
                shots.append({"id": shot, "run_id": run, "position": n + 1, "key": f"k{n}", "item": f"i{n}"} | ask)
                shots[-1] |= {"state": state, "lease_token": 1, "lease_owner": "w" if state == "claimed" else None}
                file = {"state": "present", "bytes": 1, "location": "x", "kind": "still", "media": {}}
                source = f"{number:04d}{n:04d}".rjust(64, "e")
                made[Artifact].append({"sha256": source} | file)
                for stage in range(3):
                    unique = f"{number:04d}{n:04d}{stage}"
                    execution, sha256 = f"x{unique}", f"{unique:f>64}"
                    live = busy and state == "claimed" and stage == 2
                    row = {"id": execution, "stage": f"s{stage}", "version": 1, "engine": "e", "recipe": {}}
                    row |= {"state": "running" if live else "done", "recipe_sha256": f"r{unique}", "shot_id": shot}
                    made[Execution].append(row | {"lease_token": 1, "seconds": 1.0, "work": 1.0} | facts)
                    made[Artifact].append({"sha256": sha256} | file)
                    made[ExecutionOutput].append({"execution_id": execution, "role": "file", "artifact_sha256": sha256})
                    used = {"producer_id": f"x{number:04d}{n:04d}{stage - 1}", "artifact_sha256": None}
                    used = used if stage else {"producer_id": None, "artifact_sha256": source}
                    made[ExecutionInput].append({"execution_id": execution, "position": 0, "role": "f"} | used)
                    figure = {"artifact_sha256": sha256, "execution_id": execution, "name": "psnr", "value": 40.0}
                    made[Measurement].append(figure | {"unit": "dB"})
                    made[ShotExecution].append(
                        {"shot_id": shot, "execution_id": execution, "rendition": "", "made": True}
                    )
                slot = {"manifest": f"m{number}", "kind": "product", "shot_key": f"k{n}", "rendition": "16x9"}
                one = {"id": f"d{number:04d}{n:04d}", "shot_id": shot, "preset": "p", "state": "current"} | slot
                one |= {"ask_sha256": f"a{number:04d}{n:04d}", "artifact_sha256": sha256, "execution_id": execution}
                made[Delivery].append(
                    one | {"recipe_sha256": "r", "poster_sha256": f"{number:04d}{n:04d}0".rjust(64, "f")}
                )
                made[ShotDelivery].append({"shot_id": shot, "delivery_id": one["id"], "made": True})
            connection.execute(insert(Shot), shots)
            size = {"name": "16x9", "width": 16, "height": 9, "rate": "30", "frames": 30}
            connection.execute(insert(Rendition), [{"shot_id": shot} | size for shot in ids])
            connection.execute(insert(ShotTag), [{"shot_id": shot, "tag": f"tag{number}"} for shot in ids])
            connection.execute(insert(BatchShot), [{"batch_id": batch["id"], "shot_id": shot} for shot in ids])
            for table, rows in made.items():
                connection.execute(insert(table), rows)
        connection.execute(update(Shot).where(Shot.state == "claimed").values(lease_expires_at=clock(60)))
        connection.execute(text("ANALYZE"))


HOT: dict[str, Callable[[Workplace], object]] = {
    "claim": lambda p: p.catalog.claim(None, [f"{BUSY}.00002", f"{BUSY}.00005"], "w", 60),
    "renew": lambda p: p.catalog.renew([Claim(f"{BUSY}.{n:05d}", 1, "w", None) for n in (1, 4, 7)], 60),  # type: ignore[arg-type]
    "reclaim_expired": lambda p: p.catalog.reclaim_expired(),
    "reclaim_expired of a run": lambda p: p.catalog.reclaim_expired(BUSY),
    "find_done_many": lambda p: p.catalog.find_done_many([f"r00000{n:03d}0" for n in range(50)]),
    "current_deliveries": lambda p: p.catalog.current_deliveries([f"a0001{n:04d}" for n in range(50)]),
    "picture_facts": lambda p: p.catalog.picture_facts([PictureKey("a", "", 1, "", "")]),
    "recover": lambda p: p.catalog.recover(),
    "orders": lambda p: p.catalog.orders(BUSY, ""),
    "run_status": lambda p: queries.run_status(p.catalog, BUSY),
    "list_runs": lambda p: queries.list_runs(p.catalog),
    "idle_shots": lambda p: idle_shots(p.catalog, BUSY),
    "open_batches": lambda p: open_batches(p.catalog, BUSY),
    "end_lost_batches": lambda p: p.catalog.end_lost_batches(BUSY, 600),
    "unkept_runs": lambda p: unkept_runs(p.catalog),
    "deliveries of a run": lambda p: queries.deliveries_of(p.catalog, run_id=BUSY),
    "deliveries of an item": lambda p: queries.deliveries_of(p.catalog, item="i7"),
    "deliveries of a tag": lambda p: queries.deliveries_of(p.catalog, tag="tag7"),
    "trace": lambda p: trace(p.catalog, f"{'000100010':f>64}"),
    "resolve": lambda p: queries.resolve(p.catalog, f"{BUSY}.0001"[:-1] + "11"),
    "attempt": lambda p: queries.attempt(p.catalog, "r000100010"),
    "begin, publish and deliver": lambda p: _work(p),  # noqa: PLW0108 - it comes later
}
"""What a run of ten thousand shots sends again and again."""

PARTIAL = ("_publishing", "_leases", "_current", "_waiting", "_planned")
"""Indexes of nothing but what is under way: reading all of one is no reading of the table."""

SMALL = {"runs", "batches", "workers", "licence_grants", "compatibility", "incidents", "duties", "weights", "pictures"}
SMALL |= {"notice_targets"}
"""Tables of at most some hundred rows here: PostgreSQL reads them whole because that is quicker."""


def _work(place: Workplace) -> None:
    claim = Claim(f"{BUSY}.00004", 1, "w", None)  # type: ignore[arg-type]
    made = place.make("new", b"clip", claim=claim)
    clip = made.outputs[0].sha256
    place.catalog.deliver(NewDelivery(claim, claim.shot_id, "16x9", "p", "new", clip, None, made.id))
    place.catalog.finish_shot(claim, "done")


@pytest.mark.parametrize("name", HOT)
def test_a_hot_statement_reads_no_table_whole(full: Workplace, name: str) -> None:
    check_plans(full, name, HOT[name], SMALL)


def check_plans(full: Workplace, name: str, call: Callable[[Workplace], object], small: set[str]) -> None:
    """Every statement that `call` sends finds what it wants in all tables but the `small` ones."""
    sent: list[tuple[str, Any]] = []

    def note(_c: object, _cursor: object, statement: str, parameters: Any, _context: object, many: bool) -> None:
        if statement.split()[0] in ("SELECT", "UPDATE", "WITH", "DELETE"):
            sent.append((statement, parameters[0] if many else parameters))

    engine = full.catalog.database.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        call(full)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert sent
    postgresql = engine.dialect.name == "postgresql"
    for sql, values in sent:
        with engine.connect() as connection:
            for choice in ("seqscan", "hashjoin", "mergejoin") if postgresql else ():
                # Reading small tables whole is quicker, and is what it would choose here: what matters is whether it
                # has a choice.
                connection.execute(text(f"SET LOCAL enable_{choice} = off"))
            explain = "EXPLAIN" if postgresql else "EXPLAIN QUERY PLAN"
            plan = [str(row[-1]) for row in connection.exec_driver_sql(f"{explain} {sql}", values)]
        whole = scanned(plan) if postgresql else scanned_by_sqlite(plan)
        assert not whole - small, f"{name} reads {whole} whole:\n{sql}\n" + "\n".join(plan)


_POSTGRESQL_READS = re.compile(r"(Seq|Index|Index Only) Scan (?:using (\S+) )?on (\S+)")


def scanned(plan: list[str]) -> set[str]:
    """Tables PostgreSQL reads from end to end: without an index, or along one that it looks nothing up in."""
    found = set[str]()
    for n, line in enumerate(plan):
        node = _POSTGRESQL_READS.search(line)
        if node is None or (node[2] or "").endswith(PARTIAL):
            continue
        about = [following.strip() for following in plan[n + 1 : n + 3]]
        if node[1] == "Seq" or not any(words.startswith("Index Cond:") for words in about):
            found.add(node[3])
    return found


def scanned_by_sqlite(plan: list[str]) -> set[str]:
    """The same of SQLite; lists in the statement, results of a search, and what is read along an index do not count."""
    found = set[str]()
    for line in plan:
        words = line.split()
        if words[0] == "SCAN" and ("CONSTANT" in words or words[-1].endswith(PARTIAL)):
            continue
        if (
            words[0] == "SCAN"
            and "VIRTUAL" not in words
            and words[1] != "LIST"
            and not words[1].startswith(("anon_", "("))
        ):
            found.add(words[1])
    return found
