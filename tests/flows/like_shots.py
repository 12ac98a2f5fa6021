"""Runs of many like shots: their manifest, when some of them are delivered, and whether all are there, whole."""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

from catalog.queries import latest_run, run_status
from tests.flows.processes import until
from tests.workroom import Workroom, decoded, index_of


def manifest_of(home: Workroom, shots: int) -> Path:
    """Half-second shots of one picture, each with a move of its own."""
    home.picture("a.png")
    rows = [{"id": f"s{n:03d}", "source": "a.png", "motion": {"amount": 0.05 + n / 1000}} for n in range(shots)]
    return home.manifest(rows)


def whole(home: Workroom, shots: int) -> None:
    """Every shot is delivered, decodes, and no stage that had finished was run again."""
    out = home.folder / "out"
    rows = index_of(out)
    assert [row["state"] for row in rows] == ["done"] * shots
    assert all(decoded(out / row["file"]).shape == (15, 180, 320, 3) for row in rows)
    assert not [path.name for path in out.iterdir() if path.name.startswith(".") or path.suffix == ".part"]
    done = Counter(row.recipe_sha256 for row in home.executions() if row.state == "done")
    assert set(done.values()) == {1}
    encoded = [row for row in home.executions(stage="encode") if row.state in ("done", "void")]
    assert len(encoded) == shots, "a finished encode was done again"


def when_delivered(home: Workroom, running: subprocess.Popen[Any], count: int) -> str:
    """The id of the run, once it has delivered so many."""

    def delivered() -> str | None:
        assert running.poll() is None, running.communicate()[0]
        if not (home.settings.home / "catalog.db").exists():
            return None
        with home.tools() as tools:
            run_id = latest_run(tools.catalog)
            return run_id if run_id and run_status(tools.catalog, run_id).deliveries >= count else None

    return str(until("a delivery", delivered))
