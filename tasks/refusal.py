"""A finished file that is not what it must be."""

from __future__ import annotations

from models.errors import EngineError
from tasks.inspect import Report
from tasks.planner.plan import DeliveryPlan


class Refused(EngineError):
    """The finished file is not what its preset wants; it is not published. The code is the first fault's."""

    code = "INSPECTION_FAILED"
    blames = "shot"


def refusal(delivery: DeliveryPlan, report: Report) -> Refused:
    """Why a file with this report is not published."""
    said = "; ".join(str(problem) for problem in report.problems)
    first = report.problems[0]
    return Refused(
        f"{delivery.preset}: the finished file is not what it must be: {said}",
        remedy=first.remedy,
        code=first.code,
        evidence=said,
    )
