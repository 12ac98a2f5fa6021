"""`dailies doctor`: what is set and from where, and what is missing on this machine."""

from __future__ import annotations

import os
import platform
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Literal

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Column, Table

from catalog.catalog import Catalog
from catalog.errors import CatalogError
from catalog.queries import benchmark
from flows.listener import listener
from flows.settings import Settings
from flows.terminal import out, size
from models import ncnn, realesrgan, rife
from models.errors import EngineError
from tasks.benchmark import measure
from tasks.encode import ffmpeg_path, versions
from tasks.tools import Tools
from tasks.weights.shelf import shelf

State = Literal["ok", "note", "missing"]


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
    return [*_settings(settings), *_catalog(settings), *_engines(settings), *_disk(settings)]


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
    """A URL without its password."""
    return re.sub(r"(://[^:/@]+):[^@]+@", r"\1:***@", value)


def _settings(settings: Settings) -> Iterator[Finding]:
    for name in Settings.model_fields:
        set_by = f"DAILIES_{name.upper()}"
        origin = set_by if set_by in os.environ else "built-in"
        yield Finding(name, "ok", masked(str(getattr(settings, name) or "")), origin)
    yield Finding("python", "ok", platform.python_version(), f"dailies {version('dailies')}")


def _catalog(settings: Settings) -> Iterator[Finding]:
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        with Catalog.open(settings.catalog_url, settings.store) as catalog:
            yield Finding("catalog", "ok", masked(settings.catalog_url))
            yield from weights_findings(settings, catalog)
    except (CatalogError, OSError) as error:
        yield Finding("catalog", "missing", str(error), remedy="set DAILIES_HOME or DAILIES_DATABASE_URL")


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


def _engines(settings: Settings) -> Iterator[Finding]:
    try:
        ffmpeg = ffmpeg_path(settings.ffmpeg or None)
        for codec in ("h264", "hevc", "av1"):
            told = "  ".join(f"{name} {value}" for name, value in versions(ffmpeg, codec).items())
            yield Finding(f"encode {codec}", "ok", told, str(ffmpeg))
    except EngineError as error:
        yield Finding("encode", "missing", str(error), remedy=error.remedy)
    try:
        name, (_, device) = "realesrgan", ncnn.choose(settings.device)
        ncnn.load(f"{realesrgan.PACKAGE}.realesrgan_ncnn_vulkan_wrapper", realesrgan.DISTRIBUTION)
        yield Finding(name, "ok", f"{len(realesrgan.models())} networks on {device}", realesrgan.DISTRIBUTION)
    except EngineError as error:
        yield Finding("realesrgan", "missing", str(error), remedy=error.remedy)
    try:
        weights = rife.require(settings.weights)
        yield Finding("rife", "ok", f"{weights.name} in {weights.folder}")
    except EngineError as error:
        yield Finding("rife", "note", "no weights: interpolation uses optical flow", remedy=error.remedy)


def _disk(settings: Settings) -> Iterator[Finding]:
    usage = shutil.disk_usage(settings.home)
    state: State = "ok" if usage.free > 5e9 else "note"
    remedy = "" if state == "ok" else "a day of clips needs gigabytes: free some space or move DAILIES_HOME"
    yield Finding("disk", state, f"{size(usage.free)} free of {size(usage.total)}", str(settings.home), remedy)
