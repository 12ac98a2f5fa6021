"""From the ask to a recipe of Stable Video Diffusion: canvas, frames, the commanded path, settings, memory and work."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import lru_cache
from math import ceil
from pathlib import Path
from typing import Literal, NamedTuple

from manifests.errors import Problem
from manifests.svd import BUCKET, FPS
from models.svd.checkpoint import Checkpoint
from models.svd.settings import LADDER
from models.svd.vram import estimate, first_rung
from models.svd.work import ATTENTION_BATCH, attention_sequences
from tasks.planner.canvas import SIZES, Canvas, canvas_of, fly
from tasks.planner.engine import LOCKED, from_prompt
from tasks.planner.motion import Flight, asked_move, camera_recipe, with_room
from tasks.planner.still import Staging, staging
from tasks.planner.subject import Subject
from tasks.planner.timing import Timing
from tasks.planner.work import svd_tflop
from tasks.recipe import AdapterRecipe, Sides, SvdRecipe

SLOWEST = Fraction(96, 25)
"""Frames per second below which a clip is made of several windows: 25 frames reach over 6.25 s.

Frames further apart leave interpolation to guess too much. Judged."""
PRODUCT_SIGMA, WHOLE_SIGMA = 3.87, 15.6
"""Noise on the camera's own frames, steps 15 and 12 of Karras 25: a product is kept, a whole picture may come alive.

CamTrol (arXiv 2406.10126) takes steps 10 to 12 for scenes. Judged, to be tuned on real weights."""
STEPS = {"karras": 25, "align-your-steps": 10, "lcm": 4}
SPLIT_PX = 12.0
"""Where light is parted from texture, on a canvas 576 px high: print and grain are finer, reflections are coarser."""


class Drift(NamedTuple):
    """Limits of `models.fidelity.limits`: path error in pixels of the canvas, product SSIM, product CIEDE2000."""

    px: float
    ssim: float
    color: float


DRIFT = {"strict": Drift(3.0, 0.85, 6.0), "blend": Drift(2.5, 0.75, 8.0), "off": Drift(3.0, 0.6, 10.0)}
"""By fidelity. Seen on photographs bent by 2 px, relit and blurred: strict 0.945 and 3.8 at worst, raw 0.67 and 6.2."""


class Course(NamedTuple):
    """What is sampled: the task, how many frames of how many per second, and so many windows of the network."""

    task: Literal["image", "inbetween", "loop", "long"]
    frames: int
    rate: Fraction
    windows: int


class SvdDraft(NamedTuple):
    """A rendition by SVD before its stages are put together; `ending`: how the picture it ends on is staged."""

    canvas: Canvas
    staged: Staging
    flown: Flight
    made_at: Timing
    recipe: SvdRecipe
    vram_bytes: int
    vram_least_bytes: int
    fits: bool
    tflop: float
    notes: tuple[str, ...]
    ending: Staging | None


def extended(subject: Subject, when: Timing) -> Timing:
    """The delivery's timing as SVD fills it: it makes one clip of the whole length, and repeats or rests nothing."""
    if when.cycle == when.frames:
        return when
    said = f"svd makes one clip of the whole length: the move takes longer instead of fit: {subject.ask.fit}"
    return replace(when, cycle=when.frames, after="rest", notes=(*when.notes, said))


def obstacles(subject: Subject, delivery: tuple[int, int], when: Timing, checkpoint: Checkpoint) -> Iterator[Problem]:
    """What of a delivery SVD cannot meet; `engine: auto` takes the camera then."""
    canvas = canvas_of(subject.ask.svd.canvas, delivery)
    if canvas.middle[0] > delivery[0] or canvas.middle[1] > delivery[1]:
        yield Problem(
            "SVD_CANVAS_LARGER",
            f"svd draws {canvas.middle[0]}x{canvas.middle[1]}, more than the delivery's {delivery[0]}x{delivery[1]}",
            "use a smaller svd.canvas, or engine: camera",
        )
    elif attention_sequences(*canvas.size, guidance=True) > ATTENTION_BATCH and subject.means.device.kind == "cuda":
        yield Problem(
            "CANVAS_TOO_LARGE",
            f"svd.canvas is {canvas.size[0]}x{canvas.size[1]}, more than attention across time can be launched for",
            "use a smaller svd.canvas (the networks were trained at 1024x576): frames are enlarged afterwards",
        )
    course = course_of(subject, when, checkpoint.frames)
    if subject.ask.interpolate == "off" and course.rate != when.rate:
        yield Problem(
            "SVD_NEEDS_INTERPOLATION",
            f"svd makes {course.frames} frames where the delivery has {when.frames}, and interpolate is off",
            "use interpolate: auto, or engine: camera",
        )


def course_of(subject: Subject, when: Timing, window: int) -> Course:
    """Frames and their rate, such that the resampled clip has exactly the delivery's frames.

    The first and the last frame fall on the delivery's first and last (rate = (n - 1) * delivery's rate / (frames -
    1)); a loop's frames share its cycle evenly. A long clip with a commanded path is several windows, joined at frames
    they share; between two pictures there is no path to take their joins from, and it stays one.
    """
    frames, ask = when.frames, subject.ask
    if subject.ending:
        count = min(window, frames)
        return Course("inbetween", count, when.rate * (count - 1) / (frames - 1), 1)
    if ask.motion.loop:
        count = min(window - 1, frames)
        return Course("loop", count, when.rate * count / frames, 1)
    slowest = SLOWEST if ask.render.rate == "auto" else max(SLOWEST, ask.render.rate)
    windows = min(ceil((frames - 1) * slowest / when.rate / (window - 1)), (frames - 1) // (window - 1))
    if windows > 1 and ask.svd.task != "free":
        count = windows * (window - 1) + 1
        return Course("long", count, when.rate * (count - 1) / (frames - 1), windows)
    count = min(window, frames)
    return Course("image", count, when.rate * (count - 1) / (frames - 1), 1)


def draft(subject: Subject, delivery: tuple[int, int], safe: Sides, when: Timing, checkpoint: Checkpoint) -> SvdDraft:
    """Stage, camera and recipe for a delivery of that size, margins and timing."""
    asked, ending = subject.ask.svd, subject.ending
    commanded = not (asked.task == "free" or ending)
    canvas = canvas_of(asked.canvas, delivery)
    course = course_of(subject, when, checkpoint.frames)
    made_at = Timing(course.rate, when.seconds, course.frames, course.frames, "rest", ())
    staged = staging(subject, canvas.middle, safe, canvas)
    flown = _flown(subject, canvas, made_at, staged.box, safe, commanded=commanded)
    schedule = _schedule(subject, checkpoint)
    whole_or_free = subject.whole or not commanded
    fidelity = ("off" if whole_or_free else "strict") if asked.fidelity == "auto" else asked.fidelity
    if ending:
        fidelity = "off"
    recipe = SvdRecipe(
        engine="svd",
        model=checkpoint.name,
        task=course.task,
        window=checkpoint.frames,
        camera=camera_recipe(subject, flown, canvas.size, made_at) if commanded else None,
        sigma_start=_sigma_start(subject) if commanded else 0.0,
        schedule=schedule,
        steps=STEPS[schedule] if asked.steps == "auto" else asked.steps,
        guidance=_guidance(subject, checkpoint, schedule),
        conditioning_fps=asked.conditioning_fps,
        motion_bucket=_bucket(subject, checkpoint),
        noise_aug=asked.noise_aug,
        seed=subject.ask.seed,
        adapters=tuple(AdapterRecipe(name=one.name, scale=one.scale) for one in asked.adapters),
        dtype=("fp16" if subject.means.device.kind == "cuda" else "fp32") if asked.dtype == "auto" else asked.dtype,
        ladder=LADDER,
        canvas_width=canvas.size[0],
        canvas_height=canvas.size[1],
        width=canvas.middle[0],
        height=canvas.middle[1],
        rate=str(course.rate),
        frames=course.frames,
        fidelity=fidelity,
        split_px=round(SPLIT_PX * min(canvas.size) / 576, 3),
        drift_px=DRIFT[fidelity].px if commanded else 0.0,
        drift_ssim=0.0 if whole_or_free else DRIFT[fidelity].ssim,
        drift_color=0.0 if whole_or_free else DRIFT[fidelity].color,
    )
    vram, least, fits = _memory(_room(subject, recipe, checkpoint))
    notes = tuple(_notes(subject, recipe, course, canvas))
    last = staging(ending, canvas.middle, safe, canvas) if ending else None
    work = svd_tflop(recipe, checkpoint)
    return SvdDraft(canvas, staged, flown, made_at, recipe, vram, least, fits, work, notes, last)


def _flown(subject: Subject, canvas: Canvas, made_at: Timing, box: Sides, safe: Sides, *, commanded: bool) -> Flight:
    """The commanded path over the whole canvas; without one the camera rests at home."""
    focus = subject.ask.motion.focus
    move = asked_move(subject, box, canvas.outwards(focus) if isinstance(focus, tuple) else focus)
    move = canvas.scaled(move)
    if not commanded:
        move = replace(move, move="hold", parallax=0.0)
    inside = None if subject.whole else with_room(canvas.inwards(box), safe)
    return fly(move, canvas, made_at.frames, made_at.rate, inside)


def _schedule(subject: Subject, checkpoint: Checkpoint) -> Literal["karras", "align-your-steps", "lcm"]:
    asked = subject.ask.svd.schedule
    if asked != "auto":
        return asked
    if _few_step(checkpoint):
        return "lcm"
    return "align-your-steps" if subject.ask.speed == "draft" else "karras"


def _few_step(checkpoint: Checkpoint) -> bool:
    """Distilled weights are told by their name: nothing in their files says so."""
    return "lcm" in checkpoint.name.lower()


def _sigma_start(subject: Subject) -> float:
    asked = subject.ask.svd.sigma_start
    if asked != "auto":
        return asked
    return WHOLE_SIGMA if subject.whole else PRODUCT_SIGMA


def _guidance(subject: Subject, checkpoint: Checkpoint, schedule: str) -> tuple[float, float]:
    """As published: svd 1 to 2.5, svd-xt 1 to 3 (diffusers), AnimateLCM 1 to 1.2."""
    asked = subject.ask.svd.guidance
    if asked == "auto":
        return (1.0, 1.2) if schedule == "lcm" else (1.0, 2.5) if checkpoint.frames <= 14 else (1.0, 3.0)
    return asked if isinstance(asked, tuple) else (asked, asked)


def _bucket(subject: Subject, checkpoint: Checkpoint) -> int:
    asked = subject.ask.svd.motion_bucket
    return LOCKED["motion_bucket"] if asked == "auto" or checkpoint.locked else asked


@dataclass(frozen=True)
class _Room:
    """A question about memory that thousands of shots ask alike."""

    folder: Path
    size: tuple[int, int]
    frames: int
    dtype: Literal["fp32", "fp16", "bf16"]
    guided: bool
    room: int
    checkpoint: Checkpoint = field(compare=False)


@lru_cache(maxsize=256)
def _memory(asked: _Room) -> tuple[int, int, bool]:
    """(bytes, least bytes, whether they fit): at the first rung that fits the card, else at the last, which needs the
    least; a CPU starts at the first."""
    rung, fits = LADDER[0], True
    if asked.room:
        found = first_rung(asked.checkpoint, *asked.size, asked.frames, asked.dtype, asked.guided, asked.room)
        rung, fits = found or LADDER[-1], found is not None
    clip = asked.checkpoint, *asked.size, asked.frames, asked.dtype
    return estimate(*clip, rung, asked.guided).bytes, estimate(*clip, LADDER[-1], asked.guided).bytes, fits


def _room(subject: Subject, recipe: SvdRecipe, checkpoint: Checkpoint) -> _Room:
    return _Room(
        folder=checkpoint.folder,
        size=(recipe.canvas_width, recipe.canvas_height),
        frames=recipe.frames if recipe.task in ("image", "inbetween") else min(recipe.window, recipe.frames + 1),
        dtype=recipe.dtype,
        guided=recipe.guidance != (1.0, 1.0) or recipe.task != "image",
        room=subject.means.device.vram_bytes,
        checkpoint=checkpoint,
    )


def _notes(subject: Subject, recipe: SvdRecipe, course: Course, canvas: Canvas) -> Iterator[str]:
    """What people may want to know of a shot by SVD."""
    asked, ask = subject.ask.svd, subject.ask
    if canvas.size != SIZES["wide"]:
        size = f"{canvas.size[0]}x{canvas.size[1]}"
        yield f"svd: a canvas of {size} is experimental: the networks were trained at 1024x576 only"
    for key, (low, high) in (("conditioning_fps", FPS), ("motion_bucket", BUCKET)):
        value = getattr(recipe, key)
        if not low <= value <= high:
            yield f"svd.{key} is {value}: the networks have seen {low} to {high}"
    if recipe.motion_bucket != asked.motion_bucket and from_prompt(subject, "svd.motion_bucket"):
        yield f"svd.motion_bucket stays {recipe.motion_bucket}, not the prompt's: {recipe.model} was tuned at it only"
    if course.windows > 1:
        yield f"svd: {course.windows} windows joined at frames they share; experimental: unseen with real weights"
    elif course.rate < SLOWEST:
        why = ": from picture to picture it is one window" if subject.ending else ""
        yield f"svd: {course.frames} frames over the whole clip, {float(course.rate):.2g} a second{why}"
    if recipe.camera is None:
        lost = [f"motion.move {ask.motion.move}"] if "move" in ask.motion.model_fields_set else []
        lost += ["light.sweep"] if ask.light.sweep else []
        lost += ["svd.sigma_start"] if asked.sigma_start != "auto" else []
        lost += ["svd.task camera"] if asked.task == "camera" else []
        lost += [f"svd.fidelity {asked.fidelity}"] if subject.ending and asked.fidelity in ("strict", "blend") else []
        if lost:
            cause = "svd.until leads from picture to picture" if subject.ending else "svd.task is free"
            yield f"{cause}: {', '.join(lost)} command nothing"
    if subject.ending and subject.ending.facts.sha256 == subject.facts.sha256:
        yield "svd.until: it ends on the picture it begins with; what moves between is the network's choice"
    if ask.render.height != "auto":
        yield f"render.height is the camera engine's; svd draws {canvas.size[0]}x{canvas.size[1]}"
