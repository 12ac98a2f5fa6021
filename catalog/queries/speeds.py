"""How long a stage takes: from what ran, or from a benchmark."""

from __future__ import annotations

from statistics import median

from sqlalchemy import ColumnElement, select

from catalog.ledger import Ledger
from catalog.tables import Benchmark, Execution


def history(catalog: Ledger, stage: str, engine: str, host: str | None = None, recent: int = 50) -> float | None:
    """Median seconds per unit of work over the `recent` last executions (on `host`), or None without any."""
    wanted: list[ColumnElement[bool]] = [
        Execution.stage == stage,
        Execution.engine == engine,
        Execution.state.in_(("done", "void")),  # a lost race or a damaged file took its time all the same
        Execution.work > 0,
        Execution.seconds.is_not(None),
    ]
    if host is not None:
        wanted.append(Execution.host == host)
    latest = select(Execution.seconds, Execution.work).where(*wanted).order_by(Execution.ended_at.desc()).limit(recent)
    with catalog.database.read() as connection:
        speeds = [seconds / work for seconds, work in connection.execute(latest) if seconds and work]
    return median(speeds) if speeds else None


def benchmark(catalog: Ledger, stage: str, engine: str, host: str) -> float | None:
    """Measured seconds per unit of work of this host, or None if it was never measured."""
    with catalog.database.read() as connection:
        return connection.scalar(
            select(Benchmark.seconds_per_unit).where(
                Benchmark.stage == stage, Benchmark.engine == engine, Benchmark.host == host
            )
        )
