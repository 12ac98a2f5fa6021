"""The dashboard over a small catalog, asked without a network."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from dashboard.app import create_app
from dashboard.settings import DashboardSettings
from dashboard.tokens import Tokens
from tests.dashboard.gallery import Gallery


class Asked:
    """Actions that only remember what they were asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []

    def _done(self, *call: object) -> str:
        self.calls.append(call)
        return f"done: {call[0]}"

    def submit(self, who: str, manifest: str) -> str:
        return self._done("submit", who, manifest)

    def resume(self, who: str, run_id: str) -> str:
        return self._done("resume", who, run_id)

    def cancel(self, who: str, run_id: str) -> str:
        return self._done("cancel", who, run_id)

    def retry(self, who: str, shot_ids: Sequence[str]) -> str:
        return self._done("retry", who, tuple(shot_ids))

    def quarantine(self, who: str, shot_ids: Sequence[str], why: str) -> str:
        return self._done("quarantine", who, tuple(shot_ids), why)

    def make_another(self, who: str, shot_id: str, changes: Mapping[str, str]) -> str:
        return self._done("make_another", who, shot_id, dict(changes))

    def review(self, who: str, verdict: str, delivery_ids: Sequence[str], note: str) -> str:
        return self._done("review", who, verdict, tuple(delivery_ids), note)

    def reopen(self, who: str, delivery_ids: Sequence[str], note: str) -> str:
        return self._done("reopen", who, tuple(delivery_ids), note)

    def send(self, who: str, run_id: str) -> str:
        return self._done("send", who, run_id)


class Browser:
    """A client that takes the word of its visit from the page, as a browser does."""

    def __init__(self, client: TestClient, page: str = "/") -> None:
        self.client = client
        self.page = page

    def word(self) -> str:
        found = re.search(r'<meta name="csrf" content="([0-9a-f]{64})">', self.client.get(self.page).text)
        assert found
        return found[1]

    def post(self, path: str, **fields: object):
        headers = {"X-CSRF-Token": self.word(), "HX-Request": "true"}
        return self.client.post(path, data=fields, headers=headers, follow_redirects=False)


@pytest.fixture
def gallery(tmp_path: Path) -> Iterator[Gallery]:
    made = Gallery(tmp_path)
    yield made
    made.catalog.close()


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
def client(gallery: Gallery, asked: Asked) -> Iterator[TestClient]:
    """Of a dashboard on loopback, open to whoever is at the machine."""
    app = create_app(gallery.catalog, asked, DashboardSettings(gallery.folder, poll_seconds=0.05))
    with TestClient(app, base_url="http://127.0.0.1:4300") as found:
        yield found


@pytest.fixture
def browser(client: TestClient) -> Browser:
    return Browser(client)


@pytest.fixture
def words(gallery: Gallery) -> Mapping[str, str]:
    """A token for each role."""
    tokens = Tokens(DashboardSettings(gallery.folder).tokens)
    return {role: tokens.add(f"a {role}", role) for role in ("viewer", "reviewer", "operator")}


@pytest.fixture
def guarded(gallery: Gallery, asked: Asked, words: Mapping[str, str]) -> Iterator[TestClient]:
    """Of a dashboard that others reach, so that everybody needs a token."""
    settings = DashboardSettings(gallery.folder, names=("dailies.example",), poll_seconds=0.05)
    with TestClient(create_app(gallery.catalog, asked, settings), base_url="https://dailies.example") as found:
        yield found
