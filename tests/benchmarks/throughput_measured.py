"""One measurement of `throughput`, in a process that does nothing else: prints one line of JSON.

`flow MANIFEST`: the run as `dailies run` works it. `tasks MANIFEST`: the same work, a Prefect task for each step of
each shot. `cut MANIFEST N`: plan, submit and cut N batches. `work RUN BATCH GO`: work a batch once there is a file GO.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import Any

from flows import prefect_home

SAMPLE_SECONDS = 0.25
WARM = 500
"""Shots after which memory counts: by then every code path has run."""


class Meter:
    """Processor seconds of chosen functions, by name, and how often other things happened."""

    def __init__(self) -> None:
        self.cpu: defaultdict[str, float] = defaultdict(float)
        self.counts: Counter[str] = Counter()
        self._within = threading.local()

    def time(self, owner: Any, name: str, what: str) -> None:
        """Add what `owner.name` takes of this thread to `what`; a call inside another one counts once."""
        call: Callable[..., Any] = getattr(owner, name)

        @wraps(call)
        def timed(*given: Any, **named: Any) -> Any:
            if getattr(self._within, "what", None):
                return call(*given, **named)
            self._within.what = what
            cpu = time.thread_time()
            try:
                return call(*given, **named)
            finally:
                self.cpu[what] += time.thread_time() - cpu
                self._within.what = None

        setattr(owner, name, timed)

    def count(self, owner: Any, name: str, what: str) -> None:
        """Count the calls of `owner.name`."""
        call: Callable[..., Any] = getattr(owner, name)

        @wraps(call)
        def counted(*given: Any, **named: Any) -> Any:
            self.counts[what] += 1
            return call(*given, **named)

        setattr(owner, name, counted)


class Memory:
    """Resident memory of this process against the shots it has made."""

    def __init__(self, made: Callable[[], int]) -> None:
        self.seen: list[tuple[int, float]] = []
        self._over, self._made = threading.Event(), made
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        pages = os.sysconf("SC_PAGESIZE") / (1 << 20)
        while not self._over.wait(SAMPLE_SECONDS):
            resident = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
            self.seen.append((self._made(), resident * pages))

    def grown(self) -> float:
        """MiB from the first moment after `WARM` shots to the most after it; 0 where there were no more."""
        self._over.set()
        self._thread.join()
        warm = [megabytes for made, megabytes in self.seen if made >= WARM]
        return max(warm) - warm[0] if warm else 0.0


def run(how: str, manifest: Path) -> dict[str, float]:
    """Work the manifest as a flow of ours, or with one Prefect task per step."""
    wait = prefect_home.start_server()
    import httpx
    import psutil
    from prefect.client.base import PrefectHttpxAsyncClient
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    from flows import keeper
    from flows import run as flows_run
    from flows.product_broll import product_broll
    from flows.request import Request
    from tasks.line import Line
    from tasks.work import Work
    from tests.benchmarks import null_engines, per_task

    meter, clock = Meter(), null_engines.install()
    for name in ("prepare", "generate", "deliver"):
        meter.time(Work, name, "stages")
    meter.time(Line, "_end", "stages")
    meter.time(Request, "plan", "beside")
    meter.time(Request, "load", "beside")
    for module in (flows_run, per_task):
        meter.time(module, "submit", "beside")
    meter.time(keeper, "write_out_folder", "beside")
    meter.time(per_task, "fill_out_folder", "beside")
    meter.count(os, "fsync", "flushes")
    meter.count(PrefectHttpxAsyncClient, "send", "calls")
    meter.count(httpx.Client, "send", "calls")

    def began(connection: Any) -> None:
        meter.counts["writes"] += bool(connection.get_execution_options().get("catalog_writes"))

    def executed(*_: Any) -> None:
        meter.counts["statements"] += 1

    event.listen(Engine, "begin", began)
    event.listen(Engine, "after_cursor_execute", executed)
    wait()
    server = psutil.Process().children()[0]
    served, cpu, started = sum(server.cpu_times()[:2]), time.process_time(), time.perf_counter()
    memory = Memory(lambda: clock.shots)
    with prefect_home.no_heartbeats():
        if how == "flow":
            product_broll(str(manifest), triggered_by="benchmark")
        else:
            per_task.run_per_task(manifest)
    seconds = time.perf_counter() - started
    spent = time.process_time() - cpu + sum(server.cpu_times()[:2]) - served
    return {
        "seconds": seconds,
        "line": clock.last - clock.first,
        "makers": clock.seconds,
        "orchestration": spent - meter.cpu["stages"] - meter.cpu["beside"],
        "grown": memory.grown(),
        "done": clock.shots,
        **{name: meter.counts[name] for name in ("writes", "statements", "flushes", "calls")},
    }


def cut(manifest: Path, count: int) -> dict[str, Any]:
    """A submitted run, all of it cut into `count` batches."""
    from catalog.queries import shots_of
    from flows.request import Request
    from flows.settings import Settings
    from flows.workshop import workshop
    from tasks.submission import submit

    with workshop(Settings()) as tools:
        request = Request(manifest)
        planned = request.plan(tools, request.load())
        run_id = submit(tools.catalog, planned, triggered_by="benchmark", out_folder="", flow_run_id=None)
        tools.catalog.set_run_state(run_id, "running")
        shots = [shot.id for shot in shots_of(tools.catalog, run_id, ["waiting"])]
        return {"run": run_id, "batches": [tools.catalog.new_batch(run_id, shots[n::count]) for n in range(count)]}


def work(run_id: str, batch_id: str, go: Path) -> None:
    """Say ready, wait for the others, then work a batch with encodes that sleep."""
    wait = prefect_home.start_server()
    from flows.render import render
    from tests.benchmarks import null_engines, throughput

    null_engines.install(throughput.SLEEP)
    wait()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while not go.exists():
        time.sleep(0.01)
    with prefect_home.no_heartbeats():
        render(run_id, batch_id)


def main() -> None:
    """See above."""
    how, *rest = sys.argv[1:]
    prefect_home.settle(Path(os.environ["DAILIES_HOME"]) / f"prefect-{os.getpid()}")
    with suppress(BrokenPipeError):
        if how == "cut":
            print(json.dumps(cut(Path(rest[0]), int(rest[1]))))
        elif how == "work":
            work(rest[0], rest[1], Path(rest[2]))
        else:
            print(json.dumps(run(how, Path(rest[0]))))


if __name__ == "__main__":
    main()
