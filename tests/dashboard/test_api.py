"""The API does what its document says, whatever it is asked: schemathesis asks what nobody thought of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, settings
from schemathesis.config import SchemathesisConfig
from schemathesis.core import NOT_SET
from schemathesis.specs.openapi.checks import allow_header_conformance

from catalog import facts
from catalog.notices import EVENTS
from dashboard.api.told import Event, Told
from dashboard.app import create_app
from dashboard.login_rate import LoginRate
from dashboard.settings import DashboardSettings
from dashboard.tokens import Tokens
from flows.notify.letter import payload
from tests.dashboard.conftest import Asked
from tests.dashboard.gallery import HOSTILE, Gallery

ROLES = ("viewer", "operator")


@pytest.fixture(params=ROLES)
def api(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The document of a dashboard over a small catalog, and how to ask as each role."""
    # Wrong tokens are tried on purpose, more than five a minute; that this is slow is tested with the rest of safety.
    monkeypatch.setattr(LoginRate, "check", lambda *_: None)
    request.node._nodeid = request.node.nodeid  # where schemathesis 4.32 looks for it, and pytest 9.2 has it no more
    gallery = Gallery(tmp_path)
    run_id = gallery.night()
    told = DashboardSettings(tmp_path, names=("testserver",))
    word = Tokens(told.tokens).add("a program", request.param)
    headers = {"Authorization": f"Bearer {word}"}
    config = SchemathesisConfig.from_dict({"generation": {"with-security-parameters": False}})  # ours is sent
    app = create_app(gallery.catalog, Asked(), told)
    schema = schemathesis.openapi.from_asgi("/api/openapi.json", app, headers=headers, config=config)
    schema.headers, schema.gallery, schema.run_id, schema.role = headers, gallery, run_id, request.param  # type: ignore
    yield schema
    gallery.catalog.close()


schema = schemathesis.pytest.from_fixture("api")


@pytest.mark.slow
@schema.parametrize()
@settings(max_examples=8, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_in_the_document(case: Any, api: Any) -> None:
    """No 5xx, no status, type or shape that is not described; what is out of bounds is refused."""
    # `retry` and `quarantine` are ids of shots too, for who asks to GET them: so more is allowed than is written there.
    excluded = [allow_header_conformance] if case.path in ("/api/shots/retry", "/api/shots/quarantine") else []
    case.call_and_validate(headers=api.headers, excluded_checks=excluded)


def test_what_is_there_is_answered_as_the_document_says(api: Any) -> None:
    """The same routes for ids that exist: each answers 2xx, or 403 where it is not the viewer's."""
    shot_id = f"{api.run_id}.00001"
    delivery = facts.shot_facts(api.gallery.catalog, shot_id).deliveries[0]
    ids = {"run_id": api.run_id, "shot_id": shot_id, "sha256": delivery.clip_sha256, "kind": "preview"}
    bodies: dict[str, Any] = {
        "/api/runs": {"manifest": "version: 1"},
        "/api/shots/retry": {"shots": [shot_id]},
        "/api/shots/quarantine": {"shots": [shot_id], "why": "the label is wrong"},
        "/api/shots/{shot_id}/another": {"changes": {"seed": "7"}},
        "/api/reviews": {"deliveries": [delivery.id], "verdict": "approved"},
        "/api/reviews/reopen": {"deliveries": [delivery.id]},
    }
    answered = 0
    for found in api.get_all_operations():
        operation = found.ok()
        wanted = {one.name: ids[one.name] for one in operation.path_parameters}
        query = {"subject": api.run_id, "q": "SKU-1", "run": api.run_id, "since": "2026-01-01", "by": "run"}
        case = operation.Case(
            path_parameters=wanted,
            query={one.name: query[one.name] for one in operation.query if one.name in query},
            body=bodies.get(operation.path, NOT_SET),
            media_type="application/json" if operation.path in bodies else None,
        )
        answer = case.call_and_validate(headers=api.headers)
        refused = operation.method == "post" and api.role == "viewer"
        assert answer.status_code == (403 if refused else answer.status_code), answer.text
        assert refused or answer.status_code < 300, (operation.label, answer.text)
        answered += 1
    assert answered == sum(len(methods) for methods in api.raw_schema["paths"].values()) > 25


@pytest.mark.parametrize("name", ["..%2f..%2fetc%2fpasswd", "../../etc/passwd", "%2e%2e/%2e%2e/etc/passwd", "..%5cx"])
@pytest.mark.parametrize("path", ["/api/runs/{}", "/api/runs/{}/deliveries", "/api/shots/{}", "/api/shots/{}/lineage"])
def test_a_path_for_an_id_does_nothing(client: TestClient, path: str, name: str) -> None:
    answer = client.get(path.format(name))
    assert answer.status_code in (404, 422) and "root:" not in answer.text


def test_a_hostile_title_is_only_a_string_of_json(client: TestClient, gallery: Gallery) -> None:
    run_id = gallery.submit(1, name=HOSTILE, title=HOSTILE)
    answer = client.get(f"/api/runs/{run_id}")
    assert answer.json()["name"] == HOSTILE
    assert (
        answer.headers["content-type"] == "application/json" and answer.headers["x-content-type-options"] == "nosniff"
    )


def test_the_document_describes_what_webhooks_are_sent(client: TestClient, gallery: Gallery) -> None:
    assert {*get_args(Event)} == {*EVENTS, "test"}
    assert client.get("/api/openapi.json").json()["webhooks"]["told"]["post"]["requestBody"]
    gallery.catalog.know_target("shop", "webhook")
    run_id = gallery.night()
    sent: list[Told] = []
    while due := gallery.catalog.take_notice("shop", EVENTS):
        sent.append(Told.model_validate_json(payload(due, "https://dailies.example"), strict=True))
        assert json.loads(payload(due, ""))["links"] == {}
    assert {one.type: one.subject for one in sent} == {"shot.quarantined": run_id, "run.failed": run_id}
