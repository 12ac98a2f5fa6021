"""What is counted, as metrics: names and units by Prometheus' conventions, seconds, bytes and shares of 1.

Counters grow by what is added up once a minute (dashboard/rolling_up.py), two minutes after it happened. States that
may come are there from the beginning as 0, so that the first of a kind is an increase.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from math import inf

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from catalog import facts
from catalog.catalog import Catalog
from catalog.facts import Counters, FailureGroup, Health, RefusedRows, RunCard, ScheduleFacts, StageCounter
from catalog.queries import WorkerRow
from dashboard.pages.today import is_away
from dashboard.settings import Rates

_RUNS = 50
"""Runs that are told by name: those under way, the newest first."""
_ENDS = ("done", "failed", "quarantined", "cancelled")
_LIVE = ("planned", "running", "paused", "cancelling")
_WAITS = ("waiting", "claimed")

Row = tuple[Sequence[str], float | None]
"""Values of the labels, and the figure; nothing is said where that is None."""


@dataclass(frozen=True)
class Reading:
    """What the catalog said: counters, health, runs under way with the seconds left to each, failures and rows refused
    of a day."""

    counters: Counters
    health: Health
    runs: Sequence[tuple[RunCard, float | None]]
    failures: Sequence[FailureGroup]
    refused: Sequence[RefusedRows]
    schedules: Sequence[ScheduleFacts]


def read(catalog: Catalog) -> Reading:
    """Everything at once. Raises CatalogError where the database is away."""
    now = datetime.now(UTC)
    going = facts.runs_today(catalog, since=now, limit=_RUNS)
    return Reading(
        counters=facts.counters(catalog),
        health=facts.health(catalog),
        runs=[(run, facts.eta(catalog, run.id)) for run in going],
        failures=facts.failures_today(catalog, since=now - timedelta(days=1)),
        refused=facts.refused_rows(catalog, since=now - timedelta(days=1)),
        schedules=facts.schedules(catalog),
    )


def metrics_of(found: Reading | None, rates: Rates, rolled_at: float | None) -> Iterator[Metric]:
    """The metrics of a reading; of None, that the catalog is away. `rolled_at`: when hours were last added up here.

    Before the first time what is added up is left out: from 0, all that ever was would be one increase.
    """
    yield _gauge("build_info", "1, with the version of Dailies.", ["version"], [([version("dailies")], 1)])
    yield _gauge("catalog_up", "Whether the catalog answers.", [], [([], float(found is not None))])
    rolled = [([], rolled_at)]
    yield _gauge("rollup_timestamp_seconds", "When this dashboard last added up what counters count.", [], rolled)
    if found is not None:
        yield from _work(found)
        if rolled_at is not None:
            yield from _ended(found.counters)
            yield from _stages(found.counters, rates)
        yield from _runs(found, rates)
        yield from _schedules(found.schedules)
        yield from _staff(found)
        yield from _store(found)


def _work(found: Reading) -> Iterator[Metric]:
    counted, health = found.counters, found.health
    shots = [([state], counted.shots.get(state, 0)) for state in (*_WAITS, *_ENDS)]
    yield _gauge("shots", "Shots of runs that have not ended.", ["state"], shots)
    runs = [([state], counted.runs.get(state, 0)) for state in _LIVE]
    yield _gauge("runs", "Runs that have not ended.", ["state"], runs)
    failed = [([group.code], group.shots) for group in found.failures]
    yield _gauge("failed_shots", "Failed and quarantined shots of the runs of a day, by error code.", ["code"], failed)
    names = ["run", "name"]
    refused = [([one.run_id, one.name], one.refused) for one in found.refused]
    yield _gauge(
        "run_refused_shots", "Shots refused as a run was planned; the newest run of each name, a day.", names, refused
    )
    of_all = [([one.run_id, one.name], one.shots) for one in found.refused]
    yield _gauge("run_shots", "Shots of a run of which some were refused as it was planned.", names, of_all)
    incidents = [([code], count) for code, count in sorted(counted.incidents.items())]
    yield _counter(
        "incidents", "What was survived: workers lost, storage waited for, claims refused.", ["code"], incidents
    )
    leases = [([], counted.expired_leases)]
    yield _gauge("leases_expired", "Shots in work whose worker fell silent and that nobody took back yet.", [], leases)
    names = ["pool", "queue"]
    queues = [([one.pool, one.queue], one) for one in counted.queues]
    batches = [(labels, one.batches) for labels, one in queues]
    yield _gauge("queue_batches", "Batches that wait for a worker.", names, batches)
    waiting = [(labels, one.shots) for labels, one in queues]
    yield _gauge("queue_shots", "Shots of the batches that wait for a worker.", names, waiting)
    oldest = [(labels, one.oldest_at.timestamp()) for labels, one in queues]
    yield _gauge("queue_oldest_timestamp_seconds", "When the oldest of the waiting batches was cut.", names, oldest)
    duties = [([one.name], _at(one.done_at)) for one in health.duties]
    yield _gauge("duty_done_timestamp_seconds", "When a duty of the house was last done.", ["duty"], duties)


def _ended(counted: Counters) -> Iterator[Metric]:
    ended = [([state], counted.shots_ended.get(state, 0)) for state in _ENDS]
    words = "Shots that have ended; those refused as they were planned never began: dailies_failed_shots has them."
    yield _counter("shots_ended", words, ["state"], ended)


def _stages(counted: Counters, rates: Rates) -> Iterator[Metric]:
    names = ["stage", "engine"]
    duration = HistogramMetricFamily("dailies_stage_duration_seconds", "How long executions took.", labels=names)
    for one in counted.stages:
        edges = [("+Inf" if edge == inf else repr(edge), count) for edge, count in one.buckets]
        duration.add_metric([one.stage, one.engine], edges, one.seconds)
    yield duration
    outcomes = [
        ([one.stage, one.engine, outcome], count) for one in counted.stages for outcome, count in _outcomes(one)
    ]
    yield _counter("stage_executions", "Executions that have ended.", [*names, "outcome"], outcomes)
    gpu = [([one.stage, one.engine], one.gpu_seconds) for one in counted.stages]
    yield _counter("stage_gpu_seconds", "Time that executions had a GPU.", names, gpu)
    if rates.known:
        cost = [
            ([one.stage, one.engine, rates.currency], rates.money(one.seconds, one.gpu_seconds))
            for one in counted.stages
        ]
        yield _counter("stage_cost", "Money that executions came to, at today's rates.", [*names, "currency"], cost)


def _outcomes(one: StageCounter) -> Iterable[tuple[str, int]]:
    made = one.executions - one.failed - one.void
    return ("made", made), ("failed", one.failed), ("void", one.void)


def _runs(found: Reading, rates: Rates) -> Iterator[Metric]:
    names, runs = ["run", "name"], found.runs
    left = [([run.id, run.name], sum(run.shots.get(state, 0) for state in _WAITS)) for run, _ in runs]
    yield _gauge("run_shots_left", "Shots of a run under way that have not ended.", names, left)
    yield _gauge(
        "run_eta_seconds",
        "Time a run still takes at its pace.",
        names,
        [([run.id, run.name], eta) for run, eta in runs],
    )
    due = [([run.id, run.name], _at(found.counters.deadlines.get(run.id))) for run, _ in runs]
    yield _gauge("run_deadline_timestamp_seconds", "By when a run under way is to be done.", names, due)
    if rates.known:
        cost = [
            ([run.id, run.name, rates.currency], rates.money(run.stage_seconds, run.gpu_seconds)) for run, _ in runs
        ]
        yield _gauge("run_cost", "Money that a run under way has come to.", [*names, "currency"], cost)


def _schedules(found: Sequence[ScheduleFacts]) -> Iterator[Metric]:
    active = [([one.name], float(one.active)) for one in found]
    yield _gauge("schedule_active", "Whether a schedule starts runs; it may be paused.", ["schedule"], active)
    due = [([one.name], _at(one.next_at)) for one in found if one.active and not one.waits]
    yield _gauge("schedule_next_timestamp_seconds", "When a schedule's next start is due.", ["schedule"], due)
    came = [([one.name], _at(one.last_started_at)) for one in found]
    yield _gauge("schedule_last_started_timestamp_seconds", "When a schedule last started.", ["schedule"], came)
    noted = [([one.name, one.last_code], 1.0) for one in found if one.last_code is not None]
    words = "1 where there is something to say of a schedule's last start, such as why it came to no run; its code."
    yield _gauge("schedule_noted", words, ["schedule", "code"], noted)


def _staff(found: Reading) -> Iterator[Metric]:
    pools = [([pool], count) for pool, count in sorted(found.counters.workers.items())]
    yield _gauge("workers", "Workers that live, by pool.", ["pool"], pools)
    staff = [one for one in found.health.workers if not is_away(one.worker)]
    names = ["worker", "pool"]
    up = [([one.worker.name, one.worker.pool], float(one.lives)) for one in staff]
    yield _gauge("worker_up", "Whether a worker that has not ended was heard of within a minute.", names, up)
    beats = [([one.worker.name, one.worker.pool], one.worker.heartbeat_at.timestamp()) for one in staff]
    yield _gauge("worker_heartbeat_timestamp_seconds", "When a worker was last heard of.", names, beats)
    yield from _cards([one.worker for one in staff if one.lives])


def _cards(staff: Sequence[WorkerRow]) -> Iterator[Metric]:
    labels = ["worker", "uuid", "card"]
    cards = [([one.name, one.gpu["uuid"], one.gpu["name"]], one.gpu) for one in staff if one.gpu is not None]
    up = [(names, float(not gpu["lost"])) for names, gpu in cards]
    yield _gauge("gpu_up", "Whether the driver reaches a worker's card.", labels, up)
    there = [(names, gpu) for names, gpu in cards if not gpu["lost"]]
    busy = [(names, gpu["busy"]) for names, gpu in there]
    yield _gauge("gpu_utilization_ratio", "Share of the last moment in which anything ran on a card.", labels, busy)
    used = [(names, gpu["memory_bytes"]) for names, gpu in there]
    yield _gauge("gpu_memory_used_bytes", "Memory of a card that is taken, by all processes.", labels, used)
    whole = [(names, gpu["memory_total_bytes"]) for names, gpu in there]
    yield _gauge("gpu_memory_bytes", "Memory of a card.", labels, whole)


def _store(found: Reading) -> Iterator[Metric]:
    store, up = found.counters.store, found.health.store_fault is None
    yield _gauge("store_up", "Whether the store answers.", [], [([], float(up))])
    sizes = [([one.kind, one.state], one.bytes) for one in store.kinds]
    yield _gauge("store_bytes", "Bytes of artifacts, by kind and state.", ["kind", "state"], sizes)
    files = [([one.kind, one.state], one.files) for one in store.kinds]
    yield _gauge("store_files", "Artifacts, by kind and state.", ["kind", "state"], files)
    yield _gauge("store_free_bytes", "Room for more; none told of a bucket.", [], [([], store.free_bytes)])
    yield _gauge("store_used_ratio", "How full what the store lies on is.", [], [([], store.used_share)])


def _at(moment: datetime | None) -> float | None:
    return moment.timestamp() if moment is not None else None


def _gauge(name: str, words: str, labels: Sequence[str], rows: Iterable[Row]) -> Metric:
    found = GaugeMetricFamily(f"dailies_{name}", words, labels=labels)
    return _filled(found, rows)


def _counter(name: str, words: str, labels: Sequence[str], rows: Iterable[Row]) -> Metric:
    found = CounterMetricFamily(f"dailies_{name}", words, labels=labels)
    return _filled(found, rows)


def _filled(found: GaugeMetricFamily | CounterMetricFamily, rows: Iterable[Row]) -> Metric:
    for labels, value in rows:
        if value is not None:
            found.add_metric(labels, value)
    return found
