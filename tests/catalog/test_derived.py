"""What is made of other tables is there after an upgrade, a restore, or a loss of its triggers; nobody has to know."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from alembic import command
from sqlalchemy import insert

from catalog import Catalog, facts
from catalog.backup import backup
from catalog.database import Database
from catalog.migrate import alembic_config
from catalog.migrations import triggers_0006 as triggers
from catalog.restore import restore
from catalog.tables import (
    Artifact,
    Delivery,
    Execution,
    Measurement,
    Rendition,
    Run,
    Shot,
    ShotTag,
)
from tests.catalog.conftest import Workplace
from tests.catalog.test_facts import PLAN
from tests.catalog.test_reviews import finished

RUN, SHOT, CLIP = "r261121-000000-0000001", "r261121-000000-0000001.00001", "c" * 64


def write_by_hand(database: Database) -> None:
    """A shot with a delivery, as any version of the code would write them."""
    ran: dict[str, Any] = {"recipe": {}, "engine_versions": {}, "weights": {}, "ran": {}, "host": "h", "device": "cpu"}
    rows: list[tuple[Any, dict[str, Any]]] = [
        (Run, {"id": RUN, "name": "old", "kind": "product", "state": "done", "manifest_sha256": "0", "manifest": {}}),
        (Shot, {"id": SHOT, "run_id": RUN, "position": 1, "key": "mug", "item": "mug", "variant": "", "ask": {}}),
        (ShotTag, {"shot_id": SHOT, "tag": "summer"}),
        (Rendition, {"shot_id": SHOT, "name": "16x9", "width": 16, "height": 9, "rate": "30", "frames": 3}),
        (Artifact, {"sha256": CLIP, "kind": "delivery", "state": "present", "bytes": 7, "location": "x", "media": {}}),
        (Execution, {"id": "x1", "stage": "encode", "version": 1, "state": "done", "recipe_sha256": "r1"} | ran),
        (Measurement, {"artifact_sha256": CLIP, "name": "flicker", "value": 9.0, "unit": "", "threshold": 6.0}),
        (Delivery, {"id": "d1", "shot_id": SHOT, "manifest": "old", "kind": "product", "shot_key": "mug"}),
    ]
    rows[0][1].update(triggered_by="t", out_folder="/out")
    rows[1][1].update(plan=PLAN, meta={"title": "Morning mug"}, state="done")
    rows[5][1].update(engine="ffmpeg", shot_id=SHOT, seconds=2.0)
    rows[6][1].update(passed=False)
    made = {"rendition": "16x9", "preset": "p", "state": "current", "ask_sha256": "a", "artifact_sha256": CLIP}
    rows[7][1].update(made | {"execution_id": "x1", "recipe_sha256": "r1"})
    with database.write() as connection:
        for table, row in rows:
            connection.execute(insert(table).values(**row))


def check(catalog: Catalog) -> None:
    """Everything that is derived of it is there, once."""
    (hit,) = facts.search(catalog, "morning summer")
    assert (hit.id, hit.title, hit.engine) == (SHOT, "Morning mug", "camera")
    assert (facts.store_use(catalog).files, facts.store_use(catalog).bytes) == (1, 7)
    (entry,) = facts.review_queue(catalog, policy=facts.Flagged())
    assert entry.shot_id == SHOT and entry.score == 0.5
    (card,) = facts.shot_cards(catalog, RUN, engine="camera", tag="summer")
    assert card.title == "Morning mug"


def test_a_catalog_of_an_older_version_has_its_facts_after_the_upgrade(
    fresh_url: Callable[[], str], tmp_path: Path
) -> None:
    url = fresh_url()
    database = Database(url)
    with database.write() as connection:
        command.upgrade(alembic_config(connection), "0005")
    write_by_hand(database)
    database.close()
    (tmp_path / "store" / "incoming").mkdir(parents=True)
    for _ in ("upgraded", "opened again"):
        with Catalog.open(url, tmp_path / "store") as catalog:
            check(catalog)


def test_code_that_knows_nothing_of_them_keeps_them(place: Workplace) -> None:
    write_by_hand(place.catalog.database)
    check(place.catalog)


def test_lost_triggers_come_back_with_what_they_missed(place: Workplace) -> None:
    with place.catalog.database.write() as connection:
        triggers.drop(connection)
    write_by_hand(place.catalog.database)
    assert facts.shot_cards(place.catalog, RUN) == []
    with Catalog.open(place.url, place.root) as again:
        check(again)


def test_a_restored_catalog_has_its_facts_and_verdicts(
    place: Workplace, fresh_url: Callable[[], str], tmp_path: Path
) -> None:
    said, waits = finished(place, [1.0, 3.0])
    place.catalog.review("ann", "approved", shots=[said.shot_id], note="lovely")
    place.catalog.review("ann", "rejected", shots=[waits.shot_id])
    place.catalog.reopen_review("bob", shots=[waits.shot_id])

    def told(catalog: Catalog) -> list[object]:
        run_id = said.shot_id.partition(".")[0]
        found = [facts.review_queue(catalog), facts.review_progress(catalog), facts.shot_cards(catalog, run_id)]
        hits = [(hit.kind, hit.id, hit.title) for hit in facts.search(catalog, "nightly item1")]
        return [*found, facts.costs(catalog), facts.facets(catalog, run_id), facts.store_use(catalog).kinds, hits]

    backup(place.catalog.database, tmp_path / "b.zip")
    url = fresh_url()
    database = Database(url)
    restore(database, tmp_path / "b.zip", who="tester")
    database.close()
    with Catalog.open(url, place.root) as restored:
        assert told(restored) == told(place.catalog)
        assert facts.review_progress(restored).approved == 1 and len(facts.review_queue(restored)) == 1
        write_by_hand(restored.database)
        assert facts.search(restored, "morning mug")[0].id == SHOT
