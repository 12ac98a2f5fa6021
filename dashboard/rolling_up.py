"""Hours of work added up once a minute while the dashboard runs: what it counts for others is never much older."""

from __future__ import annotations

import logging
import threading
import time

from catalog.catalog import Catalog
from catalog.errors import CatalogError

log = logging.getLogger("dailies.dashboard")


class RollingUp:
    """A thread that calls `catalog.roll_up`. Two dashboards that do so take turns; the catalog may be away."""

    def __init__(self, catalog: Catalog, every_seconds: float) -> None:
        self._catalog, self._every = catalog, every_seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._roll, name="roll up", daemon=True)
        self.done_at: float | None = None
        """When it last went well, in seconds since 1970; None before the first time."""

    def start(self) -> None:
        """Begin; the first time is one turn from now, so that a start waits for nothing."""
        self._thread.start()

    def stop(self) -> None:
        """End, once the turn that is under way has."""
        self._over.set()
        self._thread.join()

    def _roll(self) -> None:
        while not self._over.wait(self._every):
            try:
                self._catalog.roll_up()
                self.done_at = time.time()
            except CatalogError as error:  # the next turn is another chance
                log.warning("hours of work are not added up: %s", error)
            except Exception:  # whatever it is, the next turn is another chance too
                log.exception("hours of work are not added up")
