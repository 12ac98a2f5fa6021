"""How the still of a rendition is made: staged on which backdrop, and whether it is too small and enlarged first."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from models import realesrgan
from tasks.planner.canvas import Canvas
from tasks.planner.placement import anchor_point, fills
from tasks.planner.subject import Subject
from tasks.prepare.placement import place
from tasks.recipe import PrepareRecipe, Sides, UpscaleRecipe

SOFT = 2.0
"""Enlarging a still by more than this looks soft; beyond it Real-ESRGAN makes the pixels."""
DENSITY = 1.5
"""Plate pixels per delivery pixel at the camera's nearest view: what a sub-pixel move can still show."""
LARGEST_PLATE = 60_000_000
"""Pixels of a plate; beyond it the density gives way first."""
DARK = 24.0
"""Level of luma below which a backdrop makes frames that look black to an inspection."""


@dataclass(frozen=True)
class Staging:
    """A still before the camera is known.

    `box`: the product in home-frame shares. `enlarged`: delivery pixels per source pixel in the home frame. `asked`
    and `given`: the share of the frame the product was to take and takes.
    """

    recipe: PrepareRecipe
    box: Sides
    enlarged: float
    asked: float
    given: float


def staging(subject: Subject, size: tuple[int, int], safe: Sides, canvas: Canvas | None = None) -> Staging:
    """Place the product in a frame of `size` (width, height px) with `safe` margins.

    With a `canvas` the frame is its middle, and the picture is staged on all of it.
    """
    ask, facts = subject.ask, subject.facts
    asked, given, in_free = fills(facts.box, size, ask, safe, whole=subject.whole)
    if canvas is not None:
        size, safe = canvas.size, canvas.safe(safe)
    backdrop = ask.backdrop.kind
    if backdrop == "auto":
        backdrop = "floor" if facts.product == "alpha" else "extend"
    shadow = ask.backdrop.shadow
    if shadow == "auto":
        shadow = "none" if backdrop == "extend" else "keep" if facts.shadow else "contact"
    recipe = PrepareRecipe(
        frame_width=size[0],
        frame_height=size[1],
        overscan=(0.0, 0.0, 0.0, 0.0),
        fill=round(in_free, 6),
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
        max_pixels=subject.means.max_pixels,
    )
    placed = place(facts.box, recipe)
    box = placed.to_home(placed.to_plate(facts.box))
    return Staging(recipe, box, placed.scale / placed.density, asked, given)


def completed(staged: Staging, overscan: Sides, nearest: float, *, layers: bool) -> PrepareRecipe:
    """The recipe with what the camera decides: how far it looks beyond home, and how near it comes."""
    width = staged.recipe.frame_width * (1 + overscan[0] + overscan[2])
    height = staged.recipe.frame_height * (1 + overscan[1] + overscan[3])
    density = max(1.0, min(DENSITY / min(1.0, nearest), (LARGEST_PLATE / (width * height)) ** 0.5))
    decided = {"overscan": overscan, "density": round(density, 4), "layers": layers}
    return PrepareRecipe.model_validate({**dict(staged.recipe), **decided})


def enlargement(subject: Subject, need: float) -> tuple[UpscaleRecipe | None, str]:
    """Whether the still itself is upscaled, once, and why; `need`: delivery pixels per source pixel, camera nearest."""
    ask = subject.ask
    said = f"the still is enlarged {need:.2f} times"
    if ask.upscale.still is False:
        return None, f"{said}, upscale.still is off"
    if need <= (1.0 if ask.upscale.still is True else SOFT):
        return None, "the still has pixels enough" if need <= 1 else f"{said}, no more than {SOFT:g}"
    model, scale = realesrgan.choose(need, "lineart" if subject.kind == "storyboard" else "photo")
    recipe = upscale_recipe(subject, model, scale, "still")
    return recipe, f"{said}: {recipe.model} x{recipe.scale} first"


def upscale_recipe(subject: Subject, model: str, scale: int, of: Literal["still", "frames"]) -> UpscaleRecipe:
    """Real-ESRGAN with the network the row names, else with `model`, over a `still` or `frames`."""
    asked = subject.ask.upscale.model
    if asked == "realesr-animevideov3":
        model = f"{asked}-x{scale}"
    elif asked != "auto":
        model = asked
    page = (subject.ask.source.page or 0) if of == "still" else 0
    runtime = "torch" if subject.means.torch_upscale else "ncnn"
    return _upscale_recipe(model, of, page, subject.means.max_pixels, runtime)


@lru_cache(maxsize=256)
def _upscale_recipe(
    model: str, of: Literal["still", "frames"], page: int, max_pixels: int, runtime: Literal["ncnn", "torch"]
) -> UpscaleRecipe:
    weights = realesrgan.models()[model]
    return UpscaleRecipe(
        engine="realesrgan",
        runtime=runtime,
        model=model,
        scale=weights.scale,
        tile=weights.tile if runtime == "ncnn" else 0,  # a card takes whole pictures, and steps down where it cannot
        of=of,
        page=page,
        max_pixels=max_pixels,
    )


def is_dark(subject: Subject, recipe: PrepareRecipe) -> bool:
    """Whether the backdrop alone makes the frames look black: then that is no fault of theirs."""
    if recipe.backdrop == "extend":
        return all(_luma(color) < DARK for color in subject.facts.border)
    parsed = [tuple(int(color[at : at + 2], 16) for at in (1, 3, 5)) for color in recipe.colors]
    return bool(parsed) and all(_luma(color) < DARK for color in parsed)


def _luma(color: tuple[float, ...]) -> float:
    """BT.709 luma of an sRGB colour, 0..255."""
    return 0.2126 * color[0] + 0.7152 * color[1] + 0.0722 * color[2]
