"""How long each page's facts take on a full catalog: `python -m tests.benchmarks.pages`.

A catalog of 1,000,000 artifacts, 200,000 shots and 500 runs is made on SQLite and on a PostgreSQL first, which takes
some minutes; `--url` (again for each) takes ones that `seed_catalog` has filled instead. Then every read is asked
`--rounds` times, each time about another run or shot, the largest among them. A page's time is a sum of some of these.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from catalog import Catalog, facts
from catalog.tables import Artifact, Run, Shot
from dashboard import metrics
from tests.benchmarks.bars import Bar, show
from tests.benchmarks.seed_catalog import seed
from tests.benchmarks.seeded import BRANDS, ERRORS, NOUNS, TAGS

ROUNDS = 40
PAGE_SECONDS = 0.150
FULL = (1_000_000, 200_000, 500)
QUICK = (600, 120, 6)


class Questions:
    """What is asked about: runs (the live one and the largest come often), shots, words."""

    def __init__(self, catalog: Catalog) -> None:
        self.random = random.Random(3)
        with catalog.database.read() as connection:
            self.runs = connection.scalars(select(Run.id).order_by(Run.id)).all()
            self.digests = connection.scalars(select(Artifact.sha256).order_by(Artifact.sha256).limit(1_000)).all()
            sizes = {run: _size(connection, run) for run in self.runs}
        self.sizes = sizes
        self.favourites = [*sorted(self.runs, key=sizes.__getitem__)[-3:], self.runs[-1]]
        self.since = datetime.now(UTC) - timedelta(days=1)

    def run(self) -> str:
        return self.random.choice(self.favourites if self.random.random() < 0.3 else self.runs)

    def place(self, run: str) -> int:
        return self.random.randint(0, max(0, self.sizes[run] - 60))

    def shot(self) -> str:
        run = self.run()
        return f"{run}.{self.random.randint(1, self.sizes[run]):05d}"

    def words(self) -> str:
        kinds: tuple[Callable[[], str], ...] = (
            lambda: "sku",
            lambda: f"SKU-{self.random.randint(0, 499):03d}00",
            lambda: self.random.choice(NOUNS[self.random.choice(tuple(NOUNS))]),
            lambda: f"{self.random.choice(BRANDS)} {self.random.choice(TAGS)}",
            lambda: self.random.choice(self.digests)[:10],
            lambda: f"nightly {self.random.randint(0, 499)}",
        )
        return self.random.choice(kinds)()


def _size(connection: Any, run: str) -> int:
    return connection.scalar(select(Shot.position).where(Shot.run_id == run).order_by(Shot.position.desc()).limit(1))


def reads(catalog: Catalog, ask: Questions) -> dict[str, Callable[[], object]]:
    """Every read that a page makes, by the page and what it is called."""
    pick, week = ask.random, ask.since - timedelta(days=6)

    def cards(**by: object) -> Callable[[], object]:
        def asked() -> object:
            run = ask.run()
            return facts.shot_cards(catalog, run, after=ask.place(run), **by)  # type: ignore[arg-type]

        return asked

    def error() -> str:
        return pick.choice(ERRORS)[0]

    return {
        "today: runs_today": lambda: facts.runs_today(catalog),
        "today: failures_today": lambda: facts.failures_today(catalog, since=ask.since),
        "today: failures of a week": lambda: facts.failures_today(catalog, since=week),
        "today: throughput": lambda: facts.throughput(catalog),
        "today: queue_depth": lambda: facts.queue_depth(catalog),
        "today: eta": lambda: facts.eta(catalog, ask.runs[-1]),
        "today: store_use": lambda: facts.store_use(catalog),
        "run: run_card": lambda: facts.run_card(catalog, ask.run()),
        "run: shot_cards": cards(),
        "run: shot_cards by state": cards(state="done"),
        "run: shot_cards by error": lambda: facts.shot_cards(catalog, ask.run(), error=error()),
        "run: shot_cards by engine and tag": cards(engine="svd", tag="sale"),
        "run: shot_cards by preset": cards(preset="amazon_main"),
        "run: facets": lambda: facts.facets(catalog, ask.run()),
        "run: stage_chart": lambda: facts.stage_chart(catalog, ask.run()),
        "shot: shot_facts": lambda: facts.shot_facts(catalog, ask.shot()),
        "review: queue": lambda: facts.review_queue(catalog),
        "review: queue of a run": lambda: facts.review_queue(catalog, run_id=ask.run()),
        "review: queue of the flagged": lambda: facts.review_queue(catalog, policy=facts.Flagged()),
        "review: queue of a sample": lambda: facts.review_queue(catalog, policy=facts.Sample(5)),
        "review: progress": lambda: facts.review_progress(catalog, run_id=ask.run()),
        "review: progress of everything": lambda: facts.review_progress(catalog),
        "review: progress of a sample": lambda: facts.review_progress(catalog, policy=facts.Sample(5)),
        "search: words": lambda: facts.search(catalog, ask.words()),
        "search: words and error": lambda: facts.search(catalog, ask.words(), error=error()),
        "search: error": lambda: facts.search(catalog, "", error=error()),
        "search: words and engine": lambda: facts.search(catalog, ask.words(), engine="rife"),
        "search: weights": lambda: facts.search(catalog, "", weights="svd_xt.safetensors"),
        "search: words of a week": lambda: facts.search(catalog, ask.words(), since=week),
        "search: in vain": lambda: facts.search(catalog, "sku nightly", engine="camera", weights="rife-v4.6.bin"),
        "costs: by run": lambda: facts.costs(catalog, by="run"),
        "costs: by day": lambda: facts.costs(catalog, by="day"),
        "costs: by engine": lambda: facts.costs(catalog, by="engine", since=week),
        "health: health": lambda: facts.health(catalog),
        "metrics: counters": lambda: facts.counters(catalog),
        "metrics: all of /metrics": lambda: metrics.read(catalog),
        "audit: audit_rows": lambda: facts.audit_rows(catalog, subject=ask.run()),
        "live: version": lambda: facts.version(catalog),
    }


def measure(catalog: Catalog, rounds: int) -> dict[str, list[float]]:
    """Seconds of every read, each of its rounds; the reads take turns, so that what else runs slows all alike."""
    ask = Questions(catalog)
    asked = reads(catalog, ask)
    taken: dict[str, list[float]] = {name: [] for name in asked}
    for number in range(rounds + 1):
        for name, read in asked.items():
            began = time.perf_counter()
            read()
            if number:  # the first round warms what stays warm in a server
                taken[name].append(time.perf_counter() - began)
    return taken


def bars(taken: dict[str, list[float]]) -> list[Bar]:
    """p50 and p95 of every read, in milliseconds."""
    found: list[Bar] = []
    for name, seconds in taken.items():
        p50, p95 = statistics.median(seconds), sorted(seconds)[min(len(seconds) - 1, int(len(seconds) * 0.95))]
        found.append(Bar(f"{name}, p50", p50 * 1000, "ms"))
        found.append(Bar("  p95", p95 * 1000, "ms", PAGE_SECONDS * 1000))
    return found


def run(catalog: Catalog, rounds: int) -> None:
    """Print one database's table."""
    show(f"pages on {catalog.database.engine.dialect.name}", bars(measure(catalog, rounds)))


def made(sizes: tuple[int, int, int], rounds: int) -> None:
    """Fill a catalog on each database and ask it."""
    from tests.postgres import Postgres

    artifacts, shots, runs = sizes
    with tempfile.TemporaryDirectory(prefix="dailies-") as name, ExitStack() as stack:
        folder = Path(name)
        urls = [f"sqlite:///{folder / 'catalog.db'}", stack.enter_context(Postgres(folder / "pg")).new()]
        for url in urls:
            with Catalog.open(url, folder / "store") as catalog:
                seed(catalog, artifacts=artifacts, shots=shots, runs=runs)
                run(catalog, rounds)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table for each database."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--quick", action="store_true", help="a small catalog, to see that it runs")
    options.add_argument("--rounds", type=int, default=ROUNDS)
    options.add_argument("--url", action="append", default=[], help="a catalog that is filled already")
    asked = options.parse_args(arguments)
    if not asked.url:
        made(QUICK if asked.quick else FULL, 2 if asked.quick else asked.rounds)
    for url in asked.url:
        with tempfile.TemporaryDirectory(prefix="dailies-") as store, Catalog.open(url, _empty(Path(store))) as catalog:
            run(catalog, asked.rounds)


def _empty(store: Path) -> Path:
    (store / "incoming").mkdir()  # a store that is there, whatever the catalog thinks is in it
    return store


if __name__ == "__main__":
    main()
