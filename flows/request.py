"""A request to run something, and its plan. Needs no Prefect, so `dailies plan` starts at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from flows.listener import listener
from flows.workshop import chain_of, speeds_of
from manifests.loader import load
from manifests.manifest import Manifest
from tasks.planner.planner import RunPlan, plan_run, sampled
from tasks.tools import Tools


@dataclass(frozen=True)
class Request:
    """A manifest with overrides.

    `sample`: so many of its shots, evenly spread; 0 for all. `refresh`: make again what newer code, engines or weights
    would make differently. `out`: instead of the manifest's own out folder.
    """

    manifest: Path
    overrides: Sequence[str] = ()
    sample: int = 0
    refresh: bool = False
    out: Path | None = None

    def load(self) -> Manifest:
        """The manifest as requested. Raises ManifestError with all its problems."""
        manifest = load(self.manifest, self.overrides)
        if self.out is not None:
            manifest = replace(manifest, out_folder=self.out.absolute())
        return sampled(manifest, self.sample) if self.sample else manifest

    def plan(self, tools: Tools, manifest: Manifest) -> RunPlan:
        """The plan of that manifest with these tools."""
        return plan_run(
            manifest,
            tools.catalog,
            chain_of(tools),
            tools.means,
            speeds_of(tools.catalog),
            workers=tools.workers,
            refresh=self.refresh,
            progress=lambda done, total: listener.get().step("looking at pictures", done, total),
        )
