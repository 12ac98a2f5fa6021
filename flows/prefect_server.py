"""A Prefect server as a process: `python -m flows.prefect_server FD` or `HOST:PORT`, listening on either.

Given a descriptor, it ends with the process that started it, however that ends: a killed run leaves no server behind.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import Any

import uvicorn

from flows import log_lines

PR_SET_PDEATHSIG = 1
"""prctl(2): the signal a process gets when its parent dies."""
APP = "flows.prefect_server:app"


def main() -> None:
    """Serve Prefect's API until SIGTERM."""
    log_lines.begin()
    asked = sys.argv[1]
    words: dict[str, Any] = {"log_config": None} if log_lines.wanted() else {}
    if not asked.isdecimal():
        host, _, port = asked.rpartition(":")
        uvicorn.run(APP, factory=True, host=host, port=int(port), log_level="error", lifespan="on", **words)
        return
    parent = os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it died before the signal was asked for
        return
    uvicorn.run(APP, factory=True, fd=int(asked), log_level="error", lifespan="on", **words)


def app() -> Any:
    """Prefect's own application, able to schedule."""
    from prefect.server.api.server import create_app

    _let_bulk_inserts_pass()
    return create_app()


def _let_bulk_inserts_pass() -> None:
    """Have Prefect 3.8 insert scheduled flow runs under SQLAlchemy 2.1.

    Its rows hold `state`, which is no column. SQLAlchemy 2.0 passed it over; 2.1 refuses it, unless the property says
    what to do: nothing, for Prefect writes the states itself right after. Without this no schedule ever starts a run.
    """
    from prefect.server.database.orm_models import FlowRun, TaskRun
    from sqlalchemy import inspect

    for model in (FlowRun, TaskRun):
        state: Any = inspect(model).all_orm_descriptors["state"]
        if state.bulk_dml_setter is None:
            state.bulk_dml_setter = lambda cls, mapping, value: None


if __name__ == "__main__":
    main()
