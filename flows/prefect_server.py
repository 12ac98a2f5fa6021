"""The Prefect server of one run, as a process: `python -m flows.prefect_server FD`, listening on that descriptor.

It ends with the process that started it, however that ends, so that a killed run leaves no server behind.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

import uvicorn

PR_SET_PDEATHSIG = 1
"""prctl(2): the signal a process gets when its parent dies."""


def main() -> None:
    """Serve Prefect's API until SIGTERM."""
    parent = os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it died before the signal was asked for
        return
    app = "prefect.server.api.server:create_app"
    uvicorn.run(app, factory=True, fd=int(sys.argv[1]), log_level="error", lifespan="on")


if __name__ == "__main__":
    main()
