"""What Prefect says of flow runs. Hints, never the truth: a killed host leaves `Running`, a late signal `Crashed`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.exceptions import ObjectNotFound, PrefectException
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

PAGE = 200
"""Flow runs that Prefect's API tells at once."""


class PrefectAway(Exception):
    """Prefect's server does not answer, or answers with an error of its own: what it says is not known just now."""


@dataclass(frozen=True)
class Hint:
    """One flow run as Prefect sees it: its state's type (`SCHEDULED`, `RUNNING`, ...), for how many seconds."""

    state: str
    seconds: float

    @property
    def over(self) -> bool:
        """Prefect will not run it any more."""
        return self.state in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED", "CANCELLING")

    @property
    def cancelled(self) -> bool:
        """A person cancelled it."""
        return self.state in ("CANCELLED", "CANCELLING")

    @property
    def started(self) -> bool:
        """A worker took it."""
        return self.state in ("PENDING", "RUNNING")


@contextmanager
def asking(hurried: bool = False) -> Iterator[SyncPrefectClient]:
    """A client of the server at PREFECT_API_URL; one that is `hurried` waits three seconds and tries once.

    Raises PrefectAway where it cannot be asked.
    """
    patience = temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}) if hurried else nullcontext()
    try:
        with patience, get_client(httpx_settings={"timeout": 3.0} if hurried else None, sync_client=True) as client:
            yield client
    except ObjectNotFound:
        raise
    except (httpx.HTTPError, PrefectException, OSError) as error:
        raise PrefectAway(f"Prefect's server is away: {type(error).__name__}: {error}") from error


def hints_of(flow_run_ids: Iterable[str], *, hurried: bool = False) -> dict[str, Hint]:
    """What Prefect says of these flow runs, without those it does not know. One call for 200. Raises PrefectAway."""
    wanted = [UUID(one) for one in flow_run_ids]
    found: dict[str, Hint] = {}
    if not wanted:
        return found
    with asking(hurried) as client:
        for start in range(0, len(wanted), PAGE):
            these = FlowRunFilter(id=FlowRunFilterId(any_=wanted[start : start + PAGE]))
            found |= {str(one.id): _hint(one) for one in client.read_flow_runs(flow_run_filter=these, limit=PAGE)}
    return found


def cancelled_by_a_person(flow_run_id: str | None) -> bool:
    """Whether someone cancelled this flow run on Prefect's page; False where Prefect cannot be asked.

    A server that hangs costs seconds: who asks has leases to renew.
    """
    if not flow_run_id:
        return False
    try:
        hint = hints_of([flow_run_id], hurried=True).get(flow_run_id)
    except PrefectAway:
        return False
    return hint is not None and hint.cancelled


def withdraw(flow_run_ids: Collection[str]) -> None:
    """Cancel flow runs that no worker has taken yet, so that none is started for nothing. Raises PrefectAway."""
    from prefect.states import Cancelled

    waiting = [one for one, hint in hints_of(flow_run_ids).items() if hint.state == "SCHEDULED"]
    if not waiting:
        return
    with asking() as client:
        for one in waiting:
            client.set_flow_run_state(UUID(one), Cancelled(message="its batch is not wanted any more"))


def skip_missed(deployment_id: str) -> int:
    """Cancel the flow runs of a deployment that are late: whoever asks does now what they were to do; how many."""
    from prefect.client.schemas.filters import (
        DeploymentFilter,
        DeploymentFilterId,
        FlowRunFilterExpectedStartTime,
        FlowRunFilterState,
        FlowRunFilterStateType,
    )
    from prefect.client.schemas.objects import StateType
    from prefect.states import Cancelled

    now: Any = datetime.now(UTC)
    late = FlowRunFilter(
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
        expected_start_time=FlowRunFilterExpectedStartTime(before_=now),
    )
    of_it = DeploymentFilter(id=DeploymentFilterId(any_=[UUID(deployment_id)]))
    with asking() as client:
        missed = client.read_flow_runs(flow_run_filter=late, deployment_filter=of_it, limit=PAGE)
        for one in missed:
            client.set_flow_run_state(one.id, Cancelled(message="missed; a later one did its work"))
    return len(missed)


def later_start(deployment_id: str, after: datetime, until: datetime) -> datetime | None:
    """The latest flow run that a deployment has after one moment, until another, and that nobody asked for by hand.

    Those that were cancelled do not count. Raises PrefectAway.
    """
    from prefect.client.schemas.filters import (
        DeploymentFilter,
        DeploymentFilterId,
        FlowRunFilterExpectedStartTime,
    )
    from prefect.client.schemas.sorting import FlowRunSort

    between: Any = {"after_": after + timedelta(seconds=1), "before_": until}
    due = FlowRunFilter(expected_start_time=FlowRunFilterExpectedStartTime(**between))
    of_it = DeploymentFilter(id=DeploymentFilterId(any_=[UUID(deployment_id)]))
    with asking() as client:
        found = client.read_flow_runs(
            flow_run_filter=due, deployment_filter=of_it, sort=FlowRunSort.EXPECTED_START_TIME_DESC, limit=PAGE
        )
    for one in found:
        if not one.parameters.get("asked_by") and one.expected_start_time and not _hint(one).cancelled:
            return datetime.fromtimestamp(one.expected_start_time.timestamp(), UTC)
    return None


def _hint(flow_run: FlowRun) -> Hint:
    state: Any = flow_run.state
    if state is None:
        return Hint("SCHEDULED", 0.0)
    return Hint(state.type.value, max(0.0, (datetime.now(UTC) - state.timestamp).total_seconds()))
