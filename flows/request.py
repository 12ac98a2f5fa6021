"""A request to run something, and its plan. Needs no Prefect, so `dailies plan` starts at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from flows.listener import listener
from flows.workshop import chain_of, speeds_of
from manifests.draft import drafted
from manifests.errors import ManifestError
from manifests.loader import load
from manifests.manifest import Manifest
from tasks.planner.plan import Means
from tasks.planner.planner import RunPlan, plan_run, sampled
from tasks.tools import Tools


@dataclass(frozen=True)
class Request:
    """A manifest with overrides.

    `sample`: so many of its shots, evenly spread; 0 for all. `refresh`: make again what newer code, engines or weights
    would make differently. `out`: instead of the manifest's own out folder. `strict`: one bad row, picture or sound
    refuses the whole request. `draft`: everything small and quick (`manifests.draft`).
    """

    manifest: Path
    overrides: Sequence[str] = ()
    sample: int = 0
    refresh: bool = False
    out: Path | None = None
    strict: bool = False
    draft: bool = False

    def load(self) -> Manifest:
        """The manifest as requested. Raises ManifestError with all its problems where it is refused."""
        manifest = load(self.manifest, self.overrides, strict=self.strict)
        if self.draft:
            manifest = drafted(manifest)
        if self.out is not None:
            manifest = replace(manifest, out_folder=self.out.absolute())
        return sampled(manifest, self.sample) if self.sample else manifest

    def plan(self, tools: Tools, manifest: Manifest, means: Means | None = None) -> RunPlan:
        """The plan of that manifest with these tools; `means`: of others than this machine, which will work it.

        Raises ManifestError where it is `strict` and a shot cannot be made, or a sound not be heard.
        """
        planned = plan_run(
            manifest,
            tools.catalog,
            chain_of(tools),
            means or tools.means,
            speeds_of(tools.catalog),
            workers=tools.workers,
            refresh=self.refresh,
            progress=lambda done, total: listener.get().step("looking at pictures", done, total),
        )
        if self.strict and (wrong := [*planned.problems, *planned.unheard]):
            raise ManifestError(wrong)
        return planned
