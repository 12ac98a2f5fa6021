"""One rendition of a shot: which stages make it, with which recipes, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import ceil

from manifests.presets import Preset
from models import realesrgan
from tasks.planner.delivery import delivery_plan
from tasks.planner.engine import Choice
from tasks.planner.motion import Flight, camera_recipe, flight
from tasks.planner.plan import RenditionPlan
from tasks.planner.still import Staging, completed, enlargement, is_dark, staging, upscale_recipe
from tasks.planner.subject import Subject
from tasks.planner.svd import draft, extended
from tasks.planner.timing import Timing
from tasks.recipe import AnimateRecipe, InterpolateRecipe, Sides, UpscaleRecipe
from tasks.weights.offers import Offer


@dataclass
class Share:
    """Deliveries that can share frames; `size` is width and height in pixels, `safe` the margins of the frame."""

    size: tuple[int, int]
    timing: Timing
    safe: Sides
    presets: list[Preset] = field(default_factory=list[Preset])

    @property
    def name(self) -> str:
        """`1920x1080@30`"""
        return f"{self.size[0]}x{self.size[1]}@{float(self.timing.rate):.5g}"


def plan_rendition(
    subject: Subject, share: Share, name: str, file_of: Callable[[Preset], str], engine: Choice
) -> tuple[RenditionPlan, list[str]]:
    """The plan of one rendition by the chosen engine, and what people may want to know about it."""
    notes: list[str] = []
    why: dict[str, str] = {}
    if engine.offer is not None:
        when = extended(subject, share.timing)
        notes += when.notes[len(share.timing.notes) :]
        share = replace(share, timing=when)
        drawn = _by_svd(subject, share, engine.offer)
        notes += [*engine.offer.warnings, *drawn.notes]
    else:
        drawn = _by_camera(subject, share, engine.why)
        if subject.ask.svd.last:
            notes.append(f"svd.until: the camera engine makes it, which does not lead to '{_ending(subject)}'")
    staged, flown, animate = drawn.staged, drawn.flown, drawn.animate

    if staged.given < staged.asked - 0.005:
        room = f"the product {staged.given:.2f} of the frame, not {staged.asked:.2f}"
        notes.append(f"{share.presets[0].name}: safe margins leave {room}")
    if flown.kept < 0.995:
        move = subject.ask.motion.move
        notes.append(f"{move}: the whole amount would take the product to the edge, {flown.kept:.0%} of it is flown")
    if subject.ask.motion.parallax not in ("auto", 0.0) and not subject.cutout:
        notes.append("parallax: nothing tells the product from its backdrop, both move as one; a source.mask would")
    enlarge, why["upscale_still"] = enlargement(subject, staged.enlarged / min(1.0, flown.nearest))
    prepare = completed(staged, flown.overscan, flown.nearest, layers=flown.move.parallax > 0)
    shown = f"product takes {staged.given:.2f} of {drawn.size[0]}x{drawn.size[1]}"
    why["prepare"] = f"{prepare.product}: {shown}, {prepare.backdrop} backdrop"
    enlarge_until = None
    if drawn.ending and subject.ending:
        last = drawn.ending
        enlarge_until, why["upscale_until"] = enlargement(subject.ending, last.enlarged)
        prepare = prepare.model_copy(update={"until": completed(last, flown.overscan, 1.0, layers=False)})
        why["prepare"] += f"; then '{_ending(subject)}': {last.recipe.product}, takes {last.given:.2f}"
    why["animate"] = drawn.why
    upscale = _upscale(subject, drawn.size, share, why)
    interpolate = _interpolate(subject, drawn.made_at, share, why)

    dark = is_dark(subject, prepare)
    if prepare.until and subject.ending:
        dark = dark or is_dark(subject.ending, prepare.until)
    deliveries = tuple(
        delivery_plan(subject, spec, share.size, share.timing, file_of(spec), moving=drawn.moving, dark=dark)
        for spec in share.presets
    )
    why["encode"] = ", ".join(spec.name for spec in share.presets) + (" in one pass" if len(deliveries) > 1 else "")
    plan = RenditionPlan(
        name=name,
        upscale_still=enlarge,
        upscale_until=enlarge_until,
        prepare=prepare,
        animate=animate,
        upscale=upscale,
        interpolate=interpolate,
        deliveries=deliveries,
        why=why,
        vram_bytes=drawn.vram_bytes,
        vram_least_bytes=drawn.vram_least_bytes,
        tflop=drawn.tflop,
    )
    return plan, notes


@dataclass(frozen=True)
class _Drawn:
    """What one engine makes of a rendition: `size` and `made_at` are those of its own frames.

    `ending`: how the picture it ends on is staged, where it ends on another.
    """

    size: tuple[int, int]
    made_at: Timing
    staged: Staging
    flown: Flight
    animate: AnimateRecipe
    moving: bool
    why: str
    notes: tuple[str, ...] = ()
    vram_bytes: int = 0
    vram_least_bytes: int = 0
    tflop: float = 0.0
    ending: Staging | None = None


def _by_camera(subject: Subject, share: Share, reason: str) -> _Drawn:
    size, made_at = _engine_frame(subject, share)
    staged = staging(subject, size, share.safe)
    flown = flight(subject, size, made_at, staged.box, share.safe)
    animate = camera_recipe(subject, flown, size, made_at)
    clip = f"{size[0]}x{size[1]}, {made_at.frames} frames at {float(made_at.rate):.5g}"
    direct = size == share.size and made_at.rate == share.timing.rate
    why = f"camera {animate.move} " + (f"straight at {clip}" if direct else f"at {clip}, as render asks")
    why += f"; {reason}" if reason else ""
    return _Drawn(size, made_at, staged, flown, animate, animate.move != "hold" or animate.sweep > 0, why)


def _by_svd(subject: Subject, share: Share, offer: Offer) -> _Drawn:
    made = draft(subject, share.size, share.safe, share.timing, offer.checkpoint)
    recipe, camera = made.recipe, made.recipe.camera
    way = f"camera {camera.move} from sigma {recipe.sigma_start:g}" if camera else "free motion"
    if made.ending:
        way = f"between two pictures, to '{_ending(subject)}'"
    size = f"{recipe.canvas_width}x{recipe.canvas_height}"
    cut = "" if made.canvas.middle == made.canvas.size else f", its middle {recipe.width}x{recipe.height} kept"
    clip = f"{recipe.frames} frames at {float(made.made_at.rate):.5g}"
    why = f"{recipe.model} {way}, {recipe.schedule} {recipe.steps}, {recipe.dtype}, {size}{cut}, {clip} (experimental)"
    notes = made.notes
    if not made.fits:
        room = f"{made.vram_bytes / 2**30:.1f} GiB are estimated, {subject.means.device.name} has"
        notes += (f"svd: {room} {subject.means.device.vram_bytes / 2**30:.1f}: it may run out of memory",)
    moving = camera is None or camera.move != "hold" or camera.sweep > 0
    return _Drawn(
        made.canvas.middle,
        made.made_at,
        made.staged,
        made.flown,
        recipe,
        moving,
        why,
        notes,
        made.vram_bytes,
        min(made.vram_least_bytes, subject.means.device.vram_bytes),  # what is planned for a card may be tried on it
        made.tflop,
        made.ending,
    )


def _ending(subject: Subject) -> str:
    """What people call the picture it ends on."""
    return subject.ask.svd.last.path.name if subject.ask.svd.last else ""


def even(value: float) -> int:
    """The nearest even number of pixels, at least 2: 4:2:0 has half as many chroma samples."""
    return max(2, 2 * round(value / 2))


def _engine_frame(subject: Subject, share: Share) -> tuple[tuple[int, int], Timing]:
    """The frame and timing the engine itself works at: the delivery's own, unless `render` asks for less."""
    ask, size, when = subject.ask, share.size, share.timing
    if ask.render.height != "auto" and ask.render.height < size[1]:
        size = (even(size[0] * ask.render.height / size[1]), even(ask.render.height))
    if ask.interpolate == "off" or ask.render.rate == "auto" or ask.render.rate >= when.rate:
        return size, when
    rate: Fraction = ask.render.rate
    if ask.motion.loop:  # whole frames of the engine wrap into exactly the delivery's: its rate gives way a little
        frames = max(2, round(when.frames * rate / when.rate))
        cycle = frames if when.cycle == when.frames else max(2, round(frames * Fraction(when.cycle, when.frames)))
        return size, Timing(when.rate * frames / when.frames, when.seconds, frames, cycle, when.after, ())
    frames = ceil((when.frames - 1) * rate / when.rate) + 1
    cycle = frames if when.cycle == when.frames else max(2, round(when.cycle * rate / when.rate))
    return size, Timing(rate, when.seconds, frames, cycle, when.after, ())


def _upscale(subject: Subject, size: tuple[int, int], share: Share, why: dict[str, str]) -> UpscaleRecipe | None:
    if size == share.size:
        return None
    kind = "lineart" if subject.kind == "storyboard" else "frames"
    recipe = upscale_recipe(subject, *realesrgan.choose(share.size[1] / size[1], kind), "frames")
    frames = f"{size[0]}x{size[1]} frames to {share.size[0]}x{share.size[1]}"
    why["upscale"] = f"{frames}: {recipe.model} x{recipe.scale}"
    return recipe


def _interpolate(subject: Subject, made_at: Timing, share: Share, why: dict[str, str]) -> InterpolateRecipe | None:
    asked, rife = subject.ask.interpolate, subject.means.rife
    if made_at.rate == share.timing.rate:
        return None
    engine = "rife" if rife and asked in ("auto", "rife") else "flow"
    reason = "" if asked == engine else f" ({'weights found' if rife else 'no RIFE weights here'})"
    why["interpolate"] = f"{float(made_at.rate):.5g} to {float(share.timing.rate):.5g} fps by {engine}{reason}"
    return InterpolateRecipe(
        engine=engine,
        runtime="opencv" if engine == "flow" else "torch" if subject.means.torch_upscale else "ncnn",
        rate_in=str(made_at.rate),
        rate_out=str(share.timing.rate),
        frames_in=made_at.frames,
        frames_out=share.timing.frames,
        loop=subject.ask.motion.loop,
        width=share.size[0],
        height=share.size[1],
    )
