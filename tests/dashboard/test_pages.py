"""What the pages say, and how much they weigh."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from catalog.schedules import NewSchedule
from tests.dashboard.conftest import Asked, Browser
from tests.dashboard.gallery import Gallery

HEAVIEST = 300_000
"""Bytes of a page without its media."""


def test_today_tells_what_failed_and_what_to_do(client: TestClient, gallery: Gallery) -> None:
    assert "Nothing has run yet" in client.get("/").text
    client.app.state.desk.shared.forget()  # type: ignore[attr-defined]
    run_id = gallery.night()
    page = client.get("/").text
    assert "Spring counter" in page and "2 of 4 shots" in page and "2 not made" in page
    assert "the engine said no" in page and "ENGINE_FAILED" in page and "retry once" in page
    assert f"/runs/{run_id}?error=ENGINE_FAILED" in page


def test_today_tells_what_starts_next_and_what_did_not(client: TestClient, gallery: Gallery) -> None:
    assert "Scheduled" not in client.get("/").text
    now = datetime.now(UTC)
    told: dict[str, Any] = {
        "kind": "product",
        "cron": "0 1 * * *",
        "timezone": "Europe/Berlin",
        "done_by": "07:00",
        "overlap": "skip",
    }
    told |= {"budget_gpu_seconds": None, "budget_bytes": None, "late_seconds": 60.0, "shrink": 0.5, "ping": None}
    for name, due in (("nightly", now + timedelta(hours=5)), ("weekly", now - timedelta(hours=2)), ("old", None)):
        gallery.catalog.put_schedule(NewSchedule(name=name, manifest=f"/m/{name}.yaml", next_at=due, **told), "anna")
    gallery.catalog.note_schedule("nightly", "FEED_SHRANK", "the feed has 3 rows, the last one had 400")
    gallery.catalog.switch_schedule("old", None, "anna")
    client.app.state.desk.shared.forget()  # type: ignore[attr-defined]
    page = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", client.get("/").text))
    for words in ("nightly the feed has 3 rows", "FEED_SHRANK", "Europe/Berlin 07:00", "weekly due", "old paused"):
        assert words in page, f"{words}: {page}"


def test_a_runs_shots_are_filtered_by_the_address(client: TestClient, gallery: Gallery) -> None:
    run_id = gallery.night()
    page = client.get(f"/runs/{run_id}").text
    assert all(f"shot-{run_id}.{number:05d}" in page for number in range(1, 5))
    failed = client.get(f"/runs/{run_id}?state=failed").text
    assert f"shot-{run_id}.00003" in failed and f"shot-{run_id}.00001" not in failed
    assert "No shots are like that" in client.get(f"/runs/{run_id}?state=failed&tag=audio&engine=camera").text
    for odd in ("?state='%20OR%201=1", "?engine=%00", "?tag=<script>", "?after=99999999999999999999"):
        assert client.get(f"/runs/{run_id}{odd}").status_code in (200, 422)


def test_a_shot_shows_everything_about_it(client: TestClient, gallery: Gallery) -> None:
    run_id = gallery.night()
    page = client.get(f"/shots/{run_id}.00001").text
    for told in ("data-sync", "/thumbnail", "Flicker levels", "Animate", "camera on", "prepare", "SKU-1", "passed"):
        assert told in page, told
    assert f"/shots/{run_id}.00002" in page, "the next one"
    failed = client.get(f"/shots/{run_id}.00003").text
    assert "the engine said no" in failed and "/do/retry" in failed


@pytest.mark.parametrize("path", ["/runs/nowhere", "/shots/nowhere", "/runs/nowhere/manifest", "/nowhere"])
def test_what_is_not_there_is_said(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404 and "NOT_FOUND" in answer.text


def test_a_page_is_light(client: TestClient, gallery: Gallery) -> None:
    run_id = gallery.submit(200, title="A title of the usual length, 500 ml")
    gallery.night()
    assets = re.findall(r'"/static/([^"?#]+)', client.get("/").text)
    shared = sum(len(client.get(f"/static/{name}").content) for name in dict.fromkeys(assets))
    for path in ("/", f"/runs/{run_id}", f"/shots/{run_id}.00001"):
        size = len(client.get(path).content) + shared
        assert size < HEAVIEST, f"{path}: {size} bytes"


def test_two_hundred_shots_are_paged(client: TestClient, gallery: Gallery) -> None:
    run_id = gallery.submit(130)
    first = client.get(f"/runs/{run_id}").text
    assert first.count('class="card ') == 60 and "?after=60" in first
    last = client.get(f"/runs/{run_id}?after=120").text
    assert last.count('class="card ') == 10 and "More shots" not in last


def test_actions_reach_whoever_carries_them_out(browser: Browser, asked: Asked, gallery: Gallery) -> None:
    run_id = gallery.night()
    shot = f"{run_id}.00003"
    assert "done: resume" in browser.post(f"/do/resume/{run_id}").text
    assert "done: submit" in browser.post("/do/submit", manifest="version: 1\n").text
    assert "NO_MANIFEST" in browser.post("/do/submit", manifest=" ").text
    browser.post(f"/do/cancel/{run_id}")
    browser.post("/do/quarantine", shot=[shot, shot], why="  not this one ")
    browser.post(f"/do/another/{shot}", seed="7", **{"motion.move": "push", "seconds": ""})
    assert asked.calls == [
        ("resume", "local", run_id),
        ("submit", "local", "version: 1\n"),
        ("cancel", "local", run_id),
        ("quarantine", "local", (shot,), "not this one"),
        ("make_another", "local", shot, {"seed": "7", "motion.move": "push"}),
    ]
    refused = browser.post(f"/do/another/{shot}", seed="")
    assert refused.status_code == 400 and "NO_CHANGE" in refused.text
    assert browser.post("/do/retry").status_code == 400
