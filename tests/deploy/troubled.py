"""A catalog in which everything that an alert is about is so, and what a Prometheus reads of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from sqlalchemy import update

from catalog.dialect import clock
from catalog.schedules import NewSchedule, Scheduled
from catalog.tables import Shot, Worker
from catalog.workers import CardState
from dashboard.app import create_app
from dashboard.settings import DashboardSettings, Rates
from tests.dashboard.gallery import Gallery

CARD = CardState(
    uuid="GPU-1", name="NVIDIA H200", lost=False, busy=0.5, memory_bytes=30 * 10**9, memory_total_bytes=140 * 10**9
)


@contextmanager
def troubled(folder: Path) -> Iterator[Gallery]:
    """Its store is nearly full by what its file system says; hours are added up."""
    gallery = Gallery(folder)
    try:
        gallery.night()
        run_id = _scheduled(gallery)
        claims = gallery.claim(run_id, gallery.shots(run_id, 16))
        for claim in claims[:13]:
            gallery.catalog.finish_shot(claim, "failed" if claim is claims[0] else "quarantined", "BAD_IMAGE", "torn")
        gallery.deliver(claims[13], 9)
        _staff(gallery)
        refused: dict[str, Any] = {
            "state": "quarantined",
            "error_code": "PICTURE_MISSING",
            "error_message": "it is gone",
        }
        gallery.submit(12, name="Feed", **refused)
        with gallery.catalog.database.write() as connection:
            over = {"lease_expires_at": clock(-600)}
            connection.execute(update(Shot).where(Shot.id == claims[14].shot_id).values(over))
        gallery.catalog.note_incident("WORKER_LOST", "it fell silent", run_id=run_id)
        gallery.catalog.take_duty("upkeep", "hub", 60.0)
        gallery.catalog.roll_up()
        yield gallery
    finally:
        gallery.catalog.close()


def _scheduled(gallery: Gallery) -> str:
    """A run whose deadline has passed, of a schedule that was due an hour ago; one whose last start was refused."""
    now = datetime.now(UTC)
    rules: dict[str, Any] = {
        "manifest": "/shop.yaml", "kind": "product", "cron": "0 1 * * *", "timezone": "Europe/Berlin",
        "done_by": "07:00", "budget_gpu_seconds": None, "budget_bytes": None, "late_seconds": 3600.0,
        "overlap": "skip", "shrink": 0.5, "ping": None,
    }  # fmt: skip
    late = NewSchedule(name="Shop", next_at=now - timedelta(hours=1), **rules)
    refused = NewSchedule(name="Other", next_at=now + timedelta(hours=20), **rules)
    for one in (late, refused):
        gallery.catalog.put_schedule(one, "tests")
    gallery.catalog.begin_schedule("Shop")
    gallery.catalog.note_schedule("Other", "FEED_EMPTY", "no rows")
    due = Scheduled("Shop", None, now - timedelta(hours=2), None, None)
    return gallery.submit(24, name="Shop", scheduled=due)


def _staff(gallery: Gallery) -> None:
    """One that lives, one that lost its card, one that fell silent."""
    facts: dict[str, Any] = {"pool": "gpu", "device": "cuda:0", "engines": {}, "weights": {}, "code_version": "1"}
    ids = [gallery.catalog.register_worker(name=name, **facts) for name in ("a/gpu0", "b/gpu0", "c/gpu0")]
    gallery.catalog.heartbeat(ids[0], gpu=CARD)
    gallery.catalog.heartbeat(ids[1], gpu={**CARD, "lost": True, "uuid": "GPU-2"})
    with gallery.catalog.database.write() as connection:
        connection.execute(update(Worker).where(Worker.id == ids[2]).values(heartbeat_at=clock(-600)))


def scraped(gallery: Gallery) -> str:
    """Of a dashboard that counts money, and has added up."""
    actions: Any = None
    settings = DashboardSettings(gallery.folder, rates=Rates(gpu_hour=2.0, cpu_hour=0.1, currency="EUR"))
    app = create_app(gallery.catalog, actions, settings)
    with TestClient(app, base_url="http://127.0.0.1:4300") as client:
        app.state.desk.rolling_up.done_at = 1_000_000_000.0
        return client.get("/metrics").text
