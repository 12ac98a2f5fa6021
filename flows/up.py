"""`dailies up`: one always-on machine under one command, and ended by one Ctrl-C."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Annotated, Any, Final

import typer

from catalog.catalog import Catalog
from flows import prefect_home
from flows.dashboard_command import PORT as DASHBOARD_PORT
from flows.house import House
from flows.json_output import JSON
from flows.listening import listen
from flows.scheduling import NIGHTLY, wanted_of
from flows.settings import Settings
from flows.station import CONTROL, Station
from flows.terminal import said
from flows.up_file import read_up, remove_up, write_up
from flows.worker import print_json_line
from manifests.errors import InputError, Problem
from tasks.planner.device import cards, torch_installed

PORT: Final = 4200
LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


def up(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Of Prefect's server and its page.")] = PORT,
    host: Annotated[
        str, typer.Option(help="Address to listen on; beyond loopback only with a password.")
    ] = "127.0.0.1",
    cpu_slots: Annotated[int, typer.Option("--cpu-slots", min=1, max=64, help="Batches the cpu worker takes.")] = 1,
    dashboard_port: Annotated[
        int, typer.Option("--dashboard-port", min=0, max=65535, help="Of the dashboard, on loopback; 0: none.")
    ] = DASHBOARD_PORT,
    nightly: Annotated[Path | None, typer.Option(help="A manifest to run by its schedule:, else at 01:00 UTC.")] = None,
    as_json: JSON = False,
) -> int:
    """Prefect's server, its schedules, the dashboard, workers (control, cpu, one gpu per card), until Ctrl-C.

    Whatever of it dies is started again. `dailies run` in another shell uses it. Logs are in the home's `logs`.
    """
    asked = dict(os.environ)
    settings = Settings()
    if host not in LOOPBACK and not asked.get("PREFECT_SERVER_API_AUTH_STRING"):
        found = f"--host {host} would let everybody who reaches it run flows here"
        raise InputError(
            Problem("NO_PASSWORD", found, "set PREFECT_SERVER_API_AUTH_STRING=user:password, or leave --host")
        )
    if nightly is not None and not nightly.is_file():
        raise InputError(Problem("MANIFEST_MISSING", f"--nightly: there is no file {nightly}", "check the path"))
    by_itself = None if nightly is None else wanted_of(nightly, NIGHTLY)
    with _alone(settings.home), listen(host, port) as listening, _pages(dashboard_port) as pages:
        stations = _stations(settings, cpu_slots)
        place = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
        api = f"http://{f'[{place}]' if ':' in place else place}:{port}/api"
        prefect_home.settle(settings.prefect_home)
        os.environ["PREFECT_API_URL"] = api
        if password := asked.get("PREFECT_SERVER_API_AUTH_STRING"):
            os.environ.setdefault("PREFECT_API_AUTH_STRING", password)
        with Catalog.open(settings.catalog_url, settings.store) as catalog:
            if by_itself is not None:  # the server hears of it with all the others
                catalog.put_schedule(by_itself, "dailies up")
            house = House(settings, catalog, stations, listening, api, asked, _printer(as_json), pages)
            write_up(settings.home, api)
            try:
                return house.keep()
            finally:
                remove_up(settings.home)


def _stations(settings: Settings, cpu_slots: int) -> list[Station]:
    """The workers of this machine. A card counts where torch is there to use it."""
    found = [Station.of(settings, "cpu", (CONTROL,)), Station.of(settings, "cpu", slots=cpu_slots)]
    if torch_installed() and settings.device.startswith(("auto", "cuda")):
        _, _, only = settings.device.partition(":")
        found += [
            Station.of(settings, "gpu", device=f"cuda:{card.index}")
            for card in cards()
            if only in ("", str(card.index))
        ]
    return found


@contextmanager
def _alone(home: Path) -> Iterator[IO[str]]:
    """Two in one home would start everything twice; the kernel lets go of the lock with the process."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "up.lock").open("a", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as held:
            up = read_up(home)
            who = f"process {up.pid}, since {up.started}, at {up.api}" if up else "another process"
            problem = Problem(
                "UP_RUNS", f"`dailies up` runs in {home} already: {who}", "use that one, or stop it first"
            )
            raise InputError(problem) from held
        yield lock


def _pages(port: int) -> AbstractContextManager[socket.socket | None]:
    """The dashboard's socket; None where it is not wanted."""
    return listen(port=port) if port else nullcontext()


def _printer(as_json: bool) -> Any:
    def tell(program: str, event: str, text: str) -> None:
        now = datetime.now(UTC)
        line: Mapping[str, Any] = {
            "at": now.isoformat(timespec="seconds"),
            "program": program,
            "event": event,
            "text": text,
        }
        print_json_line(line) if as_json else said(f"{now.astimezone():%H:%M:%S}  {program:<12} {text}")

    return tell
