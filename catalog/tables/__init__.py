"""The catalog's tables, typed; `Base.metadata` is the whole schema, `catalog/migrations` how a database gets there."""

from catalog.tables.base import Base
from catalog.tables.duties import Duty
from catalog.tables.facts import DERIVED, Card, ReviewEntry, Rolled, RunWeights, ShotHour, StageHour, StoreTally
from catalog.tables.knowledge import Benchmark, Compatibility, Picture, Weights
from catalog.tables.licences import LicenceGrant
from catalog.tables.notices import Notice, NoticeDelivery, NoticeTarget
from catalog.tables.results import (
    Artifact,
    Delivery,
    Execution,
    ExecutionInput,
    ExecutionOutput,
    Measurement,
    Review,
    ShotDelivery,
    ShotExecution,
)
from catalog.tables.schedules import Schedule
from catalog.tables.work import Audit, Batch, BatchShot, Incident, Rendition, Run, Shot, ShotTag, Worker

__all__ = [
    "DERIVED",
    "Artifact",
    "Audit",
    "Base",
    "Batch",
    "BatchShot",
    "Benchmark",
    "Card",
    "Compatibility",
    "Delivery",
    "Duty",
    "Execution",
    "ExecutionInput",
    "ExecutionOutput",
    "Incident",
    "LicenceGrant",
    "Measurement",
    "Notice",
    "NoticeDelivery",
    "NoticeTarget",
    "Picture",
    "Rendition",
    "Review",
    "ReviewEntry",
    "Rolled",
    "Run",
    "RunWeights",
    "Schedule",
    "Shot",
    "ShotDelivery",
    "ShotExecution",
    "ShotHour",
    "ShotTag",
    "StageHour",
    "StoreTally",
    "Weights",
    "Worker",
]
