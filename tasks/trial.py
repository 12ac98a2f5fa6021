"""SVD on trial: pictures in three shapes under every kind of move, made the ordinary way, and what came of each clip.

The clips are an ordinary run's, from a manifest that is written for it. What is told of them is read back from the
catalog. Clips that were refused, of which the catalog keeps figures only, are drawn once more for people to look at.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import yaml

import manifests
from catalog.queries import DeliveryRow, ShotRow, attempt
from manifests.errors import InputError, Problem
from models.errors import EngineError
from tasks.animate import clip_of
from tasks.execute import standing
from tasks.master import Target
from tasks.planner.planner import Planned, RunPlan
from tasks.prepare.picture import SUFFIXES
from tasks.recipe import SvdRecipe
from tasks.svd import Bench, svd
from tasks.tools import Tools
from tasks.way import chain_of, files_of

MOST = 7
"""Pictures of one trial."""
ASPECTS: Mapping[str, str] = {"16:9": "web_1080p", "1:1": "meta_feed_square", "9:16": "instagram_reel"}
"""The shapes, each with the preset it is delivered as."""
MOVES = ("push", "orbit", "arc", "pan", "drift", "tilt", "pull")
"""Picture by picture another one."""
SECONDS = 4.0
"""A window of 25 frames reaches over it, and every preset takes it."""
FIGURES = (
    "path_error_px",
    "product_ssim",
    "product_ciede2000",
    "generated_ssim",
    "generated_ciede2000",
    "first_frame_psnr_db",
    "temporal_flickering_levels",
    "dynamic_degree_px",
)
"""What a trial is read by, of all that is measured."""

Verdict = Literal["made", "drifted", "failed", "not made"]


@dataclass(frozen=True)
class Tried:
    """What came of one clip.

    `verdict`: `made` by SVD; `drifted`: refused, and the camera engine made the delivery; `failed`, with `why`;
    `not made`: its run was stopped before. `figures`, `seconds`, `rung`, `dtype` and `peak_vram_bytes` are SVD's own;
    `file` is what was delivered, `drawn` what the network drew itself, where that was drawn once more.
    """

    picture: str
    aspect: str
    move: str
    verdict: Verdict
    why: str = ""
    model: str = ""
    device: str = ""
    figures: Mapping[str, float] | None = None
    seconds: float | None = None
    rung: str = ""
    dtype: str = ""
    retried: bool = False
    peak_vram_bytes: int = 0
    execution: str = ""
    file: Path | None = None
    drawn: Path | None = None

    def facts(self) -> dict[str, Any]:
        """The same as JSON."""
        return asdict(self) | {name: str(path) if (path := getattr(self, name)) else None for name in ("file", "drawn")}


def pictures_of(folder: Path | None) -> list[Path]:
    """Up to seven pictures of `folder`, evenly chosen by name; without one, those the examples bring.

    Raises InputError where there are none.
    """
    folder = folder or Path(manifests.__file__).parent / "examples" / "pictures"
    found = sorted(path for path in folder.glob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if not found:
        endings = " ".join(SUFFIXES)
        raise InputError(Problem("PICTURE_MISSING", f"there is no picture in {folder}", f"put some there: {endings}"))
    chosen = min(MOST, len(found))
    return [found[round(place * (len(found) - 1) / max(1, chosen - 1))] for place in range(chosen)]


def manifest_of(pictures: Sequence[Path], model: str) -> str:
    """The manifest of a trial, as text. A row for every clip: one that fails leaves the others alone."""
    rows = [
        {
            "id": f"{number}-{picture.stem[:60].strip()}-{aspect.replace(':', 'x')}",
            "source": picture.name,
            "motion": {"move": move},
            "deliver": [preset],
            "meta": {"picture": picture.name, "aspect": aspect},
        }
        for number, (picture, move) in enumerate(zip(pictures, MOVES, strict=False), start=1)
        for aspect, preset in ASPECTS.items()
    ]
    head = {
        "version": 1,
        "name": "SVD on trial",
        "roots": [str(pictures[0].parent.absolute())],
        "out": {"folder": "."},
        "defaults": {"engine": "svd", "seconds": SECONDS, "svd": {"model": model}},
    }
    return yaml.safe_dump(head | {"rows": rows}, sort_keys=False, allow_unicode=True)


def require_some(plan: RunPlan) -> None:
    """Raise InputError with the first problem where none of the clips can be made: it is the same for all of them."""
    if plan.problems and not any(planned.plan for planned in plan.shots):
        raise InputError(replace(plan.problems[0], file="", line=None, item=""))


def tried(
    tools: Tools, plan: RunPlan, shots: Sequence[ShotRow], rows: Sequence[DeliveryRow], files: Mapping[str, Path]
) -> list[Tried]:
    """What came of every clip of `plan`, in its order, read from the catalog.

    `shots` and `rows`: of the run that made them; `files`: where its deliveries lie, by their ids.
    """
    ended = {shot.key: shot for shot in shots}
    lying = {row.shot_id: files.get(row.delivery.id) for row in rows}
    return [_tried(tools, one, shot, lying.get(shot.id)) for one in plan.shots if (shot := ended.get(one.shot.key))]


def _tried(tools: Tools, planned: Planned, shot: ShotRow, file: Path | None) -> Tried:
    meta, move = planned.shot.ask.meta, planned.shot.ask.motion.move
    clip = Tried(str(meta["picture"]), str(meta["aspect"]), move, "not made", file=file)
    recipe = _recipe(planned)
    if recipe is None or (stage := _stage(tools, planned)) is None:
        why = shot.error_message or ""
        return replace(clip, verdict="failed" if shot.error_code else "not made", why=why)
    clip = replace(clip, model=recipe.model)
    found = attempt(tools.catalog, stage[0])
    if found is None:
        return replace(clip, verdict="failed" if shot.error_code else "not made", why=shot.error_message or "")
    drifted = found.error_code == "FIDELITY_DRIFT"
    made = found.state == "done" and not shot.error_code
    ran = found.ran
    return replace(
        clip,
        verdict="made" if made else "drifted" if drifted else "failed",
        why="" if made else shot.error_message or found.error_message or "",
        device=str(ran.get("device", "")),
        figures=json.loads(found.evidence) if drifted and found.evidence else found.figures,
        seconds=found.seconds,
        rung=str(ran.get("rung", "")),
        dtype=str(ran.get("dtype", "")),
        retried=bool(ran.get("retried")),
        peak_vram_bytes=int(ran.get("peak_vram_bytes") or 0),
        execution=found.id,
    )


def draw_again(
    tools: Tools,
    plan: RunPlan,
    clips: Sequence[Tried],
    folder: Path,
    *,
    every: bool,
    progress: Callable[[int, int], None],
) -> list[Tried]:
    """`clips`, with what the network itself drew of those that drifted, or of `every` one, written into `folder`.

    The same seed gives the same frames; nothing of the product is put back, and nothing is refused or catalogued.
    """
    by_name = {(str(one.shot.ask.meta["picture"]), str(one.shot.ask.meta["aspect"])): one for one in plan.shots}
    verdicts = ("made", "drifted") if every else ("drifted",)
    wanted = [clip for clip in clips if clip.verdict in verdicts]
    drawn = dict[tuple[str, str], Tried]()
    for done, clip in enumerate(wanted):
        progress(done, len(wanted))
        drawn[clip.picture, clip.aspect] = _drawn(tools, by_name[clip.picture, clip.aspect], clip, folder)
    progress(len(wanted), len(wanted))
    return [drawn.get((clip.picture, clip.aspect), clip) for clip in clips]


def _drawn(tools: Tools, planned: Planned, clip: Tried, folder: Path) -> Tried:
    recipe, stage = _recipe(planned), _stage(tools, planned)
    assert recipe is not None and stage is not None  # it was drawn before
    bare = recipe.model_copy(update={"fidelity": "off", "drift_px": 0.0, "drift_ssim": 0.0, "drift_color": 0.0})
    folder.mkdir(parents=True, exist_ok=True)
    device = chain_of(tools).device_for("torch")
    bench = Bench(
        tools.engines, device, tools.weights_dir, tools.ffmpeg, tools.workers, tools.compiled, tools.cancelled
    )
    target = Target(folder / f"{planned.shot.key}.mkv", clip_of(bare))
    try:
        ran = svd(bench, bare, stage[1], target, None, None, progress=lambda done, total: None).ran
    except EngineError as error:  # the trial's other clips and figures stand
        return replace(clip, why="; ".join(filter(None, (clip.why, f"not drawn again: {error}"))))
    if clip.verdict == "made":
        return replace(clip, drawn=target.path)
    return replace(  # of what was refused, the catalog keeps figures, but not how it ran
        clip,
        drawn=target.path,
        device=str(ran["device"]),
        rung=str(ran["rung"]),
        dtype=str(ran["dtype"]),
        retried=bool(ran["retried"]),
        peak_vram_bytes=int(ran["peak_vram_bytes"]),
    )


def _recipe(planned: Planned) -> SvdRecipe | None:
    recipe = planned.plan.renditions[0].animate if planned.plan else None
    return recipe if isinstance(recipe, SvdRecipe) else None


def _stage(tools: Tools, planned: Planned) -> tuple[str, Mapping[str, Path]] | None:
    """The name of the clip's result (by SVD, as it was planned), and its prepared still; None if that is not there."""
    plan = planned.plan
    assert plan is not None
    rendition, chain = plan.renditions[0], chain_of(tools)
    stages = chain.enlarge(rendition, plan.picture)
    first, last = (standing(tools, stage.sha256) if stage else None for stage in stages)
    if (first is None, last is None) != (stages[0] is None, stages[1] is None):
        return None
    still = standing(tools, chain.prepare(rendition, plan.picture, (first, last)).sha256)
    return (chain.animate(rendition, still).sha256, files_of(still)) if still else None
