"""Prefect as one machine needs it: its own home, no telemetry, and its server started before anyone waits for it.

Import this module before `prefect`, which reads its settings once.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

_QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_LOGGING_SERVER_LEVEL": "ERROR",
    "PREFECT_SERVER_UI_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",  # a first start on a fresh home takes 15 s and more
}
# A server that lives as long as one run has nothing to schedule, sweep or trigger.
_IDLE_SERVICES = ("SCHEDULER", "LATE_RUNS", "CANCELLATION_CLEANUP", "FOREMAN", "PAUSE_EXPIRATIONS", "TRIGGERS")


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
    """Start the ephemeral server in the background; call what this returns before the first flow run.

    Starting takes seconds that planning can use. Does nothing where `PREFECT_API_URL` names a server that is there
    already. The returned function waits, and raises RuntimeError where the server did not come up.
    """
    if os.environ.get("PREFECT_API_URL"):
        return lambda: None
    pool = ThreadPoolExecutor(1, thread_name_prefix="prefect-server")
    started = pool.submit(_start)
    pool.shutdown(wait=False)
    return started.result


def _start() -> None:
    from prefect.server.api.server import SubprocessASGIServer

    # A child inherits the mask of the thread that starts it: a terminal's Ctrl-C must not take the server away from
    # the run that is being stopped. It ends by SIGTERM.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    SubprocessASGIServer().start()


@contextmanager
def no_heartbeats() -> Iterator[None]:
    """Flow runs without Prefect's heartbeat thread, which holds every run's end up for a second.

    The catalog's leases are what tells a dead worker; Prefect's heartbeat would only tell it twice.
    """
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        yield
