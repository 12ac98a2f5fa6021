"""The statements of pages on a full catalog, 5,000 shots with 15,000 executions: EXPLAIN shows an index each time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from catalog import facts
from tests.catalog import test_plans
from tests.catalog.conftest import Workplace
from tests.catalog.test_plans import BUSY, SMALL, check_plans

pytestmark = pytest.mark.slow
full_catalog = test_plans.full

SINCE = datetime.now(UTC) - timedelta(days=1)
DONE = BUSY.replace("24", "03")
SUMS = {"stage_hours", "shot_hours", "run_weights", "rolled", "store_tallies", "alembic_version", "reviews"}
"""Tables of a row for an hour of a run, or fewer: what is added up is read to be added up further. Of reviews there
are none here."""


@pytest.fixture(scope="module")
def full(full_catalog: Workplace) -> Iterator[Workplace]:
    full_catalog.catalog.roll_up()
    yield full_catalog


PAGES: dict[str, Callable[[Workplace], object]] = {
    "runs_today": lambda p: facts.runs_today(p.catalog, since=SINCE),
    "run_card": lambda p: facts.run_card(p.catalog, BUSY),
    "failures_today": lambda p: facts.failures_today(p.catalog, since=SINCE),
    "throughput": lambda p: facts.throughput(p.catalog),
    "queue_depth": lambda p: facts.queue_depth(p.catalog),
    "eta": lambda p: facts.eta(p.catalog, BUSY),
    "store_use": lambda p: facts.store_use(p.catalog),
    "shot_cards": lambda p: facts.shot_cards(p.catalog, BUSY, after=20),
    "shot_cards, narrowed": lambda p: facts.shot_cards(
        p.catalog, DONE, state="done", error="E", engine="svd", preset="p", tag="tag7"
    ),
    "facets": lambda p: facts.facets(p.catalog, BUSY),
    "stage_chart": lambda p: facts.stage_chart(p.catalog, DONE),
    "shot_facts": lambda p: facts.shot_facts(p.catalog, f"{DONE}.00007"),
    "review_queue": lambda p: facts.review_queue(p.catalog),
    "review_queue of a run": lambda p: facts.review_queue(p.catalog, run_id=DONE, policy=facts.Sample(5)),
    "review_queue of the flagged": lambda p: facts.review_queue(p.catalog, policy=facts.Flagged(), after="0.5 r1"),
    "review_progress of a run": lambda p: facts.review_progress(p.catalog, run_id=DONE),
    "review and reopen": lambda p: _review(p),  # noqa: PLW0108 - it comes later
    "search for words": lambda p: facts.search(p.catalog, "i7 m3"),
    "search for words, narrowed": lambda p: facts.search(p.catalog, "i7", engine="e", error="E", since=SINCE),
    "search for a digest": lambda p: facts.search(p.catalog, "f" * 40),
    "search for a delivery": lambda p: facts.search(p.catalog, "d00010001"),
    "costs": lambda p: facts.costs(p.catalog, by="run", since=SINCE),
    "health": lambda p: facts.health(p.catalog),
    "counters": lambda p: facts.counters(p.catalog),
    "audit_rows": lambda p: facts.audit_rows(p.catalog, subject=BUSY),
    "roll_up": lambda p: p.catalog.roll_up(),
}
"""Lists of everything, newest first, are not here: they read along an index until the page is full."""


def _review(place: Workplace) -> None:
    place.catalog.review("ann", "approved", shots=[f"{DONE}.00009"])
    place.catalog.reopen_review("ann", shots=[f"{DONE}.00009"])


@pytest.mark.parametrize("name", PAGES)
def test_a_page_reads_no_table_whole(full: Workplace, name: str) -> None:
    check_plans(full, name, PAGES[name], SMALL | SUMS)
