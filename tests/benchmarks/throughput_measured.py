"""One measurement of `throughput`, in a process that does nothing else: prints one line of JSON.

`flow MANIFEST`: the run as `dailies run` works it. `counted MANIFEST`: the same, and every statement counted, which
costs time. `tasks MANIFEST`: the same work, a Prefect task for each step of each shot. `pools MANIFEST N`: the run on N
workers of a work pool.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from flows import prefect_home
from tests.prefect_schema import with_schema

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
    from tasks import steps
    from tasks.endings import Endings
    from tests.benchmarks import null_engines, per_task

    meter, clock = Meter(), null_engines.install()
    for name in ("prepare", "generate", "deliver"):
        meter.time(steps, name, "stages")
    meter.time(Endings, "write_down", "stages")
    meter.time(Request, "plan", "beside")
    meter.time(Request, "load", "beside")
    for module in (flows_run, per_task):
        meter.time(module, "submit", "beside")
    meter.time(keeper, "write_out_folder", "beside")
    meter.time(per_task, "fill_out_folder", "beside")
    meter.count(os, "fsync", "flushes")
    meter.count(PrefectHttpxAsyncClient, "send", "calls")
    meter.count(httpx.Client, "send", "calls")

    def executed(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        meter.counts["statements"] += 1
        meter.counts["writes"] += statement == "BEGIN IMMEDIATE"

    if how == "counted":
        event.listen(Engine, "after_cursor_execute", executed)
    wait()
    server = psutil.Process().children()[0]
    served, cpu, started = sum(server.cpu_times()[:2]), time.process_time(), time.perf_counter()
    memory = Memory(lambda: clock.shots)
    with prefect_home.no_heartbeats():
        if how != "tasks":
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


def pools(manifest: Path, count: int) -> dict[str, float]:
    """Work the manifest by `count` workers of pool `cpu`: seconds from the first batch's start to the last shot's end.

    Their flow runs have engines that sleep (`null_site`); starting and ending them is part of it.
    """
    wait = prefect_home.start_server()
    from sqlalchemy import func, select

    from catalog.queries import workers
    from catalog.tables import Batch, Shot
    from flows.deployments import apply
    from flows.product_broll import product_broll
    from flows.settings import Settings
    from flows.workshop import workshop
    from tests.benchmarks import throughput

    wait()
    apply()
    root = Path(__file__).parents[2]
    path = os.pathsep.join((str(Path(__file__).parent / "null_site"), str(root)))
    environment = {**os.environ, "PYTHONPATH": path, "NULL_ENGINES_SLEEP": str(throughput.SLEEP)}
    line = [sys.executable, "-c", "from flows.cli import main; main()", "worker", "start", "--pool", "cpu", "--name"]
    started = [
        subprocess.Popen([*line, f"benchmark/{number}"], env=environment, stdout=subprocess.DEVNULL)
        for number in range(count)
    ]
    try:
        with workshop(Settings()) as tools:
            while len(workers(tools.catalog, pool="cpu")) < count:
                time.sleep(0.2)
            product_broll(str(manifest), triggered_by="benchmark")
            with tools.catalog.database.read() as connection:
                first = connection.scalar(select(func.min(Batch.started_at)))
                last = connection.scalar(select(func.max(Shot.ended_at)))
                done = connection.scalar(select(func.count()).select_from(Shot).where(Shot.state == "done"))
            assert first is not None and last is not None
            return {"seconds": (last - first).total_seconds(), "done": done or 0}
    finally:
        for worker in started:
            worker.terminate()
        for worker in started:
            worker.wait()


def main() -> None:
    """See above."""
    how, manifest, *count = sys.argv[1:]
    prefect_home.settle(with_schema(Path(os.environ["DAILIES_HOME"]) / f"prefect-{os.getpid()}"))
    found = pools(Path(manifest), int(count[0])) if how == "pools" else run(how, Path(manifest))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
