"""`dailies doctor`: what is set and from where, and what is missing on this machine."""

from __future__ import annotations

import os
import platform
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Column, Table

from catalog import connection
from catalog.catalog import Catalog
from catalog.errors import CatalogError
from catalog.queries import benchmark
from catalog.store import StoreAddress, open_store
from flows.listener import listener
from flows.ping import host
from flows.settings import Settings
from flows.terminal import out, size
from models import ncnn, realesrgan, rife
from models.errors import EngineError
from models.svd.checkpoint import Checkpoint, Network, available
from models.svd.settings import LADDER, Dtype, Rung
from models.svd.vram import estimate, first_rung
from tasks.benchmark import measure
from tasks.encode import ffmpeg_path, versions
from tasks.lettering.fonts import FOLDERS, SHAPING_REMEDY, missing_fonts, shaping_missing
from tasks.lettering.fonts import REMEDY as FONTS_REMEDY
from tasks.planner.canvas import SIZES
from tasks.planner.device import Device, cards, device_of, torch_installed
from tasks.planner.engine import GPU_EXTRA
from tasks.tools import Tools
from tasks.weights.shelf import shelf

State = Literal["ok", "note", "missing"]

USUAL_CARDS = {"RTX 4080 (16 GB)": int(15.6 * 2**30), "RTX 3090 or 4090 (24 GB)": int(23.6 * 2**30)}
"""Cards most people own, and what CUDA counts on them."""
_TIGHT = 0.1
"""Share of a card's memory that other programs, a desktop above all, easily take."""


@dataclass(frozen=True)
class Finding:
    """One thing looked at: `note` can do without, `missing` cannot."""

    subject: str
    state: State
    found: str
    origin: str = ""
    remedy: str = ""


def examine() -> list[Finding]:
    """Everything this machine has and lacks."""
    settings = Settings()
    return [
        *_settings(settings),
        *_catalog(settings),
        store_finding(settings.store),
        *device_findings(settings.device),
        *memory_findings(settings.weights, device_of(settings.device)),
        *_engines(settings),
        *font_findings(),
        *_disk(settings),
    ]


def font_findings() -> Iterator[Finding]:
    """Whether slates, cards and burn-ins can be lettered."""
    missing = missing_fonts()
    if missing:
        yield Finding("fonts", "note", f"{', '.join(missing[:3])} not here", remedy=f"for scenes: {FONTS_REMEDY}")
    elif shaping_missing():
        yield Finding("fonts", "note", "Pillow finds no libfribidi", remedy=f"for scenes: {SHAPING_REMEDY}")
    else:
        yield Finding("fonts", "ok", "Noto, for slates and burn-ins", str(FOLDERS[0].parent.parent))


def print_findings(findings: Sequence[Finding]) -> None:
    """As a table, remedies below it."""
    table = Table("", "what", Column("found", overflow="fold"), Column("from", overflow="fold"), box=SIMPLE_HEAD)
    marks = {"ok": "[green]✓[/green]", "note": "[yellow]–[/yellow]", "missing": "[red]✗[/red]"}
    for one in findings:
        table.add_row(marks[one.state], one.subject, escape(one.found), one.origin)
    out.print(table)
    for one in findings:
        if one.remedy:
            out.print(f"{marks[one.state]} {one.subject}: {escape(one.remedy)}", soft_wrap=True)


def measure_once(tools: Tools) -> None:
    """Benchmark this machine if nobody has: estimates before there is any history stand on it."""
    host = platform.node()
    if benchmark(tools.catalog, "animate", "camera", host) is not None:
        return
    speeds = measure(tools, lambda done, total: listener.get().step("measuring this machine once", done, total))
    for (stage, engine), seconds in speeds.items():
        tools.catalog.record_benchmark(stage, engine, host, seconds)


def masked(value: str) -> str:
    """A URL without its password, wherever in it that is."""
    try:
        return connection.told(connection.parse(value)) if "://" in value else value
    except CatalogError:  # no database's
        return re.sub(r"(://[^:/@]+):[^@]+@", r"\1:***@", value)


def _settings(settings: Settings) -> Iterator[Finding]:
    for name in Settings.model_fields:
        set_by = f"DAILIES_{name.upper()}"
        origin = set_by if set_by in os.environ else "built-in"
        value = str(getattr(settings, name) or "")
        yield Finding(name, "ok", host(value) if name == "ping_url" else masked(value), origin)
    yield Finding("python", "ok", platform.python_version(), f"dailies {version('dailies')}")


def _catalog(settings: Settings) -> Iterator[Finding]:
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        with Catalog.open(settings.catalog_url, settings.store) as catalog:
            yield Finding("catalog", "ok", masked(settings.catalog_url))
            yield from weights_findings(settings, catalog)
    except (CatalogError, OSError) as error:
        yield Finding("catalog", "missing", str(error), remedy="set DAILIES_HOME or DAILIES_DATABASE_URL")


def store_finding(where: StoreAddress) -> Finding:
    """Whether the artifact store can be written and read; a small file is, and removed again."""
    try:
        store = open_store(where)
        found, free = store.check(), store.free_bytes()
    except CatalogError as error:
        return Finding(
            "store", "missing", str(error), masked(str(where)), "set DAILIES_STORE_URL, or bring the storage back"
        )
    return Finding("store", "ok", found if free is None else f"{found}, {size(free)} free", masked(str(where)))


def weights_findings(settings: Settings, catalog: Catalog) -> Iterator[Finding]:
    """Weights that are here, how their licences stand, and which end within 30 days."""
    try:
        rows = [row for row in shelf(catalog, settings.weights) if row.here != "no"]
    except EngineError as error:  # a record nobody can read
        yield Finding("weights", "note", str(error), str(settings.weights), error.remedy)
        return
    for row in rows:
        subject, place = f"weights {row.name}", str(row.folder)
        if row.here == "partly":
            found = f"not whole: {len(row.missing)} files missing, {row.missing[0]} the first"
            yield Finding(subject, "note", found, place, f"dailies weights pull {row.name}")
        elif row.problem is not None:
            yield Finding(subject, "note", row.problem.message, place, row.problem.remedy)
        else:
            yield Finding(subject, "note" if row.warnings else "ok", row.licence_told, place, " ".join(row.warnings))
    if not any(row.gated for row in rows):
        remedy = "dailies weights pull svd-xt, then dailies weights accept svd-xt"
        yield Finding("weights svd", "note", "none here: every clip is made by the camera engine", remedy=remedy)


def device_findings(asked: str) -> Iterator[Finding]:
    """What torch works on where the setting says `asked`, and why that is not a card. Nothing is loaded."""
    if not torch_installed():
        found = "torch, diffusers or transformers is not installed: no clip is made by SVD"
        yield Finding("torch", "note", found, remedy=GPU_EXTRA)
        return
    device, here, build = device_of(asked), cards(), f"torch {version('torch')}"
    if device.kind == "cuda":
        yield Finding("torch", "ok", f"{_named(device)}", build)
        return
    kind = asked.partition(":")[0]
    if kind not in ("auto", "cuda"):
        state: State = "note" if here else "ok"
        remedy = f"DAILIES_DEVICE=auto or {here[0].torch} uses {here[0].name}" if here else ""
        yield Finding("torch", state, f"cpu: DAILIES_DEVICE is {asked}", build, remedy)
    elif not here:
        found = "cpu: no NVIDIA driver, or no card that this process may use"
        yield Finding("torch", "note", found, build, "real SVD weights need a card: on a CPU one clip takes hours")
    elif build.endswith("+cpu"):
        found = f"cpu: this torch is a build without CUDA, {_named(here[0])} stays idle"
        yield Finding("torch", "note", found, build, "install torch's CUDA build: pytorch.org tells the command")
    else:
        found = f"cpu: DAILIES_DEVICE is {asked}, here are {', '.join(map(_named, here))}"
        yield Finding("torch", "note", found, build, f"set DAILIES_DEVICE=auto or {here[0].torch}")


def memory_findings(weights_dir: Path, device: Device) -> Iterator[Finding]:
    """For every SVD checkpoint here: its size, and how far down the memory ladder its clip goes on this card.

    Without a card it is told for the usual ones, and without weights for svd-xt as it is published.
    """
    try:
        here = list(available(weights_dir).values()) or [_PUBLISHED]
    except EngineError as error:  # a file that is no checkpoint's
        yield Finding("svd", "note", str(error), str(weights_dir), error.remedy)
        return
    rooms = {device.name: device.vram_bytes} if device.kind == "cuda" else USUAL_CARDS
    for one in here:
        absent = one is _PUBLISHED
        told = f"{sum(one.parameters.values()) / 1e9:.3g} billion parameters, {one.frames} frames at once"
        state: State = "note" if absent else "ok"
        yield Finding(f"svd {one.name}", state, told, "as published; not here" if absent else str(one.folder))
        for card, room in rooms.items():
            told, fits = fit(one, room)
            remedy = "" if fits else "a smaller svd.canvas, or engine: camera"
            yield Finding(f"svd {one.name}, {card}", state if fits else "note", told, "estimated", remedy)


def fit(checkpoint: Checkpoint, room: int, dtype: Dtype = "fp16") -> tuple[str, bool]:
    """How a clip of the checkpoint's frames, drawn wide and with guidance, fits `room` bytes; whether it does."""
    clip = (*SIZES["wide"], checkpoint.frames)

    def gib(rung: Rung) -> float:
        return estimate(checkpoint, *clip, dtype, rung, True).bytes / 2**30

    what, there = f"{clip[0]}x{clip[1]} x {clip[2]} {dtype}", room / 2**30
    rung = first_rung(checkpoint, *clip, dtype, True, room)
    if rung is None:
        return f"{what} needs {gib(LADDER[-1]):.1f} GiB even at {LADDER[-1]}, there are {there:.1f}", False
    below: Rung | None = next((lower for lower in LADDER[LADDER.index(rung) :] if gib(lower) < gib(rung)), None)
    tight = f"; tight: {below} needs {gib(below):.1f}" if below and gib(rung) > (1 - _TIGHT) * there else ""
    return f"{what} fits from {rung} on: about {gib(rung):.1f} of {there:.1f} GiB{tight}", True


class _Published(Checkpoint):
    """A checkpoint whose shapes are known before it is here."""

    def config(self, network: Network) -> dict[str, Any]:
        return {"block_out_channels": [320, 640, 1280, 1280] if network == "unet" else [128, 256, 512, 512]}


_PUBLISHED = _Published("svd-xt", Path(), 25, {"unet": 1_524_623_082, "vae": 97_742_847, "image_encoder": 632_076_800})


def _named(card: Device) -> str:
    return f"{card.torch} {card.name}, {card.vram_bytes / 2**30:.1f} GiB"


def _engines(settings: Settings) -> Iterator[Finding]:
    device = device_of(settings.device)
    on_card = f", in torch on {device.torch}" if device.kind == "cuda" and torch_installed() else ""
    try:
        ffmpeg = ffmpeg_path(settings.ffmpeg or None)
        for codec in ("h264", "hevc", "av1"):
            told = "  ".join(f"{name} {value}" for name, value in versions(ffmpeg, codec).items())
            yield Finding(f"encode {codec}", "ok", told, str(ffmpeg))
    except EngineError as error:
        yield Finding("encode", "missing", str(error), remedy=error.remedy)
    # ncnn knows no CUDA: it reaches the same card through Vulkan.
    vulkan = "auto" if settings.device.startswith("cuda") else settings.device
    runs_on = ""
    try:
        name, (_, runs_on) = "realesrgan", ncnn.choose(vulkan)
        ncnn.load(f"{realesrgan.PACKAGE}.realesrgan_ncnn_vulkan_wrapper", realesrgan.DISTRIBUTION)
        told = f"{len(realesrgan.models())} networks in ncnn on {runs_on}{on_card and on_card + ' (frames)'}"
        yield Finding(name, "ok", told, realesrgan.DISTRIBUTION)
    except EngineError as error:
        yield Finding("realesrgan", "missing", str(error), remedy=error.remedy)
    try:
        weights = rife.require(settings.weights)
        yield Finding("rife", "ok", f"{weights.name}{on_card or f', in ncnn on {runs_on}'}", str(weights.folder))
    except EngineError as error:
        yield Finding("rife", "note", "no weights: interpolation uses optical flow", remedy=error.remedy)
    adapters = sorted(path.stem for path in (settings.weights / "adapters").glob("*.safetensors"))
    yield Finding("svd adapters", "ok", ", ".join(adapters) or "none", str(settings.weights / "adapters"))


def _disk(settings: Settings) -> Iterator[Finding]:
    usage = shutil.disk_usage(settings.home)
    state: State = "ok" if usage.free > 5e9 else "note"
    remedy = "" if state == "ok" else "a day of clips needs gigabytes: free some space or move DAILIES_HOME"
    yield Finding("disk", state, f"{size(usage.free)} free of {size(usage.total)}", str(settings.home), remedy)
