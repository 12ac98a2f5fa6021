"""The plan of a shot: which stages will run for each of its renditions, with which recipe, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import Field

from tasks.planner.device import CPU, Device
from tasks.recipe import (
    AnimateRecipe,
    EncodeRecipe,
    InspectRecipe,
    InterpolateRecipe,
    PrepareRecipe,
    Recipe,
    SvdRecipe,
    UpscaleRecipe,
    absent,
)
from tasks.weights.offers import Offer

PLAN_VERSION = 1
"""Raised whenever older code would misread a plan; a worker gives newer plans back untouched."""
UNTIL_VERSION = 3
"""Of plans of shots that end on another picture: newer than all others, those of scenes (2) among them."""


@dataclass(frozen=True)
class Means:
    """What this machine can do; `tasks.planner.means.means_of` looks it up, `means_of_workers` of many machines.

    `rife`: its weights are here. `max_pixels` bounds a source picture. `svd`: checkpoints by name, each with its
    licence's standing; `adapters`: LoRAs by name. `torch`: the `gpu` extra is installed; it works on `device`, at
    `tflop_seconds` per TFLOP of SVD. `camera`: what the machines can do that make the shots SVD does not, where those
    are others.
    """

    rife: bool
    max_pixels: int
    svd: Mapping[str, Offer] = field(default_factory=dict[str, Offer], hash=False)
    adapters: frozenset[str] = frozenset()
    device: Device = CPU
    torch: bool = False
    tflop_seconds: float = 12.0
    camera: Means | None = None

    @property
    def torch_upscale(self) -> bool:
        """Frames are enlarged and interpolated in torch: where there is a card for it. The CPU has ncnn."""
        return self.torch and self.device.kind == "cuda"


class Picture(Recipe):
    """The source picture of a shot, by content: `sha256` of its bytes, and of its mask's ("" without a mask).

    `until`: the picture it ends on, where it ends on another.
    """

    path: str
    sha256: str
    pixels: int
    mask: str
    mask_sha256: str
    until: Picture | None = Field(default=None, exclude_if=absent)


class DeliveryPlan(Recipe):
    """One finished file to make. `name` is its readable file name in the run's out folder.

    `ask_sha256` identifies what was asked and of which picture; a published delivery with the same one stays current
    through upgrades of code, engines and weights.
    """

    preset: str
    name: str
    ask_sha256: str
    encode: EncodeRecipe
    inspect: InspectRecipe


class RenditionPlan(Recipe):
    """A shot at one aspect, size and rate, and the stages that make it. `None` means the stage is not needed.

    `why` maps each stage (`upscale_still upscale_until prepare animate upscale interpolate encode`) to the reason it
    runs, or does not. `upscale_until` is `upscale_still` of the picture a clip ends on. `vram_bytes`: device memory
    that `animate` is estimated to need, 0 for the camera engine; `vram_least_bytes`: the same at the last rung of its
    memory ladder; `tflop`: its work.
    """

    name: str
    upscale_still: UpscaleRecipe | None
    upscale_until: UpscaleRecipe | None = Field(default=None, exclude_if=absent)
    prepare: PrepareRecipe
    animate: AnimateRecipe
    upscale: UpscaleRecipe | None
    interpolate: InterpolateRecipe | None
    deliveries: tuple[DeliveryPlan, ...]
    why: dict[str, str]
    vram_bytes: int = 0
    vram_least_bytes: int = 0
    tflop: float = 0.0

    @property
    def master(self) -> bool:
        """True when the animated frames are kept: a later stage reads them, so a resume may start there.

        What SVD made is kept always: it is the dearest of all stages.
        """
        return isinstance(self.animate, SvdRecipe) or self.upscale is not None or self.interpolate is not None

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages that run, in order."""
        steps: list[tuple[str, Any]] = [
            ("upscale_still", self.upscale_still),
            ("upscale_until", self.upscale_until),
            ("prepare", self.prepare),
            ("animate", self.animate),
            ("upscale", self.upscale),
            ("interpolate", self.interpolate),
            ("encode", self.deliveries),
        ]
        return tuple(name for name, step in steps if step)


class ShotPlan(Recipe):
    """One clip to make. `notes` say in words what the plan changed or chose that a person may want to know.

    `seconds`: estimated work that was left when it was planned.
    `refresh`: deliveries that stand are looked at again under today's code, engines and weights. `version`: of the
    code's reading of plans (`PLAN_VERSION`) it was made by.
    """

    key: str
    item: str
    variant: str
    line: int
    picture: Picture
    renditions: tuple[RenditionPlan, ...]
    notes: tuple[str, ...]
    seconds: float
    refresh: bool
    version: int = 1
