"""Stages that store files: reused where their results stand, made and published where they do not.

Several are begun together and published together, and come to nothing one by one: what takes milliseconds does not pay
for transactions of its own. Who asks for several knows that a death costs all of them (tasks/pace.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from catalog.claims import Claim
from catalog.errors import CatalogError, StoreUnavailable
from catalog.made import Made
from catalog.publication import Publication
from tasks.errors import Cancelled
from tasks.execute import Execution, Result, Stage, all_standing, begin, fail_all
from tasks.pace import Together
from tasks.tools import Tools

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Storing:
    """A stage that stores files, wanted for the rendition of a claimed shot, and what makes them."""

    claim: Claim
    rendition: str
    stage: Stage
    make: Callable[[Execution], Result]


def run_stored(tools: Tools, wanted: Storing) -> Made:
    """The result of one; raises what its maker raises, and StaleClaim."""
    (outcome,) = run_all_stored(tools, [wanted])
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def run_all_stored(tools: Tools, wanted: Sequence[Storing]) -> list[Made | Exception]:
    """Of each its result, or why it has none. What it raises may be the fault of one: ask again, for each alone."""
    names = [one.stage.sha256 for one in wanted]
    found = all_standing(tools, names)
    named = list(zip(names, wanted, strict=True))
    served = [(one.claim.shot_id, one.rendition, found[name].id, False) for name, one in named if name in found]
    tools.catalog.link_many(served)
    first: dict[str, Storing] = {}
    for name, one in named:
        if name not in found:
            first.setdefault(name, one)
    made = _run(tools, list(first.values())) if first else {}
    outcomes: list[Made | Exception] = []
    for name, one in named:
        if name in found:
            outcomes.append(found[name])
        elif first[name] is one:
            outcomes.append(made[name])
        else:  # the same recipe twice: served by the first, or tried where that one came to nothing
            outcomes += run_all_stored(tools, [one])
    return outcomes


def _run(tools: Tools, wanted: Sequence[Storing]) -> dict[str, Made | Exception]:
    """Make and publish what does not stand: recipe -> its result, or why it has none."""
    executions = [Execution(tools, one.stage, one.claim, one.rendition) for one in wanted]
    begin(tools, executions)
    outcomes: dict[str, Made | Exception] = {}
    made: list[tuple[Execution, Publication]] = []
    together = Together()
    try:
        for one, execution in zip(wanted, executions, strict=True):
            try:
                made.append((execution, _made(tools, one, execution)))
            except Exception as error:  # noqa: BLE001 - what becomes of it is decided by who asked
                fail_all(tools, [execution], error)
                outcomes[execution.sha256] = error
            if together.over or one is wanted[-1]:
                for (ended, _), outcome in zip(made, each(made, lambda some: _publish(tools, some)), strict=True):
                    if isinstance(outcome, Exception):
                        fail_all(tools, [ended], outcome)
                    outcomes[ended.sha256] = outcome
                made, together = [], Together()
    except BaseException as error:
        fail_all(tools, executions, error)
        raise
    return outcomes


def _made(tools: Tools, one: Storing, execution: Execution) -> Publication:
    if tools.cancelled():
        raise Cancelled(f"{execution.stage.name} was cancelled before it was made")
    with execution.watched():
        started = time.monotonic()
        result = one.make(execution)
        seconds = time.monotonic() - started
    return execution.ended(result, seconds)


def _publish(tools: Tools, ended: Sequence[tuple[Execution, Publication]]) -> list[Made]:
    """Make the files visible (catalog/publication.py) and link the shots to them."""

    def link(stands: list[Made]) -> None:
        tools.catalog.link_many([x.linked(made.id) for (x, _), made in zip(ended, stands, strict=True)])

    publications, alone = [one for _, one in ended], len(ended) == 1
    return tools.patiently(lambda: tools.catalog.publish_all(publications, then=link, withdraw=alone))


def each(things: Sequence[T], do: Callable[[Sequence[T]], Sequence[R]]) -> list[R | Exception]:
    """What `do` makes of things together; where the catalog refuses them together, of each alone, or why nothing."""
    if not things:
        return []
    try:
        return list(do(things))
    except StoreUnavailable:  # nobody is refused, and asking for each would wait for each
        raise
    except CatalogError as error:
        if len(things) == 1:
            return [error]
    return [outcome for thing in things for outcome in each([thing], do)]
