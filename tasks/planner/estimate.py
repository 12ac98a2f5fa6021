"""What a plan costs: hours and bytes from this machine's history, else its benchmark, else shipped figures."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from tasks.planner.plan import DeliveryPlan, Means, Picture, RenditionPlan
from tasks.planner.work import (
    animate_work,
    encode_work,
    inspect_work,
    interpolate_work,
    master_pixels,
    prepare_work,
    upscale_frames_work,
    upscale_still_work,
)
from tasks.recipe import EncodeRecipe

Basis = Literal["history", "benchmark", "shipped"]
Speed = tuple[str, str]
"""(stage, engine)"""
Seconds = dict[Speed, float]

SHIPPED: Mapping[Speed, float] = {
    ("upscale", "realesrgan"): 390.0,
    ("prepare", "dailies"): 0.35,
    ("animate", "camera"): 0.006,
    ("animate", "svd"): 12.0,
    ("interpolate", "rife"): 0.97,
    ("interpolate", "flow"): 0.055,
    ("encode", "ffmpeg"): 0.018,
    ("inspect", "dailies"): 0.004,
}
"""Seconds per unit of work on two cores, measured on the machine this was written on."""
SVD: Speed = ("animate", "svd")
UPSCALE: Speed = ("upscale", "realesrgan")
SVD_ON_CUDA = 0.02
"""Seconds per TFLOP on a card nobody has measured: 50 TFLOP/s, between what an RTX 3090 and a 4090 can be kept at."""
UPSCALE_ON_CUDA = 36 * SVD_ON_CUDA
"""Per megapixel: realesrgan-x4plus is 21.2 TFLOP for 1024x576."""

_BITS_PER_PIXEL = {"h264": 0.06, "hevc": 0.04, "av1": 0.03, "prores": 3.6, "ffv1": 9.0}
"""Of camera moves over product photos at constant quality."""


@dataclass(frozen=True)
class Speeds:
    """Seconds per unit of work by (stage, engine), and where each figure is from."""

    seconds: Mapping[Speed, float]
    basis: Mapping[Speed, Basis]

    @classmethod
    def known(cls, history: Mapping[Speed, float], benchmark: Mapping[Speed, float]) -> Speeds:
        """The best figure there is for every stage."""
        seconds = {**SHIPPED, **benchmark, **history}
        basis: dict[Speed, Basis] = {
            key: "history" if key in history else "benchmark" if key in benchmark else "shipped" for key in seconds
        }
        return cls(seconds, basis)

    def on(self, means: Means) -> Speeds:
        """On the device that is here, where it is not known from history: a card is a thousand times a CPU."""
        here: Seconds = {}
        if self.basis[SVD] == "shipped":
            here[SVD] = means.tflop_seconds
        if means.torch_upscale and self.basis[UPSCALE] != "history":
            here[UPSCALE] = UPSCALE_ON_CUDA
        shipped: dict[Speed, Basis] = dict.fromkeys(here, "shipped")
        return Speeds({**self.seconds, **here}, {**self.basis, **shipped})

    def of(self, stage: str, engine: str, work: float) -> float:
        """Seconds that `work` takes."""
        return self.seconds[stage, engine] * work


def seconds_of(plan: RenditionPlan, picture: Picture, speeds: Speeds, wanted: Collection[DeliveryPlan]) -> Seconds:
    """Seconds by (stage, engine) to make the deliveries of one rendition of `picture` that are `wanted`."""
    spent: Seconds = {}

    def add(stage: str, engine: str, work: float) -> None:
        spent[stage, engine] = spent.get((stage, engine), 0.0) + speeds.of(stage, engine, work)

    if not wanted:
        return spent
    if plan.upscale_still:
        add("upscale", plan.upscale_still.engine, upscale_still_work(plan.upscale_still, picture.pixels))
    if plan.upscale_until and picture.until:
        add("upscale", plan.upscale_until.engine, upscale_still_work(plan.upscale_until, picture.until.pixels))
    add("prepare", "dailies", prepare_work(plan.prepare))
    add("animate", plan.animate.engine, animate_work(plan.animate, plan.tflop))
    if plan.upscale:
        add("upscale", plan.upscale.engine, upscale_frames_work(plan.upscale, plan.animate))
    if plan.interpolate:
        add("interpolate", plan.interpolate.engine, interpolate_work(plan.interpolate))
    for delivery in wanted:
        add("encode", "ffmpeg", encode_work(delivery.encode))
        add("inspect", "dailies", inspect_work(delivery.inspect))
    return spent


def bytes_of(recipe: EncodeRecipe) -> int:
    """About how large one delivery gets."""
    seconds = float(recipe.frames / Fraction(recipe.rate))
    bits = _BITS_PER_PIXEL[recipe.codec] * recipe.width * recipe.height * recipe.frames
    # A bitrate is an aim, not a floor, for pictures as calm as these; a cap is a cap.
    ceiling = (recipe.maxrate or recipe.bitrate) * seconds
    return int((min(bits, ceiling) if ceiling else bits) / 8)


def stored_bytes(plan: RenditionPlan) -> int:
    """About how much the store grows by a rendition's still, master and mezzanine, beside its deliveries."""
    still = prepare_work(plan.prepare) * 1e6 * (2.2 if plan.prepare.layers else 1.4)
    master = master_pixels(plan.animate) * 1e6 * 0.4 if plan.master else 0.0
    mezzanine = master * plan.upscale.scale**2 if plan.upscale else 0.0
    return int(still + master + mezzanine)
