"""What a Prometheus reads: whole, true, by the conventions, and there while the catalog is not."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi.testclient import TestClient
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import update

from catalog import rollups
from catalog.tables import Execution
from catalog.workers import CardState
from dashboard.app import create_app
from dashboard.settings import DashboardSettings, Rates
from tests.dashboard.conftest import Asked
from tests.dashboard.gallery import Gallery
from tests.promtool import approved


@dataclass
class Scraped:
    """Samples by name and labels."""

    text: str
    samples: dict[tuple[str, frozenset[tuple[str, str]]], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for family in text_string_to_metric_families(self.text):
            for one in family.samples:
                self.samples[one.name, frozenset(one.labels.items())] = one.value

    def of(self, name: str, /, **labels: str) -> float:
        return self.samples[f"dailies_{name}", frozenset(labels.items())]

    def names(self) -> set[str]:
        return {name for name, _ in self.samples}


def scraped(client: TestClient) -> Scraped:
    client.app.state.desk.shared.forget()  # type: ignore[attr-defined]
    answer = client.get("/metrics")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/plain; version=")
    return Scraped(answer.text)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ended is added up although it ended just now."""
    monkeypatch.setattr(rollups, "LAG_SECONDS", 0.0)


def added_up(client: TestClient) -> None:
    """As the dashboard's own thread does once a minute."""
    desk = client.app.state.desk  # type: ignore[attr-defined]
    desk.catalog.roll_up()
    desk.rolling_up.done_at = time.time()


def card(**changes: object) -> CardState:
    known = {"uuid": "GPU-1", "name": "NVIDIA H200", "lost": False, "busy": 0.75, "memory_bytes": 30_000}
    return CardState(**{**known, "memory_total_bytes": 140_000, **changes})  # type: ignore[typeddict-item]


def worker(gallery: Gallery, gpu: CardState | None) -> str:
    facts = {"device": "cuda:0", "engines": {}, "weights": {}, "code_version": "1"}
    found = gallery.catalog.register_worker(name="hub/gpu0", pool="gpu", **facts)  # type: ignore[arg-type]
    gallery.catalog.heartbeat(found, gpu=gpu)
    return found


def test_a_night_is_counted(client: TestClient, gallery: Gallery) -> None:
    added_up(client)
    before = scraped(client)
    assert before.of("shots_ended_total", state="failed") == 0.0, "the first failure has to be an increase"
    gallery.night()
    going = gallery.submit(3, name="Still going")
    claims = gallery.claim(going, gallery.shots(going, 3)[:2])
    gallery.deliver(claims[0], 7)
    added_up(client)
    told = scraped(client)
    assert told.of("catalog_up") == told.of("store_up") == 1.0
    ended = {
        state: told.of("shots_ended_total", state=state) for state in ("done", "failed", "quarantined", "cancelled")
    }
    assert ended == {"done": 3.0, "failed": 1.0, "quarantined": 1.0, "cancelled": 0.0}
    assert (
        told.of("shots", state="waiting") == told.of("shots", state="claimed") == told.of("shots", state="done") == 1.0
    )
    assert told.of("runs", state="running") == 1.0 and told.of("runs", state="paused") == 0.0
    assert told.of("run_shots_left", run=going, name="Still going") == 2.0
    assert told.of("run_eta_seconds", run=going, name="Still going") > 0.0
    assert told.of("failed_shots", code="ENGINE_FAILED") == told.of("failed_shots", code="BAD_IMAGE") == 1.0
    assert told.of("stage_duration_seconds_count", stage="encode", engine="ffmpeg") == 3.0
    assert told.of("stage_duration_seconds_sum", stage="encode", engine="ffmpeg") == pytest.approx(6.0)
    assert told.of("stage_duration_seconds_bucket", stage="encode", engine="ffmpeg", le="1.5") == 0.0
    assert told.of("stage_duration_seconds_bucket", stage="encode", engine="ffmpeg", le="2.2") == 3.0
    assert told.of("stage_executions_total", stage="animate", engine="camera", outcome="made") == 3.0
    assert told.of("store_files", kind="delivery", state="present") == 3.0
    assert told.of("store_free_bytes") == pytest.approx(gallery.catalog.store.free_bytes(), rel=0.2)
    assert 0.0 < told.of("store_used_ratio") < 1.0
    assert told.of("queue_batches", pool="local", queue="normal") == 2.0
    assert told.of("queue_shots", pool="local", queue="normal") == 6.0, "those of a night, and two of three"
    assert abs(told.of("queue_oldest_timestamp_seconds", pool="local", queue="normal") - time.time()) < 60


def test_what_is_added_up_is_not_told_before_it_was(client: TestClient, gallery: Gallery) -> None:
    """From 0 to all of history would be one increase, and wake somebody."""
    gallery.night()
    names = {"dailies_shots_ended_total", "dailies_stage_executions_total", "dailies_stage_gpu_seconds_total"}
    assert not names & scraped(client).names()
    added_up(client)
    assert names <= scraped(client).names()


def test_rows_that_were_refused_as_they_were_planned_are_told_by_run(client: TestClient, gallery: Gallery) -> None:
    """Until the next run of that name."""
    gallery.night()
    told = scraped(client)
    assert "dailies_run_refused_shots" not in told.names(), "those began, and ended"
    refused: dict[str, Any] = {"state": "quarantined", "error_code": "PICTURE_MISSING", "error_message": "it is gone"}
    run_id = gallery.submit(3, name="Feed", **refused)
    told = scraped(client)
    assert told.of("run_refused_shots", run=run_id, name="Feed") == told.of("run_shots", run=run_id, name="Feed") == 3.0
    gallery.submit(3, name="Feed")
    assert "dailies_run_refused_shots" not in scraped(client).names()


def test_what_another_made_first_is_not_counted_as_made(client: TestClient, gallery: Gallery) -> None:
    gallery.night()
    with gallery.catalog.database.write() as connection:
        connection.execute(update(Execution).where(Execution.stage == "encode").values(state="void"))
    added_up(client)
    told, stage = scraped(client), {"stage": "encode", "engine": "ffmpeg"}
    outcomes = [told.of("stage_executions_total", outcome=one, **stage) for one in ("made", "failed", "void")]
    assert outcomes == [0.0, 0.0, 2.0]


def test_money_is_told_where_somebody_counts_it(gallery: Gallery, asked: Asked) -> None:
    gallery.night()
    settings = DashboardSettings(gallery.folder, rates=Rates(cpu_hour=3600.0, currency="€"))
    with TestClient(create_app(gallery.catalog, asked, settings), base_url="http://127.0.0.1:4300") as client:
        added_up(client)
        told = scraped(client)
    assert told.of("stage_cost_total", stage="encode", engine="ffmpeg", currency="€") == pytest.approx(4.0)


def test_every_card_is_told_of_and_one_that_is_lost(client: TestClient, gallery: Gallery) -> None:
    found = worker(gallery, card())
    labels = {"worker": "hub/gpu0", "uuid": "GPU-1", "card": "NVIDIA H200"}
    told = scraped(client)
    assert told.of("worker_up", worker="hub/gpu0", pool="gpu") == told.of("workers", pool="gpu") == 1.0
    assert told.of("gpu_up", **labels) == 1.0 and told.of("gpu_utilization_ratio", **labels) == 0.75
    assert (told.of("gpu_memory_used_bytes", **labels), told.of("gpu_memory_bytes", **labels)) == (30_000, 140_000)
    page = client.get("/health").text
    assert "75% busy, 30.0 kB of 140 kB" in page and "1 seen" in page
    gallery.catalog.heartbeat(found, gpu=card(lost=True))
    told = scraped(client)
    assert told.of("gpu_up", **labels) == 0.0 and "dailies_gpu_utilization_ratio" not in told.names()
    page = client.get("/health").text
    assert "the card is lost" in page and "lost: hub/gpu0" in page and "Something needs you" in page


def test_the_format_is_what_prometheus_takes(client: TestClient, gallery: Gallery) -> None:
    gallery.night()
    worker(gallery, card())
    added_up(client)
    told = scraped(client)
    approved("check", "metrics", given=told.text)
    answer = client.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert {one.name for one in openmetrics(answer.text)} >= {"dailies_shots", "dailies_stage_duration_seconds"}


def test_a_catalog_that_is_away_is_told_not_an_error(
    client: TestClient, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery.night()
    database, aside = gallery.folder / "catalog.db", gallery.folder / "aside.db"
    gallery.catalog.database.engine.dispose()
    monkeypatch.setattr(gallery.catalog.database, "patience_seconds", 0.0)
    shutil.move(database, aside)
    database.mkdir()
    try:
        told = scraped(client)
        assert told.of("catalog_up") == 0.0
        assert told.names() == {"dailies_catalog_up", "dailies_build_info"}
    finally:
        database.rmdir()
        shutil.move(aside, database)
    assert scraped(client).of("catalog_up") == 1.0


def test_beyond_loopback_it_takes_a_viewers_token(guarded: TestClient, words: Mapping[str, str]) -> None:
    refused = guarded.get("/metrics", follow_redirects=False)
    assert refused.status_code == 401 and refused.headers["www-authenticate"] == "Bearer"
    assert guarded.get("/metrics", headers={"authorization": "Bearer nonsense"}).status_code == 401
    told = guarded.get("/metrics", headers={"authorization": f"Bearer {words['viewer']}"})
    assert told.status_code == 200 and "dailies_catalog_up 1.0" in told.text


@pytest.fixture
def rolling(gallery: Gallery, asked: Asked) -> Iterator[tuple[TestClient, TestClient]]:
    """Two dashboards over one catalog that both add up, as fast as they can."""
    settings = DashboardSettings(gallery.folder, roll_up_seconds=0.01)
    apps = [create_app(gallery.catalog, asked, settings) for _ in range(2)]
    base = "http://127.0.0.1:4300"
    with TestClient(apps[0], base_url=base) as first, TestClient(apps[1], base_url=base) as second:
        yield first, second


def test_dashboards_add_up_and_nothing_twice(rolling: tuple[TestClient, TestClient], gallery: Gallery) -> None:
    for _ in range(3):
        gallery.night()
    end = time.monotonic() + 30
    done = ("dailies_shots_ended_total", frozenset({("state", "done")}))
    while any(scraped(client).samples.get(done, 0.0) < 6.0 for client in rolling):
        assert time.monotonic() < end, "nobody adds up"
    for client in rolling:
        told = scraped(client)
        assert told.of("shots_ended_total", state="done") == 6.0
        assert told.of("shots_ended_total", state="failed") == told.of("shots_ended_total", state="quarantined") == 3.0
        assert told.of("stage_executions_total", stage="encode", engine="ffmpeg", outcome="made") == 6.0
        assert abs(told.of("rollup_timestamp_seconds") - time.time()) < 30


def test_a_dashboards_end_ends_its_adding_up(gallery: Gallery, asked: Asked) -> None:
    app = create_app(gallery.catalog, asked, DashboardSettings(gallery.folder, roll_up_seconds=0.01))
    with TestClient(app, base_url="http://127.0.0.1:4300"):
        assert "roll up" in {thread.name for thread in threading.enumerate()}
    assert "roll up" not in {thread.name for thread in threading.enumerate()}, "its catalog is closed now"
