"""The run that a command is about."""

from __future__ import annotations

from catalog.catalog import Catalog
from catalog.errors import NotFound
from catalog.queries import latest_run, resolve


def chosen_run(catalog: Catalog, given: str) -> str:
    """The run meant by an id's beginning, or the latest. Raises NotFound."""
    if given:
        kind, found = resolve(catalog, given)
        if kind != "run":
            raise NotFound(f"'{given}' is a {kind}, wanted a run; `dailies status` lists the runs")
        return found
    latest = latest_run(catalog)
    if latest is None:
        raise NotFound("there are no runs yet; `dailies run MANIFEST` makes the first")
    return latest
