"""Ten thousand of everything: bulk calls answer rightly, and the hot queries use their indexes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from catalog import queries
from catalog.deliveries import NewDelivery, Reuse
from catalog.knowledge import PictureFacts, PictureKey
from catalog.trace import trace
from tests.catalog.conftest import Workplace

MANY = 10_000


@pytest.fixture
def statements(place: Workplace) -> list[tuple[str, Any]]:
    """Every statement the catalog sends from here on."""
    sent: list[tuple[str, Any]] = []

    def note(_c: object, _cursor: object, statement: str, parameters: Any, _context: object, many: bool) -> None:
        sent.append((statement, parameters[0] if many else parameters))

    event.listen(place.catalog.database.engine, "before_cursor_execute", note)
    return sent


def test_ten_thousand_shots_in_a_handful_of_statements(place: Workplace, statements: list[tuple[str, Any]]) -> None:
    run_id, shots = place.submit(MANY, tags=["summer"])
    batch = place.catalog.new_batch(run_id, shots)
    claims = place.catalog.claim(batch, shots, "w", 60)
    assert [claim.shot_id for claim in claims] == shots
    assert len(place.catalog.renew(claims, 60)) == MANY
    made = place.make("recipe", b"clip")
    first = place.catalog.deliver(
        NewDelivery(
            claims[0],
            shot_id=shots[0],
            rendition="16x9",
            preset="p",
            ask_sha256="ask",
            artifact=made.outputs[0].sha256,
            poster=None,
            execution_id=made.id,
        )
    )
    place.catalog.reuse_deliveries([Reuse(shot, "16x9", first.id) for shot in shots])
    found = place.catalog.current_deliveries(["ask", *(f"ask{n}" for n in range(MANY))])
    assert len(found["ask"]) == MANY
    assert len(place.catalog.find_done_many(["recipe", *(f"r{n}" for n in range(MANY))])) == 1
    assert len(queries.deliveries_of(place.catalog, run_id=run_id)) == MANY
    assert len(place.catalog.release(claims)) == MANY
    assert len(statements) < 200, len(statements)  # none of it asks once per shot


def test_unchanged_pictures_are_known_and_changed_ones_are_not(place: Workplace, tmp_path: Path) -> None:
    keys = [PictureKey(f"/photos/{n}.png", "", 1, f"{n}:1:1", "") for n in range(MANY)]
    place.catalog.put_picture_facts({key: PictureFacts(f"{n:064x}", {"n": n}) for n, key in enumerate(keys)})
    known = place.catalog.picture_facts(keys)
    assert len(known) == MANY and known[keys[7]] == PictureFacts(f"{7:064x}", {"n": 7})

    picture, mask = tmp_path / "a.png", tmp_path / "mask.png"
    picture.write_bytes(b"a")
    mask.write_bytes(b"m")
    key = PictureKey.of(picture, mask, 1)
    place.catalog.put_picture_facts({key: PictureFacts("0" * 64, {"box": [1, 2]})})
    assert place.catalog.picture_facts([PictureKey.of(picture, mask, 1)])[key].facts == {"box": [1, 2]}
    assert place.catalog.picture_facts([PictureKey.of(picture, None, 1), PictureKey.of(picture, mask, 2)]) == {}
    mask.write_bytes(b"other")
    changed = PictureKey.of(picture, mask, 1)
    assert place.catalog.picture_facts([changed]) == {}
    place.catalog.put_picture_facts({changed: PictureFacts("1" * 64, {})})
    assert place.catalog.picture_facts([key, changed]) == {changed: PictureFacts("1" * 64, {})}


HOT: dict[str, Callable[[Workplace, str], object]] = {
    "find_done": lambda place, _: place.catalog.find_done_many(["a", "b"]),
    "current_deliveries": lambda place, _: place.catalog.current_deliveries(["a", "b"]),
    "picture_facts": lambda place, _: place.catalog.picture_facts([PictureKey("a", "", 1, "", "")]),
    "claim": lambda place, run: place.catalog.claim(None, [f"{run}.00001"], "w", 60),
    "reclaim_expired": lambda place, _: place.catalog.reclaim_expired(),
    "recover": lambda place, _: place.catalog.recover(),
    "run_status": lambda place, run: queries.run_status(place.catalog, run),
    "list_runs": lambda place, _: queries.list_runs(place.catalog),
    "deliveries_of run": lambda place, run: queries.deliveries_of(place.catalog, run_id=run),
    "deliveries_of item": lambda place, _: queries.deliveries_of(place.catalog, item="item0"),
    "deliveries_of tag": lambda place, _: queries.deliveries_of(place.catalog, tag="summer"),
    "history": lambda place, _: queries.history(place.catalog, "encode", "ffmpeg", "host"),
    "trace digest": lambda place, _: trace(place.catalog, place.make("r", b"x").outputs[0].sha256[:20]),
    "deliver": lambda place, run: (
        made := place.make("r", b"x"),
        place.catalog.deliver(
            NewDelivery(
                None,
                shot_id=f"{run}.00001",
                rendition="16x9",
                preset="p",
                ask_sha256="a",
                artifact=made.outputs[0].sha256,
                poster=None,
                execution_id=made.id,
            )
        ),
    ),
}


# Lists written in the statement, results of a search, and the newest runs read backwards until the limit.
SMALL = ("SCAN CONSTANT ROW", "SCAN LIST", "SCAN anon_", "SCAN runs USING INDEX ix_runs_created_at")


@pytest.mark.parametrize("name", HOT)
def test_hot_queries_use_an_index(place: Workplace, statements: list[tuple[str, Any]], name: str) -> None:
    if not place.url.startswith("sqlite"):
        pytest.skip("plans of an empty PostgreSQL say nothing: test_plans.py asks a full one")
    run_id, _ = place.submit(2, tags=["summer"])
    statements.clear()
    HOT[name](place, run_id)
    sent = [(sql, values) for sql, values in statements if sql.split()[0] in ("SELECT", "UPDATE")]
    assert sent
    with place.catalog.database.read() as connection:
        for sql, values in sent:
            plan = [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)]
            scans = [step for step in plan if step.startswith("SCAN") and not step.startswith(SMALL)]
            assert not scans, f"{name} reads a whole table: {scans}\n{sql}\n{plan}"


def test_the_database_checks_its_references(place: Workplace) -> None:
    with pytest.raises(Exception, match=r"(?i)foreign key"), place.catalog.database.write() as connection:
        connection.execute(text("INSERT INTO shot_tags (shot_id, tag) VALUES ('nobody', 'x')"))
