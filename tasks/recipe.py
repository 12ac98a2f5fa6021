"""What will run. No optional meaning, no defaults: every recipe is complete, frozen, hashed and catalogued.

`recipe_sha256` names a result: the same recipe on the same inputs with the same weights and engine versions gives the
same bytes on one class of host, so the catalog makes it once (ARCHITECTURE: "Same recipe, same result, made once").
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Point = tuple[float, float]
Sides = tuple[float, float, float, float]
"""left, top, right, bottom"""


class Recipe(BaseModel):
    """A stage's complete instructions."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def model_post_init(self, _: Any, /) -> None:
        """Nothing of a recipe has a default, so all of it is always set: a set per class says so, not one per recipe.

        A plan of 10,000 shots is 100 MB smaller for it.
        """
        object.__setattr__(self, "__pydantic_fields_set__", _fields_of(type(self)))


@cache
def _fields_of(kind: type[Recipe]) -> set[str]:
    return set(kind.model_fields)


def absent(part: object) -> bool:
    """Leaves a part out of a recipe's text, and so out of its hash: a part that came later changes no other's name."""
    return part is None


class PrepareRecipe(Recipe):
    """Stage the product of one picture in a frame: shares are of the delivery frame, pixels are the delivery's.

    The *home* frame is the delivery frame at zoom 1. `overscan` is how far (left, top, right, bottom; shares of the
    home frame's width or height, >= 0) the camera will look beyond it. The plate covers home plus overscan.
    """

    frame_width: int
    frame_height: int
    overscan: Sides
    fill: float
    """Share of the free frame (inside `safe`) that the product's box takes on its tighter axis, in the home frame."""
    anchor: Point
    """Where the product's box centre goes, as shares of the free frame (inside `safe`); clamped so that it fits."""
    safe: Sides
    """Margins of the home frame the product stays out of."""
    product: Literal["alpha", "mask", "plain", "whole"]
    """How the product is told from its surroundings; `whole`: the whole picture is the subject."""
    backdrop: Literal["extend", "color", "gradient", "floor"]
    colors: tuple[str, ...]
    """`#rrggbb`, from the top of the frame to its bottom; empty: taken from the picture."""
    horizon: float
    """Height of the floor's edge as a share of the home frame (0 top, 1 bottom); used by `floor`."""
    shadow: Literal["keep", "contact", "none"]
    """`keep`: the soft shadow inside the picture's alpha stays with the floor; `contact`: one is drawn."""
    layers: bool
    """True: a product layer is written beside the plate, and the plate is filled behind it."""
    density: float
    """Plate pixels per delivery pixel at most (>= 1): more lets a camera come nearer without softening."""
    page: int
    """Page of a multi-page picture."""
    max_pixels: int
    until: PrepareRecipe | None = Field(default=None, exclude_if=absent)
    """How the picture a clip ends on is staged, in the same frame; its files' roles begin with `until-`."""


class CameraRecipe(Recipe):
    """A camera move over a prepared still; positions and amounts are shares of the home frame."""

    engine: Literal["camera"]
    move: Literal["push", "pull", "pan", "tilt", "orbit", "arc", "drift", "hold"]
    amount: float
    direction: Literal["left", "right", "up", "down"]
    easing: Literal["smooth", "linear", "in", "out"]
    focus: Point
    loop: bool
    parallax: float
    seed: int
    base: Literal["nearest", "widest"]
    """Which view is the home frame: `nearest` (the camera sees beyond it) or `widest` (it never does)."""
    sweep: float
    """Strength of the light sweep, 0 (none) to 1."""
    sweep_angle: float
    sweep_width: float
    width: int
    height: int
    rate: str
    cycle: int
    """Frames of the move itself."""
    after: Literal["repeat", "rest"]
    """What frames beyond `cycle` show: the move again, or its last view."""
    frames: int


class AdapterRecipe(Recipe):
    """A LoRA laid over a network's weights."""

    name: str
    """Its file in the weights folder's `adapters`, without `.safetensors`."""
    scale: float


class SvdRecipe(Recipe):
    """Frames by Stable Video Diffusion (models/svd/settings.py says what each figure means).

    The network draws a canvas; its middle, `width` x `height`, is the master. With `camera` the frames follow that
    path over the still: it is laid over the whole canvas, at the recipe's `rate` and `frames`. `inbetween` has no
    path: it leads from the still to the `until-` one, and neither product can be laid back over frames in which they
    turn into each other, so that its `fidelity` is off and nothing is held to drift limits.
    """

    engine: Literal["svd"]
    model: str
    task: Literal["image", "inbetween", "loop", "long"]
    window: int
    camera: CameraRecipe | None
    sigma_start: float
    schedule: Literal["karras", "align-your-steps", "lcm"]
    steps: int
    guidance: tuple[float, float]
    conditioning_fps: int
    motion_bucket: int
    noise_aug: float
    seed: int
    adapters: tuple[AdapterRecipe, ...]
    dtype: Literal["fp32", "fp16", "bf16"]
    """What is tried; a clip that is not finite is made once more in fp32, and `ran` says so."""
    ladder: tuple[Literal["decode_25", "decode_8", "decode_4", "decode_2", "decode_1", "offload"], ...]
    """The memory ladder that is allowed; the rung that ran is recorded, never hashed."""
    canvas_width: int
    canvas_height: int
    width: int
    height: int
    rate: str
    frames: int
    fidelity: Literal["strict", "blend", "off"]
    split_px: float
    drift_px: float
    """Path error beyond which the clip is refused and the camera engine makes the shot; 0: never."""
    drift_ssim: float
    """Masked SSIM against the product along its path below which it is refused; 0: never."""
    drift_color: float
    """Masked CIEDE2000 against the product along its path above which it is refused; 0: never."""


AnimateRecipe = Annotated[CameraRecipe | SvdRecipe, Field(discriminator="engine")]


class UpscaleRecipe(Recipe):
    """Real-ESRGAN over one still or over every frame."""

    engine: Literal["realesrgan"]
    runtime: Literal["ncnn", "torch"]
    """What runs the network: the ncnn binding (any CPU, Vulkan), or torch (CUDA)."""
    model: str
    scale: int
    tile: int
    of: Literal["still", "frames"]
    page: int
    max_pixels: int


class InterpolateRecipe(Recipe):
    """From one rate to another; `frames_out` = floor((frames_in - 1) * rate_out / rate_in) + 1, loops wrap."""

    engine: Literal["rife", "flow"]
    runtime: Literal["ncnn", "torch", "opencv"]
    """What runs it; optical flow is OpenCV's."""
    rate_in: str
    rate_out: str
    frames_in: int
    frames_out: int
    loop: bool
    width: int
    height: int


class EncodeRecipe(Recipe):
    """One delivery file of one preset."""

    preset: str
    container: Literal["mp4", "mov"]
    codec: Literal["h264", "hevc", "av1", "prores", "ffv1"]
    profile: str
    pix_fmt: str
    width: int
    height: int
    rate: str
    frames: int
    speed: str
    """The encoder's own preset name (`veryfast`, `medium`, `8` ...)."""
    crf: int
    """Constant quality; -1 where `bitrate` rules."""
    bitrate: int
    """Bits per second aimed at; 0 where `crf` rules."""
    maxrate: int
    """Bits per second never exceeded over `bufsize` bits (capped VBV); 0: no cap."""
    bufsize: int
    gop: int
    bframes: int
    closed_gop: bool
    audio: Literal["none", "silent"]
    audio_bitrate: int
    max_bytes: int
    threads: int
    poster_at: int
    """Frame index of the poster JPEG."""


class InspectRecipe(Recipe):
    """What the finished file must be; thresholds come from the preset and from tasks/inspect."""

    preset: str
    container: str
    codec: str
    pix_fmt: str
    width: int
    height: int
    rate: str
    frames: int
    audio: bool
    min_seconds: float
    max_seconds: float
    max_bytes: int
    min_bitrate: int
    moving: bool
    """The shot is meant to move: frozen frames are a fault."""
    rest_seconds: float
    """How long it is meant to rest at its end all the same."""
    black: bool
    """The still itself is nearly black or flat: black and flat frames are no fault."""


def canonical(value: Any) -> str:
    """JSON with sorted keys, no spaces, no NaN: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def sha256_of(value: Any) -> str:
    """SHA-256 of the canonical JSON of `value`, as 64 hex digits."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def recipe_sha256(
    stage: str,
    version: int,
    recipe: Recipe,
    *,
    weights: Mapping[str, str],
    versions: Mapping[str, str],
    inputs: Sequence[tuple[str, str]],
) -> str:
    """Name of a stage's result.

    `weights` maps file names to their SHA-256; `versions` maps the engines and libraries that change pixels to their
    versions; `inputs` are (role, identity): an artifact's SHA-256, or the producing execution's recipe_sha256. Host
    and device are left out on purpose.
    """
    return sha256_of(
        {
            "stage": stage,
            "version": version,
            "recipe": recipe.model_dump(mode="json"),
            "weights": dict(weights),
            "versions": dict(versions),
            "inputs": sorted(inputs),
        }
    )
