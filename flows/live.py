"""Live progress of a run in a terminal, read from the catalog: the same facts a dashboard or another machine sees."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from catalog.catalog import Catalog
from catalog.errors import StoreUnavailable
from catalog.queries import run_status
from flows.listener import Listener
from flows.settings import Settings
from flows.terminal import err, print_summary
from tasks.planner.planner import RunPlan

EVERY_SECONDS = 0.5
_ENDED = ("done", "failed", "quarantined", "cancelled")


class TerminalListener(Listener):
    """Shows bars on stderr while a run is planned and worked; says nothing where `quiet`."""

    def __init__(self, settings: Settings, *, quiet: bool = False) -> None:
        self._settings, self._quiet = settings, quiet
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[detail]}", style="dim"),
            TimeElapsedColumn(),
            console=err,
            transient=True,
            disable=quiet,
        )
        self.run_id = ""
        """Of the run that is followed; empty before it is in the catalog."""
        self.kept_elsewhere = False
        """Another process keeps the run: to stop following it is not to stop it."""
        self._steps: dict[str, TaskID] = {}
        self._over = threading.Event()
        self._watch: threading.Thread | None = None
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since this listener was made."""
        return time.monotonic() - self._started

    def __enter__(self) -> TerminalListener:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._watch is not None:
            self._watch.join()
        self._progress.stop()

    def waiting(self, what: str, until: Callable[[], None]) -> None:
        """Show `what` while `until` has not returned."""
        bar = self._progress.add_task(what, total=None, detail="")
        try:
            until()
        finally:
            self._progress.remove_task(bar)

    def say(self, text: str) -> None:
        """One line above the bars."""
        self._progress.console.print(text, soft_wrap=True)

    def step(self, what: str, done: int, total: int) -> None:
        """A bar for something outside the shots' own stages; it goes when it is full."""
        bar = self._steps.get(what)
        if bar is None:
            bar = self._steps[what] = self._progress.add_task(what, total=total, detail="")
        self._progress.update(bar, completed=done, total=total, visible=done < total)

    def planned(self, plan: RunPlan) -> None:
        """Say in a line what is to be made, and what cannot be."""
        if not self._quiet:
            print_summary(plan)

    def submitted(self, run_id: str) -> None:
        """Follow the run in the catalog from now on."""
        self.kept_elsewhere = False
        self._follow_in_thread(run_id)

    def followed(self, run_id: str, keeper: str) -> None:
        """Say who keeps the run, and follow it."""
        self.kept_elsewhere = True
        if not self._quiet:
            self.say(f"{keeper} keeps run {run_id}: followed from here; Ctrl-C stops following, not the run")
        self._follow_in_thread(run_id)

    def over(self, run_id: str, state: str) -> None:
        """Say so."""
        if not self._quiet:
            self.say(f"run {run_id} is {state}, nothing is left to do: its out folder is filled again")

    def _follow_in_thread(self, run_id: str) -> None:
        if self.run_id:
            return
        self.run_id = run_id
        self._watch = threading.Thread(target=self._follow, args=(run_id,), name="watch", daemon=True)
        self._watch.start()

    def _follow(self, run_id: str) -> None:
        shots = self._progress.add_task("shots", total=None, detail="")
        stages: dict[str, TaskID] = {}
        with Catalog.open(self._settings.catalog_url, self._settings.store) as catalog:
            while not self._over.wait(EVERY_SECONDS):
                try:
                    status = run_status(catalog, run_id)
                except StoreUnavailable:  # the run waits too, and says so itself
                    continue
                counts = status.run.shots
                ended = sum(counts.get(state, 0) for state in _ENDED)
                bad = sum(counts.get(state, 0) for state in ("failed", "quarantined"))
                detail = f"{status.deliveries} deliveries" + (f", {bad} bad" if bad else "")
                self._progress.update(shots, completed=ended, total=sum(counts.values()), detail=detail)
                live = {one.execution_id: one for one in status.running}
                for gone in stages.keys() - live.keys():
                    self._progress.remove_task(stages.pop(gone))
                for execution, one in live.items():
                    if execution not in stages:
                        stages[execution] = self._progress.add_task(f"  {one.stage}", total=100, detail=one.engine)
                    self._progress.update(stages[execution], completed=round(one.progress * 100))
