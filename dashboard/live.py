"""Server-sent events: that something changed, so that pages ask again. One poller for all who look.

An event's id is the catalog's version. It says the same after a restart, so a browser that comes back with its last
one hears at once whether it missed anything.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable

from catalog.errors import CatalogError
from dashboard.errors import Refused

STILL_HERE_SECONDS = 15.0
MOST_VIEWERS = 500
_SHARE = 4.0
"""A catalog that answers slowly is asked as seldom as keeps it at most a quarter busy with us."""

log = logging.getLogger("dailies.dashboard")


class Live:
    """Asks `version` every `seconds` while somebody looks, and tells all of them."""

    def __init__(self, version: Callable[[], str], seconds: float = 1.0) -> None:
        self._ask, self._seconds = version, seconds
        self._task: asyncio.Task[None] | None = None
        self._changed = asyncio.Condition()
        self._viewers = 0
        self._asked = 0.0
        self.version = ""
        """The last one heard; empty until somebody looks."""

    @property
    def watching(self) -> bool:
        """Whether `version` is as fresh as the poller keeps it."""
        return self._task is not None and time.monotonic() - self._asked < 3 * self._seconds

    async def events(self, last: str = "") -> AsyncIterator[str]:
        """The stream of one viewer, whose page shows the catalog as of `last`; ends when the viewer leaves."""
        if self._viewers >= MOST_VIEWERS:
            raise Refused("TOO_MANY_VIEWERS", f"{MOST_VIEWERS} look already", "load the page again by hand", 503)
        self._viewers += 1
        if self._task is None:
            self._task = asyncio.create_task(self._poll(), name="live")
        try:
            yield "retry: 2000\n\n"
            seen = last
            while True:
                seen, text = await self._next(seen)
                yield text
        finally:
            self._viewers -= 1
            if self._viewers == 0:
                self.stop()

    def stop(self) -> None:
        """Nobody looks."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _next(self, seen: str) -> tuple[str, str]:
        try:
            async with asyncio.timeout(STILL_HERE_SECONDS), self._changed:
                await self._changed.wait_for(lambda: self.version not in ("", seen))
                return self.version, f"id: {self.version}\nevent: changed\ndata: {self.version}\n\n"
        except TimeoutError:
            return seen, ": still here\n\n"

    async def _poll(self) -> None:
        while True:
            began = time.monotonic()
            try:
                found = await asyncio.to_thread(self._ask)
            except CatalogError as error:
                log.warning("the catalog is away: %s", error)
                found = self.version
            self._asked = time.monotonic()
            if found != self.version:
                async with self._changed:
                    self.version = found
                    self._changed.notify_all()
            await asyncio.sleep(max(self._seconds, _SHARE * (self._asked - began)))
