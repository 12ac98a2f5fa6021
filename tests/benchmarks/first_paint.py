"""How soon pages are there: `python -m tests.benchmarks.first_paint [--postgres] [--artifacts N --shots N --runs N]`.

A seeded catalog on SQLite or PostgreSQL, the dashboard on loopback, Debian's Chromium: the largest contentful paint of
*Today*, a browser of its own for each load, so that nothing is kept from the one before; and the server's time for
every page.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlencode

import httpx

from catalog import Catalog
from catalog.queries import list_runs
from dashboard import shared
from tests.benchmarks.bars import Bar, show
from tests.dashboard.browser import listening, opened
from tests.dashboard.gallery import Gallery
from tests.postgres import Postgres

LOADS, ASKED = 7, 30
PAINT_SECONDS, SERVER_SECONDS = 1.0, 0.150
PAINTED = """() => new Promise((told) => new PerformanceObserver((list) => told(list.getEntries().at(-1).startTime))
    .observe({type: 'largest-contentful-paint', buffered: true}))"""


class Seeded(Gallery):
    """A gallery over a catalog that is there already."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.catalog = Catalog.open(url, folder / "store")


def paints(address: str, folder: Path) -> list[float]:
    """Seconds until the largest part of *Today* was painted, of each load."""
    found: list[float] = []
    for _ in range(LOADS):
        with opened(folder) as page:
            page.goto(address)
            found.append(page.evaluate(PAINTED) / 1000)
    return found


def served(address: str, gallery: Gallery) -> dict[str, float]:
    """Seconds that 95 of 100 answers of each page took at most, nothing remembered from the one before."""
    run = list_runs(gallery.catalog, limit=1)[0]
    pages = {
        "today": "/",
        "run": f"/runs/{run.id}",
        "run, filtered": f"/runs/{run.id}?state=done&tag=summer",
        "shot": f"/shots/{run.id}.00001",
        "review": "/review",
        "review, grid": "/review?view=grid",
        "search": f"/search?{urlencode({'q': 'morning mug'})}",
        "costs": "/costs",
        "health": "/health",
    }
    found: dict[str, float] = {}
    with httpx.Client(base_url=address, timeout=120) as client:
        for name, path in pages.items():
            client.get(path).raise_for_status()
            times: list[float] = []
            for _ in range(ASKED):
                began = time.perf_counter()
                client.get(path).raise_for_status()
                times.append(time.perf_counter() - began)
            found[name] = statistics.quantiles(times, n=20)[-1]
    return found


def main() -> None:
    """Seed, measure, show."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--artifacts", type=int, default=50_000)
    options.add_argument("--shots", type=int, default=10_000)
    options.add_argument("--runs", type=int, default=100)
    options.add_argument("--postgres", action="store_true", help="on a PostgreSQL of its own, not on SQLite")
    options.add_argument("--quick", action="store_true", help="only see that it runs")
    asked = options.parse_args()
    if asked.quick:
        asked.artifacts, asked.shots, asked.runs = 2_000, 400, 8
    shared.ALONE_SECONDS = 0.0  # every answer is read anew
    with tempfile.TemporaryDirectory(prefix="dailies-") as name, ExitStack() as stack:
        folder, url = Path(name), f"sqlite:///{name}/catalog.db"
        if asked.postgres:
            url = stack.enter_context(Postgres(folder / "pg")).new()
        seed = [sys.executable, "-m", "tests.benchmarks.seed_catalog", "--url", url, "--store", f"{name}/store"]
        sizes = {"--artifacts": asked.artifacts, "--shots": asked.shots, "--runs": asked.runs}
        subprocess.run([*seed, *(str(word) for pair in sizes.items() for word in pair)], check=True)
        gallery = Seeded(folder, url)
        try:
            with listening(gallery) as address:
                pages = served(address, gallery)
                painted = paints(address, folder)
        finally:
            gallery.catalog.close()
    print(f"loads of Today: {', '.join(f'{one:.2f}' for one in painted)} s")
    bars = [Bar("first meaningful paint of Today, median", statistics.median(painted), "s", PAINT_SECONDS)]
    bars += [Bar(f"{name}, p95 of the server", at, "s", SERVER_SECONDS) for name, at in pages.items()]
    where = "PostgreSQL" if asked.postgres else "SQLite"
    show(f"pages over {asked.artifacts:,} artifacts, {asked.shots:,} shots, {asked.runs} runs on {where}", bars)


if __name__ == "__main__":
    main()
