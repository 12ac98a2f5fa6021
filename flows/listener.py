"""Who is told how a run is getting on while it runs: the terminal that started it, or nobody."""

from __future__ import annotations

from contextvars import ContextVar

from tasks.planner.planner import RunPlan


class Listener:
    """Hears of a run; this one says nothing."""

    def step(self, what: str, done: int, total: int) -> None:
        """`done` of `total` of something that takes a while, before or after the shots themselves."""

    def planned(self, plan: RunPlan) -> None:
        """The run is planned: what is to be made, and what cannot be."""

    def submitted(self, run_id: str) -> None:
        """The run is in the catalog: from now on its progress can be read there."""

    def followed(self, run_id: str, keeper: str) -> None:
        """Another process keeps the run: this one only follows it."""

    def over(self, run_id: str, state: str) -> None:
        """There is nothing left to do in the run: only its out folder is filled again."""


listener: ContextVar[Listener] = ContextVar("listener", default=Listener())  # noqa: B039 - it holds no state
