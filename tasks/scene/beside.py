"""What lies beside an assembled scene for people: subtitles, and the storyboard as a PDF."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

from catalog.catalog import Catalog
from catalog.deliveries import Delivered
from catalog.queries import ShotRow
from tasks.planner.scene import EventPlan, ScenePlan
from tasks.scene.clips import clips_of
from tasks.scene.cues import cues_of, srt, vtt
from tasks.scene.timecode import counting
from tasks.whole import write_whole

log = logging.getLogger("dailies.out")


def write_beside(catalog: Catalog, shot: ShotRow, delivered: Delivered, file: Path) -> list[Path]:
    """Write the `.srt`, `.vtt` and `.pdf` of a scene's `file`, each whole or not at all; which of them there are now.

    `shot`: the scene's own. Without the fonts there is no PDF, and the log says so.
    """
    from models.errors import EngineError

    scene = ScenePlan.model_validate(shot.plan)
    written: list[Path] = []
    if scene.subtitles and (cues := cues_of(scene)):
        rate = Fraction(scene.rate)
        write_whole(file.with_suffix(".srt"), srt(cues, rate).encode())
        write_whole(file.with_suffix(".vtt"), vtt(cues, rate).encode())
        written += [file.with_suffix(".srt"), file.with_suffix(".vtt")]
    try:
        _write_pdf(scene, clips_of(catalog, scene, shot.run_id), delivered, file.with_suffix(".pdf"))
    except EngineError as error:
        log.warning("%s: no PDF was written: %s", file.name, error)
        return written
    return [*written, file.with_suffix(".pdf")]


def _write_pdf(scene: ScenePlan, clips: Mapping[str, Delivered], delivered: Delivered, path: Path) -> None:
    from tasks.storyboard_pdf import PanelCell, write_storyboard_pdf

    rate = Fraction(scene.rate)
    labels = counting(rate, scene.start)
    begins = labels.frame(scene.start)

    def cell(event: EventPlan) -> PanelCell:
        clip = clips.get(event.ask_sha256)
        poster = clip.poster_path if clip else None
        return PanelCell(
            picture=poster or Path(),
            name=event.name,
            shot=event.text.get("shot", ""),
            panel=event.text.get("panel", ""),
            time=labels.label(begins + event.start),
            seconds=float(event.frames / rate),
            dialogue=event.text.get("dialogue", ""),
            action=event.text.get("action", ""),
            notes=event.text.get("notes", ""),
            missing="" if poster else event.missing or "it was not made",
        )

    write_storyboard_pdf(
        path,
        title=scene.title,
        subtitle_lines=[f"{path.stem} · {len(scene.events)} shots · {float(scene.timeline.frames / rate):.1f} s"],
        panels=[cell(event) for event in scene.events],
        per_page=scene.sheet,
        created=delivered.created_at,
    )
