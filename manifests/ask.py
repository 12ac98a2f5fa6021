"""What a row asks for. Every key may come from any layer; `auto` stays `auto` until the planner decides it."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from manifests.colors import Color
from manifests.part import Part
from manifests.preset_names import PresetName
from manifests.rates import RateOrAuto
from manifests.scene import Sound, Transition
from manifests.source import Source
from manifests.svd import Svd

Share = Annotated[float, Field(ge=0, le=1)]
Point = tuple[Share, Share]
"""Right and down, from 0 to 1 of the frame."""
Sides = tuple[
    Annotated[float, Field(ge=0, le=0.45)],
    Annotated[float, Field(ge=0, le=0.45)],
    Annotated[float, Field(ge=0, le=0.45)],
    Annotated[float, Field(ge=0, le=0.45)],
]
"""left, top, right, bottom, as shares of the frame."""
Anchor = Literal[
    "center", "top", "bottom", "left", "right", "top-left", "top-right", "bottom-left", "bottom-right"
]  # fmt: skip
Scalar = str | bool | int | float | None
Move = Literal["push", "pull", "pan", "tilt", "orbit", "arc", "drift", "hold"]
LONGEST_LINE = 2000
SHORTEST = Fraction(1, 10)
"""Seconds."""
Line = Annotated[str, Field(max_length=LONGEST_LINE)]


class Motion(Part):
    """How the camera moves."""

    move: Move = Field(
        default="push", description="push and pull change distance, pan and tilt slide, orbit and arc turn."
    )
    amount: float = Field(
        default=0.12, ge=0, le=0.6, description="How far, as a share of the frame: 0.05 quiet, 0.3 strong."
    )
    direction: Literal["left", "right", "up", "down"] = Field(
        default="right", description="Which way, where the move has one."
    )
    easing: Literal["smooth", "linear", "in", "out"] = Field(default="smooth", description="How speed starts and ends.")
    focus: Literal["product"] | Point = Field(
        default="product", description="What the camera moves about: [right, down]."
    )
    loop: bool = Field(default=False, description="True: the last frame leads back into the first.")
    parallax: Literal["auto"] | Share = Field(
        default="auto", description="How much product and backdrop part in depth."
    )


class Light(Part):
    """A band of light that sweeps over the product."""

    sweep: Share = Field(default=0.0, description="Strength; 0 is no sweep.")
    angle: float = Field(
        default=20.0, ge=-180, le=180, description="Direction of the sweep in degrees; 0 is left to right."
    )
    width: float = Field(default=0.25, ge=0.02, le=1, description="Width of the band as a share of the product.")


class Place(Part):
    """Where the product stands in the frame, at the camera's nearest moment."""

    fill: float = Field(
        default=0.8,
        ge=0.1,
        le=1,
        description="Share of the frame the product takes on its tighter axis, as far as the safe margins let it.",
    )
    anchor: Anchor | Point = Field(
        default="center", description="Where the product's centre goes: a name or [right, down]."
    )
    safe: Literal["auto"] | Annotated[float, Field(ge=0, le=0.3)] | Sides = Field(
        default="auto",
        description="Margins kept free: a share, [left, top, right, bottom], or auto: what the preset's app covers.",
    )


class Backdrop(Part):
    """What lies behind the product where the picture ends."""

    kind: Literal["auto", "extend", "color", "gradient", "floor"] = Field(
        default="auto", description="auto: extend a studio photo, set a cut-out on a floor."
    )
    colors: tuple[Color, ...] = Field(
        default=(),
        max_length=8,
        description='Top to bottom, "#rrggbb" or a basic CSS name; none: taken from the picture.',
    )
    horizon: Share = Field(default=0.72, description="Height of the floor's edge: 0 top, 1 bottom.")
    shadow: Literal["auto", "keep", "contact", "none"] = Field(
        default="auto", description="keep the picture's own, draw a contact shadow, or none."
    )


class Upscale(Part):
    """When Real-ESRGAN enlarges the still, and with which network."""

    still: Literal["auto"] | bool = Field(default="auto", description="auto: only where the still is too small.")
    model: Literal["auto", "realesrgan-x4plus", "realesrgan-x4plus-anime", "realesr-animevideov3"] = Field(
        default="auto", description="Network; auto: photos and drawings get the one made for them."
    )


class Render(Part):
    """What the engine itself makes, before upscaling and interpolation."""

    height: Literal["auto"] | Annotated[int, Field(ge=120, le=4320)] = Field(
        default="auto", description="Pixels; auto: the delivery's own for the camera engine."
    )
    rate: RateOrAuto = Field(
        default="auto", description="Frames per second; auto: the delivery's own for the camera engine."
    )


class Ask(Part):
    """Everything a shot asks for, complete: built-in defaults stand where no layer said anything."""

    source: Source = Field(description="The picture: a path, or {kind: image, path, mask, page}.")
    title: Line = Field(default="", description="What people call it.")
    tags: tuple[Line, ...] = Field(default=(), max_length=100, description="Words to find it by.")
    meta: dict[str, Scalar] = Field(
        default={}, description="Anything else, echoed in every result: one value per name."
    )

    deliver: tuple[PresetName, ...] = Field(
        default=("web_1080p",), min_length=1, max_length=50, description="Delivery presets."
    )
    engine: Literal["auto", "camera", "svd"] = Field(
        default="auto",
        description="What makes the frames: the camera engine, or Stable Video Diffusion (experimental: it has run on "
        "random weights only); auto: svd for products where its weights are, are accepted, and are quick enough.",
    )
    prompt: Line = Field(
        default="",
        description="Words for camera, motion and light, such as `slow push in`; they fill keys by vocabulary.yaml, "
        "below this layer's own keys. What was not understood is said. No network reads them.",
    )
    seconds: Annotated[float, Field(ge=float(SHORTEST), le=600)] | None = Field(
        default=None, description="Length; 6 for products, 2 for storyboard panels. Not with `frames`."
    )
    frames: Annotated[int, Field(ge=2, le=72000)] | None = Field(
        default=None, description="Length in frames of the delivery. Not with `seconds`."
    )
    rate: RateOrAuto = Field(default="auto", description="Frames per second of the delivery; auto: the preset's.")
    seed: int = Field(default=0, ge=0, le=2**63 - 1, description="Start of every random number of the shot.")

    motion: Motion = Field(default=Motion.model_construct(), description="How the camera moves.")
    svd: Svd = Field(default=Svd.model_construct(), description="How Stable Video Diffusion makes the clip.")
    light: Light = Field(default=Light.model_construct(), description="A band of light that sweeps over the product.")
    place: Place = Field(default=Place.model_construct(), description="Where the product stands in the frame.")
    backdrop: Backdrop = Field(default=Backdrop.model_construct(), description="What lies behind the product.")
    product: Literal["auto", "alpha", "mask", "plain", "whole"] = Field(
        default="auto",
        description="How the product is told from its surroundings; whole: the whole picture is the subject, as a "
        "storyboard panel is unless its row says otherwise.",
    )
    upscale: Upscale = Field(default=Upscale.model_construct(), description="Real-ESRGAN.")
    interpolate: Literal["auto", "rife", "flow", "off"] = Field(
        default="auto", description="How in-between frames are made, where any are needed."
    )
    render: Render = Field(default=Render.model_construct(), description="What the engine itself makes.")
    fit: Literal["auto", "loop", "extend", "hold"] = Field(
        default="auto",
        description="How a clip shorter than a preset's minimum is filled: repeat, move longer, or rest.",
    )
    audio: Literal["auto", "none", "silent"] = Field(
        default="auto", description="silent: a stereo track with no sound."
    )
    speed: Literal["draft", "normal", "best"] = Field(default="normal", description="The encoder's effort.")
    variants: dict[str, tuple[object, ...]] = Field(
        default={},
        description="Several shots of one item: each key of an ask with the values it takes, all combinations.",
    )

    scene: Line = Field(
        default="",
        description="The scene of `scenes:` this is cut into; of a storyboard with one scene, that one.",
    )
    transition: Transition | None = Field(default=None, description="How it begins in its scene, else as that says.")
    sound: Sound = Field(default=Sound.model_construct(), description="Heard in its scene from its first frame on.")

    shot: Line = Field(default="", description="Storyboard: the shot's name.")
    panel: Line = Field(default="", description="Storyboard: the panel's name.")
    dialogue: Line = Field(default="", description="Storyboard: what is said.")
    action: Line = Field(default="", description="Storyboard: what happens.")
    notes: Line = Field(default="", description="Free text, echoed in every result.")

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if self.seconds is not None and self.frames is not None:
            raise PydanticCustomError(
                "EXCLUSIVE_KEYS", "seconds and frames both set a length", {"remedy": "keep one of the two"}
            )
        if self.seconds is None and self.frames is None:
            object.__setattr__(self, "seconds", 6.0)  # frozen: this is the one place that completes it
        return self


BUILT_IN: dict[str, dict[str, object]] = {
    "product": {},
    "storyboard": {"seconds": 2, "motion": {"move": "hold"}, "product": "whole"},
}
"""The lowest layer: what a manifest's kind says before anyone else."""
