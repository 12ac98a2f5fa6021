"""`dailies doctor --try svd`: what SVD makes of pictures on this machine, in figures and on a sheet."""

from __future__ import annotations

import json
import platform
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Column, Table

from catalog.queries import shots_of
from flows.listener import Listener
from flows.request import Request
from flows.settings import Settings
from flows.terminal import counted, out
from flows.workshop import workshop
from tasks.planner.planner import RunPlan
from tasks.trial import FIGURES, Tried, draw_again, manifest_of, pictures_of, require_some, tried
from tasks.trial_sheet import write_sheet

if TYPE_CHECKING:  # it brings Prefect
    from flows.run import Outcome

OUT = Path("out/svd-trial")
_HEADINGS = ("path px", "SSIM", "colour", "drawn SSIM", "drawn colour", "1st dB", "flicker", "motion px")
"""Of FIGURES, in a table people read."""


@dataclass(frozen=True)
class Report:
    """What came of a trial's clips, and where it is written down."""

    run_id: str
    folder: Path
    clips: Sequence[Tried]

    @property
    def sheet(self) -> Path:
        """The picture of all clips."""
        return self.folder / "trial.jpg"

    @property
    def file(self) -> Path:
        """All of this as JSON."""
        return self.folder / "report.json"

    @property
    def complete(self) -> bool:
        """Whether every clip was made, by SVD or for its drift by the camera."""
        return all(clip.verdict in ("made", "drifted") for clip in self.clips)

    def facts(self) -> dict[str, Any]:
        """The same as JSON."""
        return {
            "run": self.run_id,
            "host": platform.node(),
            "folder": str(self.folder),
            "sheet": str(self.sheet),
            "verdicts": dict(Counter(clip.verdict for clip in self.clips)),
            "clips": [clip.facts() for clip in self.clips],
        }


@dataclass(frozen=True)
class Trial:
    """What is asked: up to seven `pictures` of a folder, or the examples'; a checkpoint by `model`, or `auto`.

    `overrides` are the manifest's `--set`. `raw`: also draw what the network itself made of every clip, not only of
    those that drifted.
    """

    pictures: Path | None
    model: str
    out: Path
    overrides: tuple[str, ...]
    raw: bool

    @property
    def manifest(self) -> Path:
        """An ordinary manifest: `dailies run` makes the same clips."""
        return self.out / "trial.yaml"

    def plan(self, settings: Settings) -> RunPlan:
        """Plan the trial and write its manifest; nothing is written where no clip can be made.

        Raises ManifestError and InputError: no weights, no accepted licence, no gpu extra, no pictures.
        """
        text = manifest_of(pictures_of(self.pictures), self.model)
        with tempfile.TemporaryDirectory() as folder, workshop(settings) as tools:
            draft = Path(folder) / self.manifest.name
            draft.write_text(text, encoding="utf-8")
            request = Request(draft, self.overrides)
            planned = request.plan(tools, request.load())
        require_some(planned)
        self.out.mkdir(parents=True, exist_ok=True)
        self.manifest.write_text(text, encoding="utf-8")
        return planned

    def report(self, settings: Settings, planned: RunPlan, outcome: Outcome, told: Listener) -> Report:
        """Read back what came of the clips, draw again what drifted, and write report and sheet."""
        run = outcome.status.run
        with workshop(settings) as tools:
            clips = tried(tools, planned, shots_of(tools.catalog, run.id), outcome.rows, outcome.out.files)
            if run.state != "cancelled":
                clips = draw_again(
                    tools,
                    planned,
                    clips,
                    self.out / "drawn",
                    every=self.raw,
                    progress=lambda done, total: told.step("drawing again what the network drew", done, total),
                )
        report = Report(run.id, self.out, clips)
        write_sheet(clips, report.sheet)
        report.file.write_text(json.dumps(report.facts(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        return report


def print_trial(report: Report) -> None:
    """A line for every clip; then why some are not SVD's, and where all of it lies."""
    numbers = [Column(name, justify="right") for name in (*_HEADINGS, "seconds", "GiB")]
    table = Table(Column("picture", overflow="fold"), "", "move", "", *numbers, "rung", "dtype", box=SIMPLE_HEAD)
    colors = {"made": "green", "drifted": "yellow", "failed": "red"}
    for clip in report.clips:
        figures = clip.figures or {}
        table.add_row(
            escape(clip.picture),
            clip.aspect,
            clip.move,
            f"[{colors.get(clip.verdict, 'dim')}]{clip.verdict}[/]",
            *(f"{figures[name]:.3g}" if name in figures else "–" for name in FIGURES),
            "–" if clip.seconds is None else f"{clip.seconds:.1f}",
            f"{clip.peak_vram_bytes / 2**30:.1f}" if clip.peak_vram_bytes else "–",
            clip.rung or "–",
            (clip.dtype or "–") + ("*" if clip.retried else ""),
        )
    out.print(table)
    out.print("seconds of the first clip include what is done once: loading and warming up")
    if any(clip.retried for clip in report.clips):
        out.print("* in fp32 after the first numbers were not finite")
    for clip in report.clips:
        if clip.why:
            out.print(f"{escape(clip.picture)} {clip.aspect}: {clip.verdict}: {escape(clip.why)}", soft_wrap=True)
    verdicts = Counter(clip.verdict for clip in report.clips)
    told = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items())
    drifted = "; those that drifted were made by the camera engine" if verdicts["drifted"] else ""
    out.print(f"[bold]{report.run_id}[/bold]: {counted(len(report.clips), 'clip')}: {told}{drifted}", soft_wrap=True)
    for name, place in (("figures", report.file), ("sheet", report.sheet), ("clips", report.folder)):
        out.print(f"{name:>13}  {escape(str(place))}", soft_wrap=True)
