"""Fifty people who look at the same thing ask the catalog what one does: real connections to a real server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import event

from dashboard import shared
from tests.dashboard.gallery import Gallery
from tests.dashboard.server import listening

POLL_SECONDS = 0.4
PATIENCE_SECONDS = 60
_VERSION = "PRAGMA data_version"


@contextmanager
def heard(gallery: Gallery) -> Iterator[list[str]]:
    """Every statement that the catalog's database is sent."""
    statements: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    engine = gallery.catalog.database.engine
    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)


class Viewer:
    """One page: hears of changes, and then asks for Today and for the run."""

    def __init__(self, client: httpx.AsyncClient, run_id: str) -> None:
        self._client, self._run_id = client, run_id
        self.shown = ""

    async def look(self) -> None:
        async with self._client.stream("GET", "/live", timeout=PATIENCE_SECONDS) as live:
            async for line in live.aiter_lines():
                if line.startswith("data: "):
                    pages = [await self._client.get(path) for path in ("/", f"/runs/{self._run_id}")]
                    assert [page.status_code for page in pages] == [200, 200]
                    self.shown = pages[0].text


async def watched(address: str, run_id: str, viewers: int, changes: list[tuple[Callable[[], object], str]]) -> None:
    """Let so many look while everything changes, one after the other, until each of them has seen each change."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(base_url=address, limits=limits, timeout=PATIENCE_SECONDS) as client:
        people = [Viewer(client, run_id) for _ in range(viewers)]
        looking = [asyncio.create_task(one.look()) for one in people]
        for change, words in changes:
            await asyncio.to_thread(change)
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not all(words in one.shown for one in people):
                    assert not any(task.done() for task in looking), [task for task in looking if task.done()]
                    await asyncio.sleep(0.02)
        for task in looking:
            task.cancel()
        await asyncio.gather(*looking, return_exceptions=True)


def asked(folder: Path, viewers: int) -> list[str]:
    """What the catalog is asked while so many see three shots being made; how often for its version, is checked."""
    gallery = Gallery(folder)
    try:
        run_id = gallery.submit(3)
        claims = gallery.claim(run_id, gallery.shots(run_id, 3))
        with heard(gallery) as statements, listening(gallery, poll_seconds=POLL_SECONDS) as address:
            began = time.monotonic()
            changes: list[tuple[Callable[[], object], str]] = [(lambda: None, "0 of 3 shots")]
            changes.append((statements.clear, "0 of 3 shots"))  # once everybody has come in
            for made, claim in enumerate(claims, start=1):
                changes.append((partial(gallery.catalog.finish_shot, claim, "done"), f"{made} of 3 shots"))
            asyncio.run(watched(address, run_id, viewers, changes))
            polls = statements.count(_VERSION)
            assert polls <= (time.monotonic() - began) / POLL_SECONDS + 2, f"{viewers} viewers, {polls} polls"
        return [one for one in statements if one != _VERSION]
    finally:
        gallery.catalog.close()


def test_fifty_viewers_cause_the_queries_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # What ages is read again after five seconds, whoever looks: on a slow machine that would be counted as theirs.
    monkeypatch.setattr(shared, "WATCHED_SECONDS", 60.0)
    found: dict[int, list[str]] = {}
    for viewers in (1, 50):
        (tmp_path / str(viewers)).mkdir()
        found[viewers] = asked(tmp_path / str(viewers), viewers)
    assert any("shot_cards" in one or "shots" in one for one in found[1]), "the pages asked nothing"
    assert len(found[50]) == len(found[1]), f"one viewer: {len(found[1])} statements, fifty: {len(found[50])}"
    assert sorted(found[50]) == sorted(found[1])
