"""Work that outlives who asked for it: `python -m flows.detached run|resume|keep|send SUBJECT WHO [MORE ...]`.

The dashboard starts these: planning takes its time, and a run must not end with a page's server.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from catalog.queries import run
from flows import log_lines
from flows.export import export
from flows.parent import join, run_parent
from flows.request import Request
from flows.settings import Settings
from flows.workshop import workshop

_started: list[subprocess.Popen[bytes]] = []
"""What this process began and has not heard the end of yet."""


def start(settings: Settings, what: str, subject: str, who: str, more: Sequence[str] = ()) -> Path:
    """Begin `what` in a session of its own; returns its log."""
    logs = settings.home / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    log = logs / f"{what}-{datetime.now(UTC):%y%m%d-%H%M%S}-{os.getpid()}.log"
    command = [sys.executable, "-m", "flows.detached", what, subject, who, *more]
    with log.open("ab") as file:
        _started[:] = [one for one in _started if one.poll() is None]
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "DAILIES_HOME": str(settings.home)},
        )
    _started.append(child)
    return log


def main(arguments: Sequence[str]) -> int:
    """Do it, here."""
    what, subject, who, *more = arguments
    match what:
        case "run":
            kind = Request(Path(subject), tuple(more)).load().kind
            run_parent(kind, quiet=True, triggered_by=who, manifest=subject, overrides=tuple(more))
        case "resume":
            with workshop(Settings()) as tools:
                kind = run(tools.catalog, subject).kind
            run_parent(kind, quiet=True, triggered_by=who, resume=subject)
        case "keep":
            _keep(subject)
        case "send":
            (folder,) = more
            return export(Path(folder), subject, approved=True)
        case _:
            raise SystemExit(f"'{what}' is nothing that is done here: wanted run, resume, keep or send")
    return 0


def _keep(run_id: str) -> None:
    """Keep a run until it is over; what failed of it and nobody asked for stays as it is."""
    from flows import prefect_home

    settings = Settings()
    join(settings)
    prefect_home.start_server()()
    from flows.hand_out import chosen
    from flows.keeper import keep, keep_seconds, take_over

    with workshop(settings) as tools, prefect_home.no_heartbeats():
        tools.catalog.recover()
        take_over(tools.catalog, run_id, keep_seconds(settings), asked=True)  # a person did: it is no incident
        keep(tools, run_id, chosen(tools, settings), None)


if __name__ == "__main__":
    log_lines.begin()
    raise SystemExit(main(sys.argv[1:]))
