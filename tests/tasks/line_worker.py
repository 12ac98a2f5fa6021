"""A worker process of `test_line_workers.py`: cuts batches of a run for itself and takes them through the line.

`python -m tests.tasks.line_worker NAME RUN MODE SHOTS LEASE`; it says `ready`, waits for a line, and says `claimed`
after its first claim. MODE: `well`, `broken` (every still fails) or `sleepy` (says `working` in the middle of its first
stage and waits for a line there).
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from functools import wraps
from typing import Any

from catalog.queries import idle_shots, run, shots_of
from flows.settings import Settings
from flows.worker_name import worker_name
from flows.workshop import workshop
from tasks import way
from tasks.line import Line


def say(word: str) -> None:
    print(word, flush=True)


def spoil(mode: str) -> None:
    """Make the first stage as bad as `mode` says."""
    prepare = way.prepare.prepare

    @wraps(prepare)
    def spoilt(*given: Any, **named: Any) -> Any:
        if mode == "broken":
            raise RuntimeError("the picture library is broken here")
        made = prepare(*given, **named)
        if mode == "sleepy":
            say("working")
            sys.stdin.readline()
        return made

    way.prepare.prepare = spoilt  # type: ignore[assignment]


def main(name: str, run_id: str, mode: str, most: int, lease: float) -> None:
    """Work until nothing of the run waits or is claimed, or there is no more to do here."""
    spoil(mode)
    with workshop(Settings()) as tools:
        catalog = tools.catalog
        me = catalog.register_worker(name=name, pool="cpu", device="cpu", engines={}, weights={}, code_version="1")

        def leaving() -> bool:
            orders = catalog.orders(run_id, me)
            return orders.pause or orders.drain

        tools = replace(tools, worker=name, worker_id=me, leaving=leaving)
        say("ready")
        sys.stdin.readline()
        while not leaving():
            shots = run(catalog, run_id).shots
            if not shots.get("waiting") and not shots.get("claimed"):
                break
            catalog.heartbeat(me)
            idle = [shot.id for shot in idle_shots(catalog, run_id)][:most]
            if not idle:
                time.sleep(0.5)
                continue
            batch = catalog.new_batch(run_id, idle, pool="cpu")
            catalog.set_batch_state(batch, "running", worker_id=me)
            claims = catalog.claim(batch, idle, worker_name(), lease)
            say("claimed")
            held = {claim.shot_id for claim in claims}
            line = Line(tools, claims, [row for row in shots_of(catalog, run_id, ["claimed"]) if row.id in held])
            line.prepare()
            line.generate()
            line.deliver()
            catalog.set_batch_state(batch, "done")
        catalog.stop_worker(me)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), float(sys.argv[5]))
