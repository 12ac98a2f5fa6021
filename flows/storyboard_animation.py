"""`storyboard_animation`: a manifest of storyboard panels becomes moving panels."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from flows.request import Request
from flows.run import Outcome, go_on, start


@flow(name="storyboard_animation", persist_result=False)
def storyboard_animation(
    manifest: str = "",
    resume: str = "",
    overrides: tuple[str, ...] = (),
    sample: int = 0,
    refresh: bool = False,
    out: str = "",
    triggered_by: str = "prefect",
) -> Outcome:
    """Plan `manifest` and work it in batches, or go on with the run `resume`; either way leave the out folder.

    The other parameters are those of `flows.request.Request`. Raises ManifestError, CatalogError.
    """
    if resume:
        return go_on(resume, triggered_by=triggered_by)
    request = Request(Path(manifest), overrides, sample, refresh, Path(out) if out else None)
    return start(request, triggered_by=triggered_by)
