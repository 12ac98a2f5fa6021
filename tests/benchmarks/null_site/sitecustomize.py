"""Read by every Python that has this folder on its path: a worker's flow runs get the engines of `null_engines`.

Only they: a server or a worker that imported the stages would begin later, and nobody measures that here.
"""

import os
from pathlib import Path

_SIGNS = ("prefect.engine", "prefect.flow_engine", "flow-run")

if any(sign in Path("/proc/self/cmdline").read_text(encoding="utf-8", errors="replace") for sign in _SIGNS):
    from tests.benchmarks import null_engines

    null_engines.install(float(os.environ["NULL_ENGINES_SLEEP"]))
