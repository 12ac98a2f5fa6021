"""A worker at its post: registered, heard of every ten seconds, with a Prefect worker as its child, until it leaves."""

from __future__ import annotations

import logging
import os
import platform
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from catalog.catalog import Catalog
from catalog.errors import CatalogError, NotFound
from catalog.queries import workers
from flows import prefect_home
from flows.card_state import OwnCard
from flows.settings import Settings
from flows.station import Station
from flows.supervisor import Child, Event, Program, stop_all
from flows.up_file import read_up
from manifests.errors import InputError, Problem
from tasks.planner.facts import Facts, code_version

BEAT_SECONDS: Final = 10.0
TICK_SECONDS: Final = 0.2
POLL_SECONDS: Final = "5"
"""Between two questions of the Prefect worker for work."""

log = logging.getLogger("dailies.worker")

Tell = Callable[[Mapping[str, Any]], None]
"""Hears of every event: `at`, `worker`, `event` (registered, started, died, draining ...), `text`."""


class Post:
    """One worker, working. `stand` is everything."""

    def __init__(self, station: Station, settings: Settings, tell: Tell) -> None:
        self._station, self._settings = station, settings
        self._tell_line = tell
        self._id = ""
        self._signals = 0
        self._why = ""
        """Why it takes no more work; empty while it does."""
        self._over = threading.Event()
        self._restarted = threading.Event()
        """The Prefect worker died, and all it had taken with it."""

    def stand(self) -> int:
        """Work until drained or told to stop; the exit status. Raises InputError, CatalogError, EngineMissing."""
        prefect_home.settle(self._settings.prefect_home)
        environment = {"PREFECT_API_URL": server_of(self._settings), **self._station.environment}
        facts = self._station.facts(self._settings)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._heard)
        with Catalog.open(self._settings.catalog_url, self._settings.store) as catalog:
            self._refuse_a_twin(catalog)
            self._register(catalog, facts)
            beat = threading.Thread(target=self._beat, args=(catalog, facts), name="heartbeat", daemon=True)
            beat.start()
            try:
                self._supervise({**environment, "DAILIES_WORKER": self._id})
            finally:
                self._over.set()
                beat.join()
            self._leave(catalog)
        return 0

    def _supervise(self, environment: Mapping[str, str]) -> None:
        """Keep the Prefect worker running until it is time to leave, and have it and all of its flow runs ended."""
        deployed = Child(self._program("deployments", environment, restart_on_success=False))
        working = Child(self._program("worker", environment, soft=True))
        told_why = ""
        try:
            while not self._signals:
                child = working if deployed.state == "ended" or self._deployed else deployed
                # A child that dies while the worker is draining is not started again.
                if (not self._why or child.state == "running") and (event := child.tend()) is not None:
                    self._heard_of(event)
                if self._why and told_why != self._why:
                    self._tell("draining", f"takes no more work: {self._why}; what is in flight is finished")
                told_why = self._why
                if self._why and not working.family:
                    break
                time.sleep(TICK_SECONDS)
            deployed.kill()
            self._end(working)
        finally:
            working.kill()
            deployed.kill()

    def _end(self, working: Child) -> None:
        """Gracefully; a second Ctrl-C, or the first one after a drain's own, ends it at once."""
        if self._signals:
            self._tell("leaving", "stops; shots in work are given back (again: at once)")
        enough = 2 if self._signals else 1
        stop_all([working], lambda: self._signals >= enough)

    @property
    def _deployed(self) -> bool:
        """Whether whoever started us has told Prefect of pools and deployments."""
        return os.environ.get("DAILIES_DEPLOYED") == "1"

    def _program(
        self, name: str, environment: Mapping[str, str], *, restart_on_success: bool = True, soft: bool = False
    ) -> Program:
        log = self._settings.home / "logs" / f"{self._station.prefect_name}.log"
        if name == "deployments":
            code = "from flows.scheduling import tell_server; tell_server()"
            command = [sys.executable, "-c", code]
        else:
            queues = [word for queue in self._station.queues for word in ("--work-queue", queue)]
            command = [sys.executable, "-m", "prefect", "worker", "start", "--type", "process"]
            command += ["--pool", self._station.pool, *queues, "--limit", str(self._station.slots)]
            command += ["--name", self._station.prefect_name, "--install-policy", "never"]
        ours = {
            # Flow runs work in folders of their own, where a relative path would lead elsewhere.
            "DAILIES_HOME": str(self._settings.home),
            "PREFECT_WORKER_QUERY_SECONDS": os.environ.get("PREFECT_WORKER_QUERY_SECONDS", POLL_SECONDS),
            **environment,
        }
        return Program(name, command, log, ours, restart_on_success=restart_on_success, soft=soft)

    def _beat(self, catalog: Catalog, facts: Facts) -> None:
        """Say every ten seconds that the worker lives, and hear whether it is to leave; the catalog may be away."""
        away, card = 0.0, OwnCard(self._station.device)
        while not self._over.wait(BEAT_SECONDS):
            try:
                try:
                    state = catalog.heartbeat(self._id, restarted=self._restarted.is_set(), gpu=card.state())
                    self._restarted.clear()
                except NotFound:  # the catalog was restored from yesterday
                    self._register(catalog, facts)
                    continue
                self._why = "" if state == "active" else self._reason(catalog)
            except CatalogError as error:
                if not away:
                    away = time.monotonic()
                    self._tell("away", f"the catalog is away, work goes on: {error}")
                continue
            except Exception:  # whatever it is, the worker must go on being heard of
                log.exception("worker %s", self._station.name)
                continue
            if away:
                self._tell("back", f"the catalog is back after {time.monotonic() - away:.0f} s")
                away = 0.0

    def _reason(self, catalog: Catalog) -> str:
        found = next((row for row in workers(catalog, live=False) if row.id == self._id), None)
        return (found.reason if found else None) or "somebody stopped it"

    def _register(self, catalog: Catalog, facts: Facts) -> None:
        station = self._station
        self._id = catalog.register_worker(
            name=station.name,
            pool=station.catalog_pool,
            device=facts.device_told,
            engines=facts.engines,
            weights=facts.weights,
            code_version=code_version(),
            memory_bytes=facts.memory_bytes,
            slots=station.slots,
            queues=station.queues,
        )
        self._tell("registered", f"pool {station.pool}, queues {', '.join(station.queues)}, {facts.device_told}")

    def _refuse_a_twin(self, catalog: Catalog) -> None:
        """Two workers of one name would take each other's place in the catalog."""
        for row in workers(catalog):
            here = row.host == platform.node() and row.pid != os.getpid()
            if row.name == self._station.name and here and _is_a_worker(row.pid):
                found = f"worker '{row.name}' runs already, as process {row.pid}"
                raise InputError(Problem("WORKER_RUNS", found, "give this one another --name"))

    def _leave(self, catalog: Catalog) -> None:
        try:
            catalog.stop_worker(self._id)
        except CatalogError as error:  # its silence will tell
            self._tell("away", f"the catalog did not hear that it ends: {error}")
        self._tell("ended", f"drained: {self._why}" if self._why and not self._signals else "stopped")

    def _heard(self, number: int, _: object) -> None:
        self._signals += 1

    def _heard_of(self, event: Event) -> None:
        if event.program == "worker" and event.what == "died":
            self._restarted.set()
        if event.program == "worker" or event.what == "died":
            self._tell(event.what, f"Prefect's {event.program} {event.text}", pid=event.pid)

    def _tell(self, event: str, text: str, **more: Any) -> None:
        at = datetime.now(UTC).isoformat(timespec="seconds")
        self._tell_line({"at": at, "worker": self._station.name, "event": event, "text": text, **more})


def server_of(settings: Settings) -> str:
    """URL of the Prefect API to work for: PREFECT_API_URL, or the running `dailies up`'s. Raises InputError."""
    up = read_up(settings.home)
    found = os.environ.get("PREFECT_API_URL") or (up.api if up else "")
    if not found:
        problem = "a worker takes its work from a Prefect server, and none is known"
        raise InputError(Problem("NO_SERVER", problem, "set PREFECT_API_URL, or start `dailies up` in this home"))
    return found


def _is_a_worker(pid: int) -> bool:
    try:
        return b"worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False
