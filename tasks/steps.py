"""The steps of the line, each for the shots that are worked together: stills, stored frames, files; and whole scenes.

Every step tells, of each shot, why it did not end well; what it raises may be the fault of one of them, and each is
asked for alone then. A shot that is alone gets one rendition after the other, each published before the next is begun.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import TypeVar

from catalog.deliveries import Reuse
from catalog.errors import CatalogError
from tasks.deliver import deliver_renditions
from tasks.execute import intact
from tasks.planner.plan import RenditionPlan
from tasks.refusal import Refused
from tasks.stored import Storing, run_all_stored
from tasks.tools import Tools
from tasks.way import PictureChanged, kept, still
from tasks.work import Work

Outcome = Exception | None
Step = Callable[[Tools, Sequence[Work]], Sequence[Outcome]]

T = TypeVar("T")


def prepare(tools: Tools, works: Sequence[Work]) -> list[Outcome]:
    """Their stills, of what is wanted."""
    for work in works:
        work.read_plan()
    outcomes = _stills(tools, works)
    for number, (work, outcome) in enumerate(zip(works, outcomes, strict=True)):
        if isinstance(outcome, PictureChanged):
            outcomes[number] = _anew(tools, work)
    return outcomes


def generate(tools: Tools, works: Sequence[Work]) -> list[Outcome]:
    """Stored frames, for the renditions whose plan keeps them."""
    return [_caught(work.generate) for work in works]


def deliver(tools: Tools, works: Sequence[Work]) -> list[Outcome]:
    """Their files; of a shot all renditions, also after one that was refused."""
    errors: dict[str, Exception] = {}
    for part in _parts(works, [(work, rendition) for work in works for rendition in work.renditions]):
        jobs = [work.job(rendition) for work, rendition in part]
        for (work, _), outcome in zip(part, deliver_renditions(tools, jobs), strict=True):
            before = errors.get(work.row.id)
            if outcome is not None and (before is None or isinstance(before, Refused)):
                errors[work.row.id] = outcome  # what may pass, or was called off, says more than a refusal
        if len(works) == 1 and any(not isinstance(error, Refused) for error in errors.values()):
            break
    return [errors.get(work.row.id) for work in works]


def assemble(tools: Tools, works: Sequence[Work]) -> list[Outcome]:
    """Scenes, of what the other shots of their runs have delivered."""
    from tasks.scene.assemble import assemble as whole  # what draws letters is not loaded for shots

    return [_caught(partial(whole, tools, work.claim, work.row)) for work in works]


def _stills(tools: Tools, works: Sequence[Work]) -> list[Outcome]:
    errors: dict[str, Exception] = {}
    _look_up(tools, works)
    keep = cache(partial(kept, tools))  # many shots of one picture read it once
    for part in _parts(works, [(work, rendition) for work in works for rendition in work.renditions]):
        wanted: list[tuple[Work, RenditionPlan, Storing]] = []
        for work, rendition in part:
            try:
                wanted.append((work, rendition, still(tools, work.claim, work.plan, rendition, keep)))
            except CatalogError:
                raise
            except Exception as error:  # noqa: BLE001 - what becomes of it is decided by type
                errors.setdefault(work.row.id, error)
        made = run_all_stored(tools, [storing for _, _, storing in wanted]) if wanted else []
        for (work, rendition, _), outcome in zip(wanted, made, strict=True):
            if isinstance(outcome, Exception):
                errors.setdefault(work.row.id, outcome)
            else:
                work.stills[rendition.name] = outcome
        if len(works) == 1 and errors:
            break
    return [errors.get(work.row.id) for work in works]


def _anew(tools: Tools, work: Work) -> Outcome:
    """The picture of this one is another now."""
    if (outcome := _caught(work.plan_anew)) is not None:
        return outcome
    return _stills(tools, [work])[0]


def _look_up(tools: Tools, works: Sequence[Work]) -> None:
    """What is to be made of each, by rendition; deliveries that stand, and whose bytes do, are served as they are."""
    reuses: list[Reuse] = []
    asks = [delivery.ask_sha256 for work in works if not work.plan.refresh for _, delivery in work.deliveries]
    current = tools.catalog.current_deliveries(asks)
    for work in works:
        work.wanted = {}
        for rendition, delivery in work.deliveries:
            found = None if work.plan.refresh else current.get(delivery.ask_sha256)
            if found and all(intact(tools, part) for part in (found[-1].artifact, found[-1].poster) if part):
                reuses.append(Reuse(work.row.id, rendition, found[-1].id))
            else:
                work.wanted.setdefault(rendition, []).append(delivery)
    tools.catalog.reuse_deliveries(reuses)


def _parts(works: Sequence[Work], things: list[T]) -> list[list[T]]:
    """What is worked together: of several shots everything, of one each thing alone."""
    return [things] if len(works) > 1 else [[thing] for thing in things]


def _caught(call: Callable[[], None]) -> Outcome:
    try:
        call()
    except Exception as error:  # noqa: BLE001 - what becomes of it is decided by type
        return error
    return None
