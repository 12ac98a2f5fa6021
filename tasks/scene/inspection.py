"""What a scene is made of, read back: every segment is decoded, the joined file must hold their very packets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tasks import inspect
from tasks.planner.plan import DeliveryPlan
from tasks.refusal import refusal

_PART = {"audio": False, "min_seconds": 0.0, "max_seconds": 0.0, "max_bytes": 0, "min_bitrate": 0}
"""Of a segment nothing is wanted that is wanted of the whole."""


def inspect_segment(path: Path, delivery: DeliveryPlan, frames: int, *, cancelled: Callable[[], bool]) -> None:
    """Raises EngineError where the segment at `path` is not `frames` good frames; the file is gone then."""
    wanted = delivery.inspect.model_copy(update={**_PART, "frames": frames})
    _refuse(path, delivery, inspect.inspect(path, wanted, cancelled=cancelled))


def inspect_joined(
    path: Path, delivery: DeliveryPlan, pictures: str, *, cancelled: Callable[[], bool]
) -> inspect.Report:
    """What is measured of the joined file at `path`; `pictures`: digest of the packets it was joined from.

    Raises EngineError where it is not what it must be; the file is gone then.
    """
    report = inspect.inspect(path, delivery.inspect, joined=True, cancelled=cancelled)
    if not report.problems and report.facts["pictures_sha256"] != pictures:
        remedy = "run it again; if it happens twice, the disk or the memory of this machine is failing"
        other = inspect.Fault("NOT_AS_JOINED", "other pictures than were joined", "the segments' own", remedy)
        report = replace(report, problems=(other,))
    _refuse(path, delivery, report)
    return report


def _refuse(path: Path, delivery: DeliveryPlan, report: inspect.Report) -> None:
    # Two shots need not be as bright, and a dip leaves one for the other: what flickers in a shot is a cut here.
    problems = tuple(one for one in report.problems if one.code != "FLICKER")
    if problems:
        path.unlink(missing_ok=True)
        raise refusal(delivery, replace(report, problems=problems))
