"""Who is told how a run is getting on while it runs: the terminal that started it, or nobody."""

from __future__ import annotations

from contextvars import ContextVar


class Listener:
    """Hears of a run; this one says nothing."""

    def step(self, what: str, done: int, total: int) -> None:
        """`done` of `total` of something that takes a while, before or after the shots themselves."""

    def submitted(self, run_id: str) -> None:
        """The run is in the catalog: from now on its progress can be read there."""


listener: ContextVar[Listener] = ContextVar("listener", default=Listener())  # noqa: B039 - it holds no state
