"""The README's pictures of the dashboard: `python -m tests.dashboard.screenshots [--home HOME] [--out FOLDER]`.

The examples are run in a home of their own (or `--home` has been: `make demo` leaves one in out/demo-home), a picture
that cannot be read among them, some clips are judged, and each page is taken by Debian's Chromium in light, in dark and
on a phone: a sheet for each. Look at them before you keep them.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from catalog import Catalog
from catalog.queries import deliveries_of, list_runs, shots_of
from catalog.schedules import NewSchedule
from dashboard.settings import Rates
from flows.settings import Settings
from tests.dashboard.browser import listening, opened
from tests.dashboard.gallery import Gallery

EXAMPLES = Path(__file__).parents[2] / "manifests" / "examples"
LOOKS: Mapping[str, Mapping[str, Any]] = {
    "light": {"viewport": {"width": 1360, "height": 900}},
    "dark": {"viewport": {"width": 1360, "height": 900}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2},
}
GAP, PAPER = 24, (233, 231, 227)
COLUMNS = {"light": 2, "dark": 2, "phone": 4}
CELL = {"light": 640, "dark": 640, "phone": 300}
"""Width in pixels of one page on its sheet."""
UNREADABLE = """version: 1
name: Spring counter
out: {folder: out/late}
roots: [pictures]
rows:
  - {id: carafe, source: carafe.jpg, title: Carafe, tags: [kitchen]}
  - {id: mug-loop, source: mug.png, title: Morning mug, motion: {move: drift, loop: true}, seconds: 2}
"""


class House(Gallery):
    """The home's own catalog in place of a gallery's."""

    def __init__(self, home: Path) -> None:
        settings = Settings(home=home)
        self.folder = home
        self.catalog = Catalog.open(settings.catalog_url, settings.store)


def fill(home: Path, folder: Path) -> None:
    """Run the examples, and one manifest with a picture that is cut off."""
    manifests = folder / "manifests"
    (manifests / "pictures").mkdir(parents=True)
    mug = EXAMPLES / "pictures" / "mug.png"
    (manifests / "pictures" / "mug.png").write_bytes(mug.read_bytes())
    (manifests / "pictures" / "carafe.jpg").write_bytes((EXAMPLES / "pictures" / "speaker.jpg").read_bytes()[:9_000])
    (manifests / "late.yaml").write_text(UNREADABLE)
    for manifest in (EXAMPLES / "products.yaml", EXAMPLES / "storyboard.yaml", manifests / "late.yaml"):
        subprocess.run(
            [Path(sys.executable).with_name("dailies"), "run", str(manifest), "--out", str(folder / manifest.stem)],
            env={**os.environ, "DAILIES_HOME": str(home)},
            check=False,  # one picture cannot be read
        )


def judge(catalog: Catalog) -> None:
    """Some clips of the oldest run are approved, one is to be done again; and the next night is scheduled."""
    at = datetime.now(UTC).replace(hour=23, minute=0, second=0) + timedelta(days=1)
    nightly = NewSchedule(
        name="spring-counter", manifest="/srv/shop/spring.yaml", kind="product", cron="0 1 * * *",
        timezone="Europe/Berlin", done_by="07:00", budget_gpu_seconds=None, budget_bytes=None, late_seconds=21_600.0,
        overlap="skip", shrink=0.5, ping=None, next_at=at,
    )  # fmt: skip
    catalog.put_schedule(nightly, "anna")
    rows = deliveries_of(catalog, run_id=list_runs(catalog)[-1].id)
    items = list(dict.fromkeys(row.item for row in rows))
    for item, verdict in zip(items, ("approved", "approved", "redo"), strict=False):
        ids = [row.delivery.id for row in rows if row.item == item and row.delivery.state == "current"]
        if ids:
            catalog.review("anna", verdict, deliveries=ids, note="" if verdict == "approved" else "turn it slower")


def pages_of(catalog: Catalog) -> Mapping[str, str]:
    """Every page, by what it is called: of the oldest run, which has the most to show, and of a shot of it."""
    first = list_runs(catalog)[-1].id
    done = next(shot.id for shot in shots_of(catalog, first, ["done"]))
    return {
        "today": "/",
        "run": f"/runs/{first}",
        "shot": f"/shots/{done}",
        "review": "/review",
        "grid": "/review?view=grid",
        "search": "/search?q=mug",
        "costs": "/costs",
        "health": "/health",
    }


def taken(house: House, folder: Path, look: str) -> dict[str, Image.Image]:
    """A picture of what a screen shows of every page."""
    found: dict[str, Image.Image] = {}
    with listening(house, rates=Rates(1.9, 0.4, "€")) as address, opened(folder, **LOOKS[look]) as page:
        for name, path in pages_of(house.catalog).items():
            page.goto(address + path)
            page.wait_for_timeout(1_500)  # posters are made the first time, charts drawn
            found[name] = Image.open(BytesIO(page.screenshot())).convert("RGB")
    return found


def sheet(pictures: Sequence[Image.Image], columns: int, width: int) -> Image.Image:
    """Pictures of one size in rows."""
    height = round(width * pictures[0].height / pictures[0].width)
    rows = -(-len(pictures) // columns)
    whole = Image.new("RGB", (columns * (width + GAP) + GAP, rows * (height + GAP) + GAP), PAPER)
    for index, picture in enumerate(pictures):
        place = (GAP + index % columns * (width + GAP), GAP + index // columns * (height + GAP))
        whole.paste(picture.resize((width, height), Image.Resampling.LANCZOS), place)
    return whole


def main() -> None:
    """Take them, and write four JPEGs."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--home", type=Path, help="a home in which something was run")
    options.add_argument("--out", type=Path, default=EXAMPLES / "readme")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        home = asked.home or Path(name) / "home"
        if asked.home is None:
            fill(home, Path(name))
        house = House(home)
        try:
            judge(house.catalog)
            for look in LOOKS:
                found = taken(house, Path(name), look)
                whole = sheet(list(found.values()), COLUMNS[look], CELL[look])
                whole.save(asked.out / f"pages-{look}.jpg", quality=72, optimize=True)
                if look == "light":
                    found["run"].save(asked.out / "dashboard.jpg", quality=80, optimize=True)
        finally:
            house.catalog.close()


if __name__ == "__main__":
    main()
