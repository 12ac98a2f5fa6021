"""Facts: what each page of the dashboard shows, a file for each page. Reads alone; what they return is plain data."""

from catalog.audit import AuditRow, audit_rows
from catalog.facts.changes import version
from catalog.facts.costs_page import Cost, costs, total_cost
from catalog.facts.health_page import DutyRow, Health, WorkerHealth, health
from catalog.facts.metrics import Counters, StageCounter, counters
from catalog.facts.nights import Night, has_budget, night, unbegun, untold_nights
from catalog.facts.refused import RefusedRows, refused_rows
from catalog.facts.review_page import (
    Everything,
    Flagged,
    Policy,
    ReviewClip,
    ReviewItem,
    ReviewProgress,
    Sample,
    review_progress,
    review_queue,
)
from catalog.facts.run_page import Facets, ShotCard, StageTiming, facets, shot_cards, stage_chart
from catalog.facts.runs import RunCard
from catalog.facts.schedules import ScheduleFacts, schedule, schedules
from catalog.facts.search_page import Hit, search
from catalog.facts.shot_page import Measured, Said, ShotFacts, ShotFile, ShotRendition, ShotStage, shot_facts
from catalog.facts.today import (
    FailureGroup,
    Hour,
    QueueDepth,
    Stored,
    StoreUse,
    Throughput,
    eta,
    failures_today,
    queue_depth,
    run_card,
    runs_today,
    store_use,
    throughput,
)

__all__ = [
    "AuditRow",
    "Cost",
    "Counters",
    "DutyRow",
    "Everything",
    "Facets",
    "FailureGroup",
    "Flagged",
    "Health",
    "Hit",
    "Hour",
    "Measured",
    "Night",
    "Policy",
    "QueueDepth",
    "RefusedRows",
    "ReviewClip",
    "ReviewItem",
    "ReviewProgress",
    "RunCard",
    "Said",
    "Sample",
    "ScheduleFacts",
    "ShotCard",
    "ShotFacts",
    "ShotFile",
    "ShotRendition",
    "ShotStage",
    "StageCounter",
    "StageTiming",
    "StoreUse",
    "Stored",
    "Throughput",
    "WorkerHealth",
    "audit_rows",
    "costs",
    "counters",
    "eta",
    "facets",
    "failures_today",
    "has_budget",
    "health",
    "night",
    "queue_depth",
    "refused_rows",
    "review_progress",
    "review_queue",
    "run_card",
    "runs_today",
    "schedule",
    "schedules",
    "search",
    "shot_cards",
    "shot_facts",
    "stage_chart",
    "store_use",
    "throughput",
    "total_cost",
    "unbegun",
    "untold_nights",
    "version",
]
