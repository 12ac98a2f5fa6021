"""A home, pictures and manifests in one folder; runs worked on the line itself, without Prefect, at a small size."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import av
import numpy as np
import yaml
from PIL import Image
from sqlalchemy import select

from catalog import Catalog
from catalog.queries import DeliveryRow, RunStatus, deliveries_of, remade_from_damage, run_status, shots_of
from catalog.tables import Artifact, Execution, Measurement
from flows.request import Request
from flows.settings import Settings
from flows.workshop import workshop
from manifests.presets import Origin, Preset, presets
from tasks.engines import Engines
from tasks.line import Line
from tasks.out_folder import OutFolder, write_out_folder
from tasks.planner.planner import RunPlan
from tasks.submission import submit, verified
from tasks.tools import Tools

_OURS = Origin.model_validate({"name": "tests", "trust": "ours", "seen": "2026-11-21"})


def small_presets() -> dict[str, Preset]:
    """Deliveries that take a fraction of a second: two that share their frames, and a tall one."""
    facts: dict[str, Any] = {"about": "for tests", "source": _OURS, "crf": 18}
    return {
        "small_wide": Preset(name="small_wide", width=320, height=180, **facts),
        "small_shop": Preset(name="small_shop", width=320, height=180, max_seconds=60, audio="wanted", **facts),
        "small_tall": Preset(name="small_tall", width=180, height=320, min_seconds=0.5, **facts),
    }


def teach_small_presets(set_attribute: Callable[[str, Any], None]) -> None:
    """Make them known beside those that ship; `set_attribute` takes a dotted name and a value."""
    known = MappingProxyType({**presets(), **small_presets()})
    for user in ("manifests.presets", "manifests.preset_names"):
        set_attribute(f"{user}.presets", lambda: known)


def product_photo(seed: int = 1, size: tuple[int, int] = (480, 360)) -> Image.Image:
    """A textured block on a plain studio backdrop."""
    width, height = size
    random = np.random.default_rng(seed)
    picture = np.full((height, width, 3), 226, np.uint8)
    block = np.kron(random.integers(20, 200, (8, 8, 3), np.uint8), np.ones((20, 20, 1), np.uint8))
    top, left = (height - 160) // 2, (width - 160) // 2
    picture[top : top + 160, left : left + 160] = block
    return Image.fromarray(picture)


@dataclass(frozen=True)
class Ended:
    """A run that has been worked."""

    run_id: str
    plan: RunPlan
    status: RunStatus
    rows: list[DeliveryRow]
    out: OutFolder
    remade: list[tuple[str, str]]

    @property
    def made(self) -> dict[str, int]:
        """Stage -> executions made by this run, inspections left out (they go with every encode)."""
        counted: dict[str, int] = {}
        for total in self.status.stages:
            if total.made and total.stage != "inspect":
                counted[total.stage] = counted.get(total.stage, 0) + total.made
        return counted


class Workroom:
    """One catalog in a folder, with pictures and manifests beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = Settings(home=folder / "home", workers=2, device="cpu")
        self.engines: Engines | None = None
        """Children that outlive its runs; without them every run starts its own."""

    def picture(self, name: str, seed: int = 1, size: tuple[int, int] = (480, 360)) -> Path:
        path = self.folder / name
        product_photo(seed, size).save(path)
        return path

    def manifest(self, rows: list[dict[str, Any]], name: str = "m.yaml", **header: Any) -> Path:
        """Half-second drafts at the small size, unless `header` says otherwise."""
        defaults = {"seconds": 0.5, "speed": "draft", "deliver": ["small_wide"]} | header.pop("defaults", {})
        head = {"version": 1, "name": "tests", "out": {"folder": "out"}, "defaults": defaults} | header
        path = self.folder / name
        path.write_text(yaml.safe_dump(head | {"rows": rows}, sort_keys=False), encoding="utf-8")
        return path

    @contextmanager
    def tools(self, **changes: Any) -> Iterator[Tools]:
        kept = {} if self.engines is None else {"engines": self.engines}
        with workshop(self.settings) as tools:
            yield replace(tools, **(kept | changes))

    def accept(self, checkpoint: Path) -> None:
        """Accept the licence that lies with a checkpoint."""
        text = hashlib.sha256((checkpoint / "LICENSE.md").read_bytes()).hexdigest()
        with self.tools() as tools:
            tools.catalog.accept_licence(
                weights=checkpoint.name,
                licence="ours",
                text_sha256=text,
                kind="community",
                holder="Studio",
                accepted_by="Ann",
            )

    def plan(self, manifest: Path, **asked: Any) -> RunPlan:
        request = Request(manifest, **asked)
        with self.tools() as tools:
            return request.plan(tools, request.load())

    def run(self, manifest: Path, *, between: Any = lambda: None, **asked: Any) -> Ended:
        """Plan, submit, call `between`, work, and fill the out folder, in this thread."""
        request = Request(manifest, **asked)
        with self.tools() as tools:
            loaded = request.load()
            planned, _ = verified(tools, request.plan(tools, loaded))
            run_id = self.submit(tools, planned)
            between()
            return replace(self.work(tools, run_id), plan=planned)

    @staticmethod
    def submit(tools: Tools, planned: RunPlan, **more: Any) -> str:
        folder = str(planned.manifest.out_folder)
        return submit(tools.catalog, planned, triggered_by="test", out_folder=folder, flow_run_id=None, **more)

    def work(self, tools: Tools, run_id: str) -> Ended:
        catalog = tools.catalog
        waiting = [shot.id for shot in shots_of(catalog, run_id, ["waiting"])]
        claims = catalog.claim(catalog.new_batch(run_id, waiting), waiting, "tests:1", 600)
        line = Line(tools, claims, shots_of(catalog, run_id, ["claimed"]))
        line.prepare()
        line.generate()
        line.deliver()
        catalog.finish_run(run_id)
        status = run_status(catalog, run_id)
        rows = deliveries_of(catalog, run_id=run_id)
        out = write_out_folder(catalog, Path(status.run.out_folder), shots_of(catalog, run_id), rows)
        nothing: Any = None
        return Ended(run_id, nothing, status, rows, out, remade_from_damage(catalog, run_id))

    def executions(self, **columns: Any) -> list[Any]:
        """Rows of the ledger: every execution there ever was, oldest first."""
        with Catalog.open(self.settings.catalog_url, self.settings.store) as catalog, catalog.database.read() as lines:
            query = select(Execution).order_by(Execution.id)
            for name, value in columns.items():
                query = query.where(getattr(Execution, name) == value)
            return list(lines.execute(query).all())

    def measurements(self) -> dict[str, float]:
        """Every figure ever written down, by name; the last of a name stands."""
        with Catalog.open(self.settings.catalog_url, self.settings.store) as catalog, catalog.database.read() as lines:
            rows = lines.execute(select(Measurement.name, Measurement.value).order_by(Measurement.id)).all()
        return {row.name: row.value for row in rows}

    def stored(self, kind: str) -> list[Path]:
        """Files of the store by the kind of artifact they are."""
        with Catalog.open(self.settings.catalog_url, self.settings.store) as catalog, catalog.database.read() as lines:
            found = lines.scalars(select(Artifact.sha256).where(Artifact.kind == kind)).all()
            return [catalog.store.path(sha256) for sha256 in found]


def flip_a_byte(path: Path) -> None:
    """Damage one byte in the middle of a read-only stored file, as a bad disk would: its name stays."""
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 0x40
    path.chmod(0o644)
    path.write_bytes(damaged)
    path.chmod(0o444)


def index_of(folder: Path) -> list[dict[str, str]]:
    """The rows of an out folder's index.csv."""
    return rows_of(folder / "index.csv")


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def decoded(path: Path) -> np.ndarray:
    """Every frame of an 8-bit clip as RGB, uint8 (N, H, W, 3): BT.709 by the book, chroma repeated.

    Players' own fast conversions are a level or two off, which is as much as these tests allow in all.
    """
    frames: list[np.ndarray] = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            planes: list[Any] = list(frame.planes)
            y, u, v = (
                np.frombuffer(p, np.uint8).reshape(p.height, -1)[:, : p.width].astype(np.float32) for p in planes
            )
            u, v = (np.repeat(np.repeat(c, 2, 0), 2, 1)[: y.shape[0], : y.shape[1]] for c in (u, v))
            luma, blue, red = (y - 16) / 219, (u - 128) / 224, (v - 128) / 224
            r, b = luma + 1.5748 * red, luma + 1.8556 * blue
            g = (luma - 0.2126 * r - 0.0722 * b) / 0.7152
            frames.append((np.stack([r, g, b], -1).clip(0, 1) * 255).round().astype(np.uint8))
    return np.stack(frames)
