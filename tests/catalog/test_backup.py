"""Backups: every row of every table, from either database into either, and true to today's store."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import JSON, BigInteger, Boolean, Float, Integer, insert, select, text, update

from catalog import Catalog
from catalog.backup import backup
from catalog.claims import Claim
from catalog.connection import connect
from catalog.database import Database
from catalog.deliveries import NewDelivery
from catalog.dialect import UtcDateTime, clock
from catalog.errors import CatalogError, StaleClaim
from catalog.executions import Used
from catalog.restore import reconcile, restore
from catalog.store import hash_file
from catalog.tables import DERIVED, Audit, Base, Delivery, Execution, Review, Shot
from tests.catalog.conftest import Workplace
from tests.postgres import shared

NOON = datetime(2026, 11, 21, 12, 0, 0, 250_000, UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database to restore into."""
    url = f"sqlite:///{tmp_path / 'target.db'}" if request.param == "sqlite" else shared().new()
    yield url
    if request.param == "postgresql":
        shared().drop(url)


def fill(place: Workplace) -> Claim:
    """Rows of every table, made by the ledger and, where this has no word for it, by hand; returns a held claim."""
    (claim, held) = place.claim(count=2)
    source = place.root.parent / "photo.png"
    source.write_bytes(b"photo")
    picture = place.catalog.ingest(source, media={"width": 4})
    first = place.make("recipe", "clip – ü".encode(), Used("source", artifact=picture), claim=claim)
    other = place.begin("recipe")
    place.catalog.publish(other, [place.stage(b"late")], ran={}, seconds=1)  # void, adopted: refers to its own table
    facts: dict[str, Any] = {"rendition": "16x9", "preset": "p", "poster": None, "shot_id": claim.shot_id}
    for n, ask in enumerate(("ask", "other ask")):  # the first is superseded: so does this
        made = place.make(f"delivery {n}", b"clip %d" % n, claim=claim)
        artifact = made.outputs[0].sha256
        place.catalog.deliver(NewDelivery(claim, ask_sha256=ask, artifact=artifact, execution_id=made.id, **facts))
    place.catalog.link(claim.shot_id, "", first.id, made=True)
    place.catalog.accept_licence(
        weights="svd", licence="l", text_sha256="e" * 64, kind="research", holder="Ex", accepted_by="Ana"
    )
    with place.catalog.database.write() as connection:
        delivery = connection.scalars(select(Delivery.id).order_by(Delivery.id).limit(1)).one()
        connection.execute(
            insert(Review).values(delivery_id=delivery, verdict="redo", note="«zu dunkel»", reviewer="B")
        )
        for table in kept_tables():
            if connection.execute(select(table).limit(1)).first() is None:
                connection.execute(insert(table).values(**example(connection, table)))
    return held


def kept_tables() -> list[Any]:
    """Those that are not made of others."""
    return [table for table in Base.metadata.sorted_tables if table.name not in DERIVED]


def example(connection: Any, table: Any) -> dict[str, Any]:
    """A row of `table` with something in every column, referring to rows that are there."""
    values: dict[str, Any] = {}
    for column in table.columns:
        kind = column.type
        if column.foreign_keys:
            (key,) = column.foreign_keys
            values[column.name] = connection.scalar(select(key.column).limit(1))
        elif isinstance(kind, UtcDateTime):
            values[column.name] = NOON
        elif isinstance(kind, JSON):
            values[column.name] = {"a": [1, 2.5, None, "ü"]}
        elif isinstance(kind, Boolean):
            values[column.name] = True
        elif isinstance(kind, Float):
            values[column.name] = 0.1
        elif isinstance(kind, BigInteger | Integer):
            values[column.name] = 2**40 if isinstance(kind, BigInteger) else 7
        else:
            state = {"notice_targets": "well", "notice_deliveries": "due"}.get(table.name, "active")
            values[column.name] = {"state": state, "overlap": "wait"}.get(column.name, "x")
    return values


def everything(url: str) -> dict[str, list[Any]]:
    """All rows, but what restoring itself writes: its line in the audit, tokens that have jumped ahead."""
    engine = connect(url)
    rows: dict[str, list[Any]] = {}
    with engine.connect() as connection:
        for table in kept_tables():
            query = select(table).order_by(*table.primary_key.columns)
            rows[table.name] = [dict(row._mapping) for row in connection.execute(query)]
    engine.dispose()
    rows["audit"] = [row for row in rows["audit"] if row["what"] != "restore"]
    for shot in rows["shots"]:
        shot["lease_token"] %= 1_000_000
    return rows


def test_every_row_of_every_table_comes_back_on_either_database(place: Workplace, target: str, tmp_path: Path) -> None:
    fill(place)
    before = everything(place.url)
    assert all(before.values()), [name for name, rows in before.items() if not rows]
    made = backup(place.catalog.database, tmp_path / "b.zip")
    assert made.rows == sum(len(rows) for rows in before.values())

    database = Database(target)
    restore(database, tmp_path / "b.zip", who="tester")
    assert everything(target) == before
    with Catalog.open(target, place.root) as catalog:
        assert catalog.grants("svd")[0].holder == "Ex"
        catalog.audit("ann", "look", "x")  # its number is none of those that were restored
        with catalog.database.read() as connection:
            assert connection.execute(select(Audit.what).order_by(Audit.id.desc()).limit(2)).all()[0] == ("look",)
    database.close()


def test_a_backup_is_of_one_moment_while_others_write(place: Workplace, tmp_path: Path) -> None:
    fill(place)
    before = everything(place.url)
    written: list[str] = []

    def meanwhile(_done: int, _total: int) -> None:
        if not written:
            written.append(place.submit(3)[0])

    rows = [{"who": "w", "what": "x", "subject": "s", "detail": {}} for _ in range(1_500)]
    with place.catalog.database.write() as connection:
        connection.execute(insert(Audit), rows)
    made = backup(place.catalog.database, tmp_path / "b.zip", meanwhile)
    assert written and made.tables["runs"].rows == len(before["runs"])
    assert made.tables["shots"].rows == len(before["shots"])
    assert list(tmp_path.glob(".*part")) == [] and (tmp_path / "b.zip").stat().st_mode & 0o077 == 0


def test_a_catalog_that_has_something_in_it_is_replaced_only_when_told(place: Workplace, tmp_path: Path) -> None:
    fill(place)
    backup(place.catalog.database, tmp_path / "b.zip")
    before = everything(place.url)
    today, _ = place.submit(2)
    with pytest.raises(CatalogError, match="not empty") as refused:
        restore(place.catalog.database, tmp_path / "b.zip", who="tester")
    assert refused.value.code == "CATALOG_NOT_EMPTY"
    restore(place.catalog.database, tmp_path / "b.zip", who="tester", replace=True)
    assert everything(place.url) == before
    assert today not in {run["id"] for run in before["runs"]}


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-40])


def change(file: Path) -> None:
    """One row is gone, as no disk would do it, but an editor."""
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["tables/audit.jsonl"] = parts["tables/audit.jsonl"].split(b"\n", 1)[1]
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def age(file: Path) -> None:
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["catalog.json"] = json.dumps(json.loads(parts["catalog.json"]) | {"revision": "9999"}).encode()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


@pytest.mark.parametrize(
    ("harm", "code"),
    [
        (cut, "BACKUP_DAMAGED"),
        (change, "BACKUP_DAMAGED"),
        (age, "CATALOG_NEWER"),
        (Path.unlink, "BACKUP_MISSING"),
        (lambda file: file.write_text("no zip"), "BACKUP_DAMAGED"),
    ],
)
def test_a_backup_that_is_not_whole_changes_nothing(
    place: Workplace, tmp_path: Path, harm: Callable[[Path], None], code: str
) -> None:
    fill(place)
    backup(place.catalog.database, tmp_path / "b.zip")
    before = everything(place.url)
    harm(tmp_path / "b.zip")
    with pytest.raises(CatalogError) as refused:
        restore(place.catalog.database, tmp_path / "b.zip", who="tester", replace=True)
    assert refused.value.code == code
    assert everything(place.url) == before


def test_a_backup_that_cannot_be_written_leaves_the_one_before(place: Workplace, tmp_path: Path) -> None:
    backup(place.catalog.database, tmp_path / "b.zip")
    before = hash_file(tmp_path / "b.zip")
    with pytest.raises(CatalogError) as refused:
        backup(place.catalog.database, tmp_path / "nowhere" / "b.zip")
    assert refused.value.code == "BACKUP_UNWRITABLE"
    with place.catalog.database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0003'"))
    with pytest.raises(CatalogError):
        backup(place.catalog.database, tmp_path / "b.zip")
    assert hash_file(tmp_path / "b.zip") == before and list(tmp_path.glob(".*part")) == []


def test_yesterdays_catalog_promises_only_what_todays_store_has(place: Workplace, tmp_path: Path) -> None:
    held = fill(place)
    kept, lost, short = (place.make(f"r{n}", b"content %d" % n) for n in range(3))
    backup(place.catalog.database, tmp_path / "b.zip")
    new = place.make("made today", b"today").outputs[0]
    place.catalog.store.remove(lost.outputs[0].sha256)
    path = place.catalog.store.path(short.outputs[0].sha256)
    path.chmod(0o644)
    path.write_bytes(b"con")

    restore(place.catalog.database, tmp_path / "b.zip", who="tester", replace=True)
    found = reconcile(place.catalog)
    assert found.gone == [lost.outputs[0].sha256] and found.cut == [short.outputs[0].sha256] and found.unknown == 1
    known = place.catalog.find_done_many(["r0", "r1", "r2", "made today"])
    assert known["r0"].whole and known["r0"].id == kept.id  # zero stages for what it knew
    assert not known["r1"].whole and "r2" not in known  # made again, whatever the row said
    assert "made today" not in known and place.catalog.store.has(new.sha256)  # left for gc
    assert place.make("made today", b"today").whole  # the same bytes: the file is known again

    # Whoever held a shot in the lost days publishes nothing; the shot goes on when its lease is over.
    with pytest.raises(StaleClaim):
        place.catalog.finish_shot(held, "done")
    assert place.catalog.renew([held], 60) == []
    with place.catalog.database.write() as connection:
        connection.execute(update(Shot).where(Shot.id == held.shot_id).values(lease_expires_at=clock(-1)))
    assert place.catalog.reclaim_expired() == [held.shot_id]


def test_a_backup_of_an_older_revision_is_upgraded(place: Workplace, target: str, tmp_path: Path) -> None:
    """As 0003 would have written it: without what 0004 brought."""
    fill(place)
    backup(place.catalog.database, tmp_path / "b.zip")
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        header = json.loads(archive.read("catalog.json"))
        lines = [json.loads(line) for line in archive.read("tables/executions.jsonl").splitlines()]
    before = {"executions": header["tables"]["executions"]["columns"], "licence_grants": None, "runs": None}
    keep = [n for n, name in enumerate(before["executions"]) if name != "worker"]
    rows = b"".join(
        json.dumps([None if before["executions"][n] in ("shot_id", "grant_id") else line[n] for n in keep]).encode()
        + b"\n"
        for line in lines
    )
    facts = {
        "columns": [before["executions"][n] for n in keep],
        "rows": len(lines),
        "sha256": hashlib.sha256(rows).hexdigest(),
    }
    old = {"format": 1, "revision": "0003", "made_at": header["made_at"], "tables": {"executions": facts}}
    with zipfile.ZipFile(tmp_path / "old.zip", "w") as archive:
        archive.writestr("tables/executions.jsonl", rows)
        archive.writestr("catalog.json", json.dumps(old))
    database = Database(target)
    restore(database, tmp_path / "old.zip", who="tester")
    database.close()
    with Catalog.open(target, place.root) as catalog, catalog.database.read() as connection:
        assert len(connection.execute(select(Execution.id)).all()) == len(lines)
