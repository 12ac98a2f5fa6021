"""From the ask of one shot to its plan: the least work that meets every delivery it asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil

from manifests.ask import Ask
from manifests.errors import Problem
from manifests.presets import Preset, preset
from manifests.requirements import check
from models import realesrgan
from tasks.planner.delivery import encode_recipe, inspect_recipe
from tasks.planner.motion import camera_recipe, flight, parallax_of
from tasks.planner.placement import anchor_point, fills, safe_margins
from tasks.planner.plan import DeliveryPlan, Means, Picture, RenditionPlan, ShotPlan
from tasks.planner.timing import Timing, timing
from tasks.prepare import PictureFacts
from tasks.prepare.placement import place
from tasks.recipe import InterpolateRecipe, PrepareRecipe, Sides, UpscaleRecipe, sha256_of

SOFT = 1.5
"""Enlarging a still by more than this looks soft; beyond it Real-ESRGAN makes the pixels."""
DENSITY = 1.5
"""Plate pixels per delivery pixel at the camera's nearest view: what a sub-pixel move can still show."""
LARGEST_PLATE = 60_000_000
"""Pixels of a plate; beyond it the density gives way first."""

_NOT_PIXELS = {"source", "title", "tags", "meta", "deliver", "variants", "shot", "panel", "dialogue", "action", "notes"}
"""Keys of an ask that change no pixel of any delivery."""


@dataclass
class _Wanted:
    """Deliveries that can share frames: one rendition."""

    size: tuple[int, int]
    timing: Timing
    safe: Sides
    presets: list[Preset] = field(default_factory=list[Preset])


def plan_shot(
    key: str,
    item: str,
    variant: str,
    line: int,
    ask: Ask,
    kind: str,
    facts: PictureFacts,
    means: Means,
    name_of: Callable[[Preset], str],
    *,
    refresh: bool = False,
) -> ShotPlan | list[Problem]:
    """The plan of one shot, or everything about it that cannot be met.

    `facts` are the picture's (`tasks.prepare.look`); `name_of` gives a delivery's readable file name.
    """
    whole, cutout = facts.product == "whole", facts.product in ("alpha", "mask")
    problems = list(_refusals(ask, facts, means, cutout=cutout))
    notes: list[str] = []
    wanted: dict[object, _Wanted] = {}
    for spec in map(preset, ask.deliver):
        size = _frame_of(spec, facts)
        when = timing(ask, spec)
        problems += check(spec, width=size[0], height=size[1], rate=when.rate, seconds=when.seconds)
        notes += when.notes
        safe = safe_margins(ask, spec, whole=whole)
        shared = wanted.setdefault(
            (size, when.rate, when.frames, when.cycle, when.after, safe), _Wanted(size, when, safe)
        )
        shared.presets.append(spec)
    if problems:
        return problems

    renditions: list[RenditionPlan] = []
    for share in wanted.values():
        plan, said = _rendition(ask, kind, facts, means, share, name_of, whole=whole, cutout=cutout)
        if any(other.name == plan.name for other in renditions):
            plan = plan.model_copy(update={"name": f"{plan.name}-{len(renditions) + 1}"})
        renditions.append(plan)
        notes += said
    picture = Picture(
        path=str(ask.source.path),
        sha256=facts.sha256,
        pixels=facts.width * facts.height,
        mask=str(ask.source.mask or ""),
        mask_sha256=facts.mask_sha256,
    )
    return ShotPlan(
        key=key,
        item=item,
        variant=variant,
        line=line,
        picture=picture,
        renditions=tuple(renditions),
        notes=tuple(dict.fromkeys([*facts.warnings, *notes])),
        seconds=0.0,
        refresh=refresh,
    )


def _refusals(ask: Ask, facts: PictureFacts, means: Means, *, cutout: bool) -> Iterable[Problem]:
    if ask.interpolate == "rife" and not means.rife:
        yield Problem(
            "ENGINE_MISSING",
            "interpolate is rife, but RIFE's weights are not on this machine",
            "put them where `dailies doctor` says, or use interpolate: auto (optical flow where RIFE is missing)",
        )
    if ask.backdrop.kind not in ("auto", "extend") and not cutout:
        yield Problem(
            "BACKDROP_NEEDS_CUTOUT",
            f"backdrop.kind is {ask.backdrop.kind}, but nothing tells the product from its own backdrop",
            "give a picture with transparency or a source.mask, or use backdrop.kind: extend",
        )
    if ask.backdrop.kind == "extend" and facts.product == "alpha":
        yield Problem(
            "BACKDROP_NEEDS_PICTURE",
            "backdrop.kind is extend, but the picture is a cut-out with no backdrop of its own",
            "use backdrop.kind: floor, gradient or color",
        )


def _frame_of(spec: Preset, facts: PictureFacts) -> tuple[int, int]:
    """The delivery's frame; a native preset takes the picture's own shape, its long side from 1280 to 3840 px."""
    if not spec.native:
        return spec.width, spec.height
    scale = min(max(1280 / max(facts.width, facts.height), 1.0), 3840 / max(facts.width, facts.height))
    return _even(facts.width * scale), _even(facts.height * scale)


def _even(value: float) -> int:
    return max(2, 2 * round(value / 2))


def _rendition(
    ask: Ask,
    kind: str,
    facts: PictureFacts,
    means: Means,
    share: _Wanted,
    name_of: Callable[[Preset], str],
    *,
    whole: bool,
    cutout: bool,
) -> tuple[RenditionPlan, list[str]]:
    why: dict[str, str] = {}
    notes: list[str] = []
    size, made_at = _engine_frame(ask, share)
    asked, given, in_free = fills(facts.box, size, ask, share.safe, whole=whole)
    if given < asked - 0.005:
        notes.append(
            f"{share.presets[0].name}: safe margins leave the product {given:.2f} of the frame, not {asked:.2f}"
        )

    prepare = _prepare_recipe(ask, facts, means, size, share.safe, in_free, cutout=cutout)
    placed = place(facts.box, prepare)
    box = placed.to_home(placed.to_plate(facts.box))
    flown = flight(ask, size, made_at, box, whole=whole, cutout=cutout)
    if flown.kept < 0.995:
        notes.append(f"{ask.motion.move}: the whole amount would cut the product, {flown.kept:.0%} of it is flown")
    enlarged = placed.scale / placed.density / min(1.0, flown.nearest)
    enlarge, why["upscale_still"] = _enlarge(ask, kind, means, facts, enlarged)

    density = DENSITY / min(1.0, flown.nearest)
    across, down = 1 + flown.overscan[0] + flown.overscan[2], 1 + flown.overscan[1] + flown.overscan[3]
    density = max(1.0, min(density, (LARGEST_PLATE / (size[0] * across * size[1] * down)) ** 0.5))
    prepare = prepare.model_copy(
        update={"overscan": flown.overscan, "density": round(density, 4), "layers": parallax_of(ask, cutout=cutout) > 0}
    )
    why["prepare"] = f"{facts.product}: product takes {given:.2f} of {size[0]}x{size[1]}, {prepare.backdrop} backdrop"

    animate = camera_recipe(ask, flown, size, made_at)
    why["animate"] = f"camera {animate.move} straight at {_clip_said(size, made_at)}"
    upscale = interpolate = None
    if size != share.size:
        model, scale = realesrgan.choose(share.size[1] / size[1], "lineart" if kind == "storyboard" else "frames")
        upscale = _upscale_recipe(ask, means, model, scale, "frames")
        why["animate"] = f"camera {animate.move} at {_clip_said(size, made_at)}, as render asks"
        why["upscale"] = f"{size[0]}x{size[1]} frames to {share.size[0]}x{share.size[1]}: {model} x{scale}"
    if made_at.rate != share.timing.rate:
        engine = "rife" if means.rife and ask.interpolate in ("auto", "rife") else "flow"
        interpolate = InterpolateRecipe(
            engine=engine,
            rate_in=str(made_at.rate),
            rate_out=str(share.timing.rate),
            frames_in=made_at.frames,
            frames_out=share.timing.frames,
            loop=ask.motion.loop,
            width=share.size[0],
            height=share.size[1],
        )
        told = "" if ask.interpolate == engine else f" ({'weights found' if means.rife else 'no RIFE weights here'})"
        why["interpolate"] = f"{float(made_at.rate):.5g} to {float(share.timing.rate):.5g} fps by {engine}{told}"

    moving = animate.move != "hold" or animate.sweep > 0
    deliveries = tuple(_delivery(ask, kind, facts, spec, share, name_of(spec), moving=moving) for spec in share.presets)
    why["encode"] = ", ".join(spec.name for spec in share.presets) + (" in one pass" if len(deliveries) > 1 else "")
    name = f"{share.size[0]}x{share.size[1]}@{float(share.timing.rate):.5g}"
    return (
        RenditionPlan(
            name=name,
            upscale_still=enlarge,
            prepare=prepare,
            animate=animate,
            upscale=upscale,
            interpolate=interpolate,
            deliveries=deliveries,
            why=why,
        ),
        notes,
    )


def _engine_frame(ask: Ask, share: _Wanted) -> tuple[tuple[int, int], Timing]:
    """The frame and timing the engine itself works at: the delivery's own, unless `render` asks for less."""
    size, when = share.size, share.timing
    if ask.render.height != "auto" and ask.render.height < size[1]:
        size = (_even(size[0] * ask.render.height / size[1]), _even(ask.render.height))
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


def _prepare_recipe(
    ask: Ask, facts: PictureFacts, means: Means, size: tuple[int, int], safe: Sides, fill: float, *, cutout: bool
) -> PrepareRecipe:
    """Everything but what the camera decides (overscan, density, layers), which depends on where the product lands."""
    backdrop = ask.backdrop.kind
    if backdrop == "auto":
        backdrop = "floor" if facts.product == "alpha" else "extend"
    shadow = ask.backdrop.shadow
    if shadow == "auto":
        shadow = "none" if backdrop == "extend" else "keep" if facts.shadow else "contact"
    return PrepareRecipe(
        frame_width=size[0],
        frame_height=size[1],
        overscan=(0.0, 0.0, 0.0, 0.0),
        fill=round(fill, 6),
        anchor=anchor_point(ask),
        safe=safe,
        product=facts.product,
        backdrop=backdrop,
        colors=ask.backdrop.colors,
        horizon=ask.backdrop.horizon if backdrop == "floor" else 0.0,
        shadow=shadow,
        layers=False,
        density=DENSITY,
        page=ask.source.page or 0,
        max_pixels=means.max_pixels,
    )


def _enlarge(ask: Ask, kind: str, means: Means, facts: PictureFacts, need: float) -> tuple[UpscaleRecipe | None, str]:
    """Whether the still itself is upscaled, once, and why; `need`: delivery pixels per source pixel, camera nearest."""
    said = f"the still is enlarged {need:.2f} times"
    if ask.upscale.still is False:
        return None, f"{said}, upscale.still is off"
    if need <= (1.0 if ask.upscale.still is True else SOFT):
        return None, "the still has pixels enough" if need <= 1 else f"{said}, no more than {SOFT:g}"
    model, scale = realesrgan.choose(need, "lineart" if kind == "storyboard" else "photo")
    recipe = _upscale_recipe(ask, means, model, scale, "still")
    return recipe.model_copy(update={"page": ask.source.page or 0}), f"{said}: {recipe.model} x{recipe.scale} first"


def _upscale_recipe(ask: Ask, means: Means, model: str, scale: int, of: str) -> UpscaleRecipe:
    if ask.upscale.model != "auto":
        model = ask.upscale.model
        if model == "realesr-animevideov3":
            model = f"{model}-x{scale}"
        else:
            scale = 4
    return UpscaleRecipe.model_validate(
        {
            "engine": "realesrgan",
            "model": model,
            "scale": scale,
            "tile": realesrgan.models()[model].tile,
            "of": of,
            "page": 0,
            "max_pixels": means.max_pixels,
        }
    )


def _delivery(
    ask: Ask, kind: str, facts: PictureFacts, spec: Preset, share: _Wanted, name: str, *, moving: bool
) -> DeliveryPlan:
    encode = encode_recipe(ask, spec, share.size, share.timing)
    asked = ask.model_dump(mode="json", exclude_defaults=True, exclude=_NOT_PIXELS)
    identity = {
        "kind": kind,
        "picture": facts.sha256,
        "mask": facts.mask_sha256,
        "page": ask.source.page,
        "preset": spec.name,
        "ask": asked,
    }
    return DeliveryPlan(
        preset=spec.name,
        name=name,
        ask_sha256=sha256_of(identity),
        encode=encode,
        inspect=inspect_recipe(encode, spec, moving=moving),
    )


def _clip_said(size: tuple[int, int], when: Timing) -> str:
    return f"{size[0]}x{size[1]}, {when.frames} frames at {float(when.rate):.5g}"
