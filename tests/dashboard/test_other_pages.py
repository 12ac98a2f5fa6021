"""Search, costs and health, and the same as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from catalog import facts
from catalog.queries import deliveries_of
from catalog.tables import Execution, Run
from dashboard.pages.today import read
from dashboard.settings import Rates
from dashboard.words import seconds as length
from tests.dashboard.conftest import Asked, Browser
from tests.dashboard.gallery import HOSTILE, Gallery


def test_shots_are_found_by_what_people_know(client: TestClient, gallery: Gallery) -> None:
    run_id = gallery.night()
    digest = deliveries_of(gallery.catalog, run_id=run_id)[0].delivery.artifact
    for words in ("SKU-1", "Product 1", digest[:10], "spring item1"):
        page = client.get("/search", params={"q": words}).text
        assert f"/shots/{run_id}.00001" in page, words
    assert "ENGINE_FAILED" in client.get("/search?error=ENGINE_FAILED").text
    assert "Nothing is like that" in client.get("/search?q=zeppelin").text


@pytest.mark.parametrize(
    "typed", ['"', "'; DROP TABLE shots", "a AND", "NEAR(", "*", "%", "\\", "mug:*", HOSTILE, "\x00", "é" * 300]
)
def test_whatever_is_typed_is_only_looked_up(client: TestClient, gallery: Gallery, typed: str) -> None:
    gallery.night()
    for field in ("q", "engine", "weights", "error"):
        answer = client.get("/search", params={field: typed})
        assert answer.status_code == 200 and HOSTILE not in answer.text, (field, typed)
    assert client.get("/search", params={"since": typed}).status_code == 400
    assert client.get("/search", params={"q": "a", "after": typed}).status_code == 409


def test_costs_are_told_by_day_run_and_engine(client: TestClient, gallery: Gallery) -> None:
    run_id = gallery.night()
    assert "Spring counter" in client.get("/costs?by=run").text and run_id[-7:] in client.get("/costs?by=run").text
    assert "camera" in client.get("/costs?by=engine").text
    assert "Nothing was run then" in client.get("/costs?since=2020-01-01&until=2020-01-02").text
    assert client.get("/costs?by=nonsense").status_code == 200


def test_what_is_told_of_all_counts_what_no_row_shows(
    client: TestClient, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of more runs than a page lists; and of the last day also for a run that began before it."""
    old = gallery.night()
    (of_one,) = facts.costs(gallery.catalog, by="run")
    gallery.night()
    monkeypatch.setattr("dashboard.pages.costs.ROWS", 1)
    both = 2 * of_one.seconds
    assert of_one.seconds > 0 and f"{length(both)} of work" in client.get("/costs?by=run").text
    with gallery.catalog.database.write() as connection:
        connection.execute(update(Run).where(Run.id == old).values(created_at=datetime.now(UTC) - timedelta(days=3)))
        before = datetime.now(UTC) - timedelta(days=2)
        connection.execute(update(Execution).where(Execution.stage == "encode").values(ended_at=before))
    of_today = read(client.app.state.desk)["stage_seconds"]  # type: ignore[attr-defined]
    assert 0 < of_today < both, "neither all of a run of today, nor nothing of an older one"


def test_money_is_gpu_time_by_its_rate_and_the_rest_by_the_cpus() -> None:
    assert Rates(gpu_hour=3.6, cpu_hour=0.36).money(1800.0, 1000.0) == pytest.approx(1.0 + 0.08)
    assert not Rates().known


def test_health_says_what_is_wrong_and_what_to_do(client: TestClient, gallery: Gallery) -> None:
    run_id = gallery.night()
    assert "All is well" in client.get("/health").text
    gallery.catalog.mark_damaged(deliveries_of(gallery.catalog, run_id=run_id)[0].delivery.artifact, "a test")
    client.app.state.desk.shared.forget()  # type: ignore[attr-defined]
    page = client.get("/health").text
    assert "Something needs you" in page and "1 damaged" in page and "dailies verify" in page
    assert "submit" in page and run_id in page, "who did what"


def test_the_api_says_what_the_pages_say(client: TestClient, gallery: Gallery) -> None:
    run_id = gallery.night()
    (run,) = client.get("/api/runs").json()
    assert (run["id"], run["shots"]) == (run_id, {"done": 2, "failed": 1, "quarantined": 1})
    assert [shot["position"] for shot in client.get(f"/api/runs/{run_id}/shots?after=1&limit=2").json()] == [2, 3]
    first, second = client.get(f"/api/runs/{run_id}/deliveries").json()
    assert client.get(first["media"]).status_code == 200 and first["preset"] == second["preset"] == "web_1080p"
    shot = client.get(f"/api/shots/{run_id}.00001").json()
    assert [one["stage"] for one in shot["executions"]] == ["prepare", "animate", "encode"]
    assert client.get(f"/api/shots/{run_id}.00001/lineage").json()["roots"][0]["kind"] == "shot"
    assert client.get("/api/search?q=SKU-1").json()[0]["id"] == f"{run_id}.00001"
    assert client.get("/api/review/progress").json()["waiting"] == 2
    assert client.get("/api/costs?by=engine").json()[0]["money"] == 0.0
    assert client.get("/api/health").json()["damaged"] == 0
    missing = client.get("/api/runs/nowhere/shots")
    assert missing.status_code == 404 and set(missing.json()) == {"code", "message", "remedy"}


def test_programs_act_with_a_token_of_their_own(
    guarded: TestClient, words: Mapping[str, str], asked: Asked, gallery: Gallery
) -> None:
    run_id = gallery.night()
    operator = {"authorization": f"Bearer {words['operator']}"}
    submitted = guarded.post("/api/runs", json={"manifest": "version: 1"}, headers=operator)
    assert (submitted.status_code, submitted.json()) == (202, {"said": "done: submit"})
    body = {"deliveries": ["d1"], "verdict": "approved"}
    assert guarded.post("/api/reviews", json=body, headers=operator).status_code == 200
    assert guarded.post(f"/api/runs/{run_id}/cancel", headers=operator).status_code == 202
    assert [call[:2] for call in asked.calls] == [(what, "a operator") for what in ("submit", "review", "cancel")]
    viewer = {"authorization": f"Bearer {words['viewer']}"}
    assert guarded.get("/api/runs", headers=viewer).status_code == 200
    assert guarded.post("/api/runs", json={"manifest": "x"}, headers=viewer).status_code == 403
    assert guarded.post("/api/runs", json={"manifest": "x"}).status_code == 401
    assert len(asked.calls) == 3


def test_every_route_of_the_api_is_in_its_document(client: TestClient) -> None:
    document = client.get("/api/openapi.json").json()
    told = {path for path in document["paths"] if path.startswith("/api/")}
    assert {"/api/runs", "/api/runs/{run_id}/deliveries", "/api/shots/{shot_id}", "/api/reviews"} <= told
    assert all(not path.startswith("/do/") for path in document["paths"])
    assert document["info"]["title"] == "Dailies"


def test_the_api_refuses_what_it_does_not_know(browser: Browser, asked: Asked) -> None:
    for path, body in (
        ("/api/shots/retry", {"shots": []}),
        ("/api/shots/retry", {"shots": ["../x y"]}),
        ("/api/shots/x/another", {"changes": {"source": "/etc/passwd"}}),
        ("/api/reviews", {"deliveries": ["d"], "verdict": "splendid"}),
        ("/api/runs", {"manifest": ""}),
    ):
        headers = {"X-CSRF-Token": browser.word()}
        answer = browser.client.post(path, json=body, headers=headers)
        assert answer.status_code == 422 and answer.json()["code"] == "BAD_REQUEST", (path, body)
    assert asked.calls == []


def test_who_cannot_be_told_is_on_the_health_page(client: TestClient, gallery: Gallery) -> None:
    assert "nobody is to be told" in client.get("/health").text
    gallery.catalog.know_target("shop", "webhook")
    gallery.catalog.post_notice("report", "Morning report", {})
    due = gallery.catalog.take_notice("shop", ["report"])
    assert due is not None
    gallery.catalog.target_gone(due, "410")
    client.app.state.desk.shared.forget()  # type: ignore[attr-defined]
    page = client.get("/health").text
    assert "shop cannot be told" in page and "NOTIFY_GONE" in page and "dailies notify test" in page


def test_a_review_by_the_api_samples_as_the_runs_manifest_says(client: TestClient, gallery: Gallery) -> None:
    run_id = gallery.submit(4, review="sample 100%")
    for seed, claim in enumerate(gallery.claim(run_id, gallery.shots(run_id, 4)), start=1):
        gallery.deliver(claim, seed)
    asked = {"run": run_id, "policy": "sample"}
    assert len(client.get("/api/review", params=asked).json()) == 4
    assert client.get("/api/review/progress", params=asked).json()["waiting"] == 4
    assert client.get("/api/review", params=asked | {"run": "nonsense"}).status_code == 404
