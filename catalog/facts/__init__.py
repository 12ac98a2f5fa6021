"""Facts: what each page of the dashboard shows, a file for each page. Reads alone; what they return is plain data."""

from catalog.facts.changes import version
from catalog.facts.run_page import Facets, ShotCard, StageTiming, facets, shot_cards, stage_chart
from catalog.facts.runs import RunCard
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
    "Facets",
    "FailureGroup",
    "Hour",
    "Measured",
    "QueueDepth",
    "RunCard",
    "Said",
    "ShotCard",
    "ShotFacts",
    "ShotFile",
    "ShotRendition",
    "ShotStage",
    "StageTiming",
    "StoreUse",
    "Stored",
    "Throughput",
    "eta",
    "facets",
    "failures_today",
    "queue_depth",
    "run_card",
    "runs_today",
    "shot_cards",
    "shot_facts",
    "stage_chart",
    "store_use",
    "throughput",
    "version",
]
