"""Prefect as one machine needs it: its own home, no telemetry, and its server started before anyone waits for it.

Import this module before `prefect`, which reads its settings once.
"""

from __future__ import annotations

import atexit
import http.client
import logging
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.listening import listen
from manifests.errors import InputError, Problem

_QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_LOGGING_SERVER_LEVEL": "ERROR",
    "PREFECT_SERVER_UI_ENABLED": "false",
}
# A server that lives as long as one run has nothing to schedule, sweep or trigger.
_IDLE_SERVICES = ("SCHEDULER", "LATE_RUNS", "CANCELLATION_CLEANUP", "FOREMAN", "PAUSE_EXPIRATIONS", "TRIGGERS")

# What Prefect sets for a server of this kind itself; and no blocks, which nobody asks this server for.
_SERVER = {
    "PREFECT__SERVER_EPHEMERAL": "1",
    "PREFECT__SERVER_FINAL": "1",
    "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",
}
_START_SECONDS = 120.0
"""A first start on a fresh home takes 15 s and more."""
_SEEK_SECONDS = 10.0
"""For a server that others run, and may be starting again."""
_ADDRESS = "http://HOST:4200/api, say"


def settle(home: Path) -> None:
    """Set Prefect's environment for this process, leaving alone whatever the user set."""
    home.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("PREFECT_HOME", str(home))
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    if not os.environ.get("PREFECT_API_URL"):
        for service in _IDLE_SERVICES:
            os.environ.setdefault(f"PREFECT_SERVER_SERVICES_{service}_ENABLED", "false")


def start_server() -> Callable[[], None]:
    """Start a Prefect server that lives as long as this process; call what this returns before the first flow run.

    Call it after `settle` and before `prefect` is imported: the server's seconds of start then pass while this process
    imports and plans, and Prefect finds its address in `PREFECT_API_URL`. Does nothing where that names a server
    already. The returned function waits, and raises InputError (`PREFECT_DOWN`) where no server answers.
    """
    if named := os.environ.get("PREFECT_API_URL"):
        return lambda: _seek(named)
    # Listening before the server is there: no port is taken in between, and who asks too early simply waits.
    with listen() as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/api"
        server = subprocess.Popen(
            [sys.executable, "-m", "flows.prefect_server", str(listening.fileno())],
            pass_fds=[listening.fileno()],
            env=os.environ | _SERVER,
            start_new_session=True,  # a terminal's Ctrl-C is for the run to tell the server about
        )
    os.environ["PREFECT_API_URL"] = url
    atexit.register(_stop, server)  # before Prefect registers its own: what it still has to say is said first
    return lambda: _await(url, server)


def _await(url: str, server: subprocess.Popen[bytes]) -> None:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=_START_SECONDS):
            return
    except OSError as error:  # refused, reset, too late, or an answer that is an error
        ended = server.poll()
        found = "is not answering" if ended is None else f"ended with {ended}"
        raise down(
            f"Prefect's server {found} at {url} ({error})",
            "`dailies doctor` tells what is missing; PREFECT_API_URL names another server",
        ) from error


def _seek(url: str) -> None:
    """Whether anything answers where PREFECT_API_URL says, whatever it answers: its own client asks the rest."""
    if not url.startswith(("http://", "https://")):
        raise down(f"PREFECT_API_URL is no address: '{url}'", _ADDRESS)
    until = time.monotonic() + _SEEK_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=_SEEK_SECONDS):
                return
        except urllib.error.URLError as error:
            if not isinstance(error.reason, ConnectionError | TimeoutError | socket.gaierror):
                return  # it is there, and speaks HTTP or TLS in a way that is not ours to judge
            if time.monotonic() > until:
                raise down(
                    f"no Prefect server answers at {url}, which PREFECT_API_URL names ({error.reason})",
                    "start it, or unset PREFECT_API_URL: a run then brings its own",
                ) from error
        except (OSError, http.client.HTTPException):  # it broke off, or speaks something else: somebody is there
            return
        except ValueError as error:
            raise down(f"PREFECT_API_URL is no address: '{url}' ({error})", _ADDRESS) from error
        time.sleep(0.5)


def down(found: str, remedy: str) -> InputError:
    """The error of a Prefect server that is not there."""
    return InputError(Problem("PREFECT_DOWN", found, remedy))


def _stop(server: subprocess.Popen[bytes]) -> None:
    if os.environ.get("PREFECT_API_URL"):
        del os.environ["PREFECT_API_URL"]
    server.terminate()
    try:
        server.wait(timeout=5)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


@contextmanager
def no_heartbeats() -> Iterator[None]:
    """Flow runs without Prefect's heartbeat thread, which holds every run's end up for a second.

    The catalog's leases are what tells a dead worker; Prefect's heartbeat would only tell it twice. That its last
    events leave while the process ends is no warning either.
    """
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    try:
        with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
            yield
    finally:  # not before: the first flow run sets Prefect's logging up
        logging.getLogger("prefect.EventsWorker").setLevel(logging.ERROR)
