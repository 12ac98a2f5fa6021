"""Runs, shots, deliveries, reviews, costs and health, as the pages have them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query

from catalog import facts, queries
from catalog.facts import (
    AuditRow,
    Cost,
    Facets,
    FailureGroup,
    Health,
    Hit,
    QueueDepth,
    ReviewItem,
    ReviewProgress,
    RunCard,
    ShotCard,
    ShotFacts,
    StageTiming,
    StoreUse,
    Throughput,
)
from catalog.trace import trace
from dashboard.api.words import FAULTS, After, Before, Cursor, Day, Limit, Name, Word
from dashboard.auth import Viewer
from dashboard.desk import Desk, desk_of
from dashboard.pages.review import policies_of
from dashboard.pages.search import day_of
from dashboard.pages.today import HOURS, RUNNING

router = APIRouter(tags=["read"], responses=FAULTS)

TheDesk = Annotated[Desk, Depends(desk_of)]


@dataclass(frozen=True)
class DeliveryOfRun:
    """One finished file of a run; `media` is where it is fetched."""

    id: str
    shot_id: str
    item: str
    variant: str
    rendition: str
    preset: str
    state: str
    sha256: str
    bytes: int
    poster_sha256: str | None
    width: int
    height: int
    rate: str
    frames: int
    created_at: datetime
    media: str


@dataclass(frozen=True)
class Today:
    """The first page's facts of the last day; `eta_seconds` by run, of those that go on."""

    failures: Sequence[FailureGroup]
    throughput: Throughput
    queues: Sequence[QueueDepth]
    store: StoreUse
    eta_seconds: dict[str, float | None]


@router.get("/today")
def today(who: Viewer, desk: TheDesk) -> Today:
    """What failed and why, how fast it goes, what waits, what the store holds, when runs will be over."""
    return desk.shared.get("api today", lambda: _today(desk))


@router.get("/runs")
def runs(who: Viewer, desk: TheDesk, limit: Limit = 50) -> Sequence[RunCard]:
    """Runs that go on first, then the newest."""
    return desk.shared.get(("api runs", limit), lambda: facts.runs_today(desk.catalog, limit=limit))


@router.get("/runs/{run_id}")
def run(run_id: Name, who: Viewer, desk: TheDesk) -> RunCard:
    """One run as it stands: ask again to follow it, or listen to `/live`."""
    return desk.shared.get(("api run", run_id), lambda: facts.run_card(desk.catalog, run_id))


@router.get("/runs/{run_id}/manifest")
def manifest(run_id: Name, who: Viewer, desk: TheDesk) -> dict[str, Any]:
    """What it was submitted with, resolved."""
    return queries.manifest_of(desk.catalog, run_id)


@router.get("/runs/{run_id}/shots")
def shots(
    run_id: Name,
    who: Viewer,
    desk: TheDesk,
    state: Word = None,
    error: Word = None,
    engine: Word = None,
    preset: Word = None,
    tag: Word = None,
    after: After = 0,
    limit: Limit = 60,
) -> Sequence[ShotCard]:
    """Its shots in the order of the manifest, from a position on."""
    facts.run_card(desk.catalog, run_id)
    return facts.shot_cards(
        desk.catalog,
        run_id,
        state=state,
        error=error,
        engine=engine,
        preset=preset,
        tag=tag,
        after=after,
        limit=limit,
    )


@router.get("/runs/{run_id}/facets")
def facets(run_id: Name, who: Viewer, desk: TheDesk) -> Facets:
    """What its shots can be narrowed by."""
    facts.run_card(desk.catalog, run_id)
    return facts.facets(desk.catalog, run_id)


@router.get("/runs/{run_id}/stages")
def stages(run_id: Name, who: Viewer, desk: TheDesk) -> Sequence[StageTiming]:
    """Where the time went."""
    facts.run_card(desk.catalog, run_id)
    return facts.stage_chart(desk.catalog, run_id)


@router.get("/runs/{run_id}/deliveries")
def deliveries(run_id: Name, who: Viewer, desk: TheDesk) -> list[DeliveryOfRun]:
    """What it was served with; each file is fetched at its `media`."""
    facts.run_card(desk.catalog, run_id)
    return [
        DeliveryOfRun(
            id=row.delivery.id,
            shot_id=row.shot_id,
            item=row.item,
            variant=row.variant,
            rendition=row.delivery.rendition,
            preset=row.delivery.preset,
            state=row.delivery.state,
            sha256=row.delivery.artifact,
            bytes=row.delivery.bytes,
            poster_sha256=row.delivery.poster,
            width=row.width,
            height=row.height,
            rate=row.rate,
            frames=row.frames,
            created_at=row.delivery.created_at,
            media=f"/media/{row.delivery.artifact}",
        )
        for row in queries.each_delivery(desk.catalog, run_id)
    ]


@router.get("/shots/{shot_id}")
def shot(shot_id: Name, who: Viewer, desk: TheDesk) -> ShotFacts:
    """Everything about one shot."""
    return desk.shared.get(("api shot", shot_id), lambda: facts.shot_facts(desk.catalog, shot_id))


@router.get("/shots/{shot_id}/lineage")
def lineage(shot_id: Name, who: Viewer, desk: TheDesk) -> dict[str, Any]:
    """How its deliveries came to be, back to the source."""
    facts.shot_facts(desk.catalog, shot_id)
    return trace(desk.catalog, shot_id).as_dict()


@router.get("/search")
def search(
    who: Viewer,
    desk: TheDesk,
    q: Annotated[str, Query(max_length=300)] = "",
    engine: Word = None,
    weights: Word = None,
    error: Word = None,
    since: Day | None = None,
    until: Day | None = None,
    after: Cursor = None,
    limit: Limit = 50,
) -> Sequence[Hit]:
    """Shots that have these words, and whatever a digest or id names."""
    return facts.search(
        desk.catalog,
        q,
        engine=engine,
        weights=weights,
        error=error,
        since=day_of(since or ""),
        until=day_of(until or "", last=True),
        after=after,
        limit=limit,
    )


@router.get("/review")
def review(
    who: Viewer,
    desk: TheDesk,
    run: Word = None,
    policy: Literal["all", "sample", "flagged"] = "all",
    after: Cursor = None,
    limit: Limit = 50,
) -> Sequence[ReviewItem]:
    """What waits for a verdict, the furthest outlier first."""
    return facts.review_queue(desk.catalog, run_id=run, policy=_policy(desk, run, policy), after=after, limit=limit)


@router.get("/review/progress")
def progress(
    who: Viewer, desk: TheDesk, run: Word = None, policy: Literal["all", "sample", "flagged"] = "all"
) -> ReviewProgress:
    """How far it has come."""
    return facts.review_progress(desk.catalog, run_id=run, policy=_policy(desk, run, policy))


@router.get("/costs")
def costs(
    who: Viewer,
    desk: TheDesk,
    by: Literal["day", "run", "engine"] = "day",
    since: Day | None = None,
    until: Day | None = None,
    limit: Limit = 100,
) -> list[dict[str, Any]]:
    """Seconds of work and of GPUs; `money` by the rates in the settings."""
    rows: Sequence[Cost] = facts.costs(
        desk.catalog, by=by, since=day_of(since or ""), until=day_of(until or "", last=True), limit=limit
    )
    return [asdict(row) | {"money": desk.settings.rates.money(row.seconds, row.gpu_seconds)} for row in rows]


@router.get("/audit")
def audit(
    who: Viewer, desk: TheDesk, subject: Word = None, before: Before = None, limit: Limit = 50
) -> Sequence[AuditRow]:
    """Who did what to what, the newest first."""
    return facts.audit_rows(desk.catalog, subject=subject, before=before, limit=limit)


@router.get("/health")
def health(who: Viewer, desk: TheDesk) -> Health:
    """Whether everything is there that has to be."""
    return desk.shared.get("health", lambda: facts.health(desk.catalog))


def _policy(desk: Desk, run_id: str | None, name: str) -> facts.Policy:
    """As the run's manifest has it. Raises NotFound."""
    return policies_of(queries.manifest_of(desk.catalog, run_id) if run_id else {})[1][name][1]


def _today(desk: Desk) -> Today:
    since = datetime.now(UTC) - timedelta(hours=HOURS)
    going = [run.id for run in facts.runs_today(desk.catalog, limit=30) if run.state in RUNNING]
    return Today(
        failures=facts.failures_today(desk.catalog, since=since),
        throughput=facts.throughput(desk.catalog, hours=HOURS),
        queues=facts.queue_depth(desk.catalog),
        store=facts.store_use(desk.catalog),
        eta_seconds={one: facts.eta(desk.catalog, one) for one in going},
    )
