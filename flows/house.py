"""The programs of `dailies up`: Prefect's server, what it has to know, and this machine's workers, kept running."""

from __future__ import annotations

import signal
import socket
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from catalog.catalog import Catalog
from catalog.errors import CatalogError
from catalog.queries import workers
from flows.prefect_home import down
from flows.settings import Settings
from flows.station import Station
from flows.supervisor import Child, Event, Program, stop_all

Tell = Callable[[str, str, str], None]
"""(program, event, words)"""

START_SECONDS: Final = 300.0
LOOK_SECONDS: Final = 5.0
"""How often it looks whether a drained worker may work again."""
TICK_SECONDS: Final = 0.2
_SERVICES = ("SCHEDULER", "LATE_RUNS", "CANCELLATION_CLEANUP", "FOREMAN", "PAUSE_EXPIRATIONS", "TRIGGERS")
_SERVER: Final = {
    **{f"PREFECT_SERVER_SERVICES_{name}_ENABLED": "true" for name in _SERVICES},
    "PREFECT_SERVER_UI_ENABLED": "true",
    "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
    "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",
    "PREFECT_SERVER_DATABASE_TIMEOUT": "60",  # of SQLite's lock: a busy machine keeps writers waiting
}
"""Prefect's own server, whole: unlike one that lives for a single run. What the user has set stands over it."""


class House:
    """Everything that `dailies up` runs. `asked`: the environment as the user gave it."""

    def __init__(
        self,
        settings: Settings,
        catalog: Catalog,
        stations: Sequence[Station],
        listening: socket.socket,
        api: str,
        asked: Mapping[str, str],
        tell: Tell,
        pages: socket.socket | None = None,
    ) -> None:
        self._settings, self._catalog, self._api, self._tell = settings, catalog, api, tell
        self._signals = 0
        self._told: set[str] = set()
        """Workers whose drain has been told."""
        logs = settings.home / "logs"
        fd = listening.fileno()
        of_server = {**_SERVER, "PREFECT_UI_API_URL": "/api"}
        self._server = Child(
            Program(
                "server",
                [sys.executable, "-m", "flows.prefect_server", str(fd)],
                logs / "server.log",
                {**of_server, **{name: asked[name] for name in of_server if name in asked}},
                pass_fds=(fd,),
                stop_seconds=5.0,
            )
        )
        self._workers = {station.name: Child(_worker(station, logs)) for station in stations}
        self._page = f"http://127.0.0.1:{pages.getsockname()[1]}/" if pages is not None else ""
        self._dashboard = [Child(_dashboard(pages, logs))] if pages is not None else []

    def keep(self) -> int:
        """Start all, keep it running until a signal, end all; the exit status."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._heard)
        children = [self._server, *self._dashboard, *self._workers.values()]
        try:
            self._start()
            looked = time.monotonic()
            while not self._signals:
                for child in children:
                    self._heard_of(child.tend())
                if time.monotonic() - looked >= LOOK_SECONDS:
                    looked = time.monotonic()
                    self._look_at_drained()
                time.sleep(TICK_SECONDS)
            self._tell("up", "leaving", "stops; shots in work are given back (Ctrl-C again: at once)")
            # The server last: flow runs that are stopped still have something to say.
            stop_all(list(self._workers.values()), self._hurried)
            stop_all([*self._dashboard, self._server], self._hurried)
        finally:
            for child in children:
                child.kill()
        self._tell("up", "ended", "everything has ended; `dailies up` goes on")
        return 0

    def _start(self) -> None:
        """Server, then pools and deployments, then workers: each needs the one before."""
        began = time.monotonic()
        while not self._signals and not self._answers():
            self._heard_of(self._server.tend())
            if time.monotonic() - began > START_SECONDS:
                raise down(f"Prefect's server does not answer at {self._api}", f"see {self._server.program.log}")
            time.sleep(TICK_SECONDS)
        told = Child(_deployments(self._settings))
        try:
            while not self._signals and told.state != "ended":
                self._heard_of(self._server.tend())
                self._heard_of(told.tend())
                time.sleep(TICK_SECONDS)
        finally:
            told.kill()
        if not self._signals:
            page = self._api.removesuffix("/api")
            shown = f"{self._page} shows what runs, " if self._page else ""
            text = f"{shown}{page} is Prefect's page; `dailies run` in this home is worked here; Ctrl-C ends it"
            self._tell("up", "ready", text)

    def _answers(self) -> bool:
        if self._server.state != "running":
            return False
        try:
            with urllib.request.urlopen(f"{self._api}/health", timeout=1.0):
                return True
        except OSError:  # not yet
            return False

    def _look_at_drained(self) -> None:
        """A worker that ended because it was drained stays away until that is taken back; any other starts again."""
        ended = {name: child for name, child in self._workers.items() if child.state == "ended"}
        if not ended:
            return
        try:
            rows = workers(self._catalog, live=False)
        except CatalogError as error:
            self._tell("up", "away", f"the catalog is away: {error}")
            return
        drained = {row.name: row.reason for row in rows if row.state in ("draining", "drained")}
        for name, child in ended.items():
            if name not in drained:
                child.revive()
            elif name not in self._told:
                text = f"is drained: {drained[name]}; `dailies worker drain {name} --undo` starts it again"
                self._tell(child.program.name, "drained", text)
        self._told = ended.keys() & drained.keys()

    def _heard_of(self, event: Event | None) -> None:
        if event is not None:
            self._tell(event.program, event.what, event.text)

    def _heard(self, number: int, _: object) -> None:
        self._signals += 1

    def _hurried(self) -> bool:
        return self._signals > 1


def _worker(station: Station, logs: Path) -> Program:
    command = [sys.executable, "-c", "from flows.cli import main; main()", "worker", "start", "--json"]
    command += ["--pool", station.pool, "--slots", str(station.slots), "--name", station.name]
    command += ["--device", station.device, *(word for queue in station.queues for word in ("--queue", queue))]
    return Program(
        name=station.name.rpartition("/")[2],
        command=command,
        log=logs / f"{station.prefect_name}.worker.log",
        environment={"DAILIES_DEPLOYED": "1"},
        restart_on_success=False,
        stop_seconds=30.0,  # it gives its own flow runs and Prefect worker ten each
    )


def _dashboard(listening: socket.socket, logs: Path) -> Program:
    fd = listening.fileno()
    command = [sys.executable, "-c", f"from flows.dashboard_command import serve_socket; serve_socket({fd})"]
    return Program("dashboard", command, logs / "dashboard.log", pass_fds=(fd,), stop_seconds=5.0)


def _deployments(settings: Settings) -> Program:
    code = "from flows.scheduling import tell_server; tell_server()"
    log = settings.home / "logs" / "deployments.log"
    return Program("deployments", [sys.executable, "-c", code], log, restart_on_success=False)
