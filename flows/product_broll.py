"""`product_broll`: a manifest of product photos becomes finished clips."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from catalog.runs import Priority
from flows.request import Request
from flows.run import Outcome, go_on, start
from manifests.errors import InputError, Problem


@flow(name="product_broll", persist_result=False)
def product_broll(
    manifest: str = "",
    resume: str = "",
    overrides: tuple[str, ...] = (),
    sample: int = 0,
    refresh: bool = False,
    strict: bool = False,
    draft: bool = False,
    out: str = "",
    priority: Priority = "normal",
    triggered_by: str = "prefect",
) -> Outcome:
    """Plan `manifest` and work it in batches, or go on with the run `resume`; either way leave the out folder.

    `priority`: before or after other runs, where workers are shared. The other parameters are those of
    `flows.request.Request`. Raises ManifestError, CatalogError.
    """
    if resume:
        return go_on(resume, triggered_by=triggered_by)
    if not manifest:
        wanted = "there is nothing to do: neither a manifest nor a run to resume is given"
        raise InputError(Problem("NO_MANIFEST", wanted, "set the parameter manifest to the path of a manifest"))
    request = Request(Path(manifest), overrides, sample, refresh, Path(out) if out else None, strict, draft)
    return start(request, triggered_by=triggered_by, priority=priority)
