"""Which stage, at which version, by which engine and weights: from a plan to the executions that carry it out.

The planner uses it to know what the catalog already has, the worker to make what is missing; both must agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import av

from catalog.made import Made
from models import camera, realesrgan, rife
from models.errors import EngineMissing
from tasks import animate, encode, inspect, interpolate, prepare, svd, upscale
from tasks.execute import Input, Stage
from tasks.planner.device import device_of
from tasks.planner.plan import Picture, RenditionPlan
from tasks.planner.work import (
    animate_work,
    encode_work,
    inspect_work,
    interpolate_work,
    prepare_work,
    upscale_frames_work,
    upscale_still_work,
)
from tasks.recipe import EncodeRecipe, InspectRecipe, InterpolateRecipe, SvdRecipe, UpscaleRecipe

Enlarged = tuple[Made | None, Made | None]
"""What `Chain.enlarge` made; None where a picture is staged as it came."""


@dataclass(frozen=True)
class Chain:
    """Builds the stages of a rendition, given what comes before each."""

    ffmpeg: Path
    weights_dir: Path
    device: str = "cpu"
    """The setting's text: what each engine makes of it is its runtime's business."""

    def device_for(self, runtime: str) -> str:
        """The device an engine of that runtime (`torch`, `ncnn`, else the CPU) works on."""
        if runtime == "torch":
            return device_of(self.device).torch
        if runtime == "ncnn":  # which knows no CUDA, but reaches the same card through Vulkan
            return "auto" if self.device.startswith("cuda") else self.device
        return "cpu"

    def names(self, plan: RenditionPlan) -> bool:
        """Whether this machine has what the stages' names are made of: libraries and weights that it may not run with.

        A parent without a card plans shots that only its workers can name.
        """
        drawn = plan.animate if isinstance(plan.animate, SvdRecipe) else None
        try:
            _ = (svd.versions(), svd.weights(drawn, self.weights_dir)) if drawn else None
            for recipe in filter(None, (plan.upscale_still, plan.upscale_until, plan.upscale)):
                _ = realesrgan.versions(recipe.runtime), realesrgan.digests(recipe.model)
            if between := plan.interpolate:
                _ = interpolate.versions(between), interpolate.weights(between, self.weights_dir)
        except EngineMissing:
            return False
        return True

    def upscale_still(self, recipe: UpscaleRecipe, picture: Picture) -> Stage:
        """The source picture enlarged once; gives `picture`."""
        work = upscale_still_work(recipe, picture.pixels)
        return self._realesrgan(recipe, [Input.file("source", picture.sha256)], work)

    def enlarge(self, plan: RenditionPlan, picture: Picture) -> tuple[Stage | None, Stage | None]:
        """The source picture enlarged once, and the one it ends on, each where the plan says so."""
        until = self.upscale_still(plan.upscale_until, picture.until) if plan.upscale_until and picture.until else None
        return self.upscale_still(plan.upscale_still, picture) if plan.upscale_still else None, until

    def prepare(self, plan: RenditionPlan, picture: Picture, enlarged: Enlarged) -> Stage:
        """The staged still; gives the roles of `tasks.prepare.save`, those of the picture it ends on after `until-`."""
        inputs = _shown(picture, enlarged[0], "source", "mask")
        if plan.prepare.until and picture.until:
            inputs += _shown(picture.until, enlarged[1], "until", "until-mask")
        return Stage(
            name="prepare",
            version=prepare.VERSION,
            recipe=plan.prepare,
            engine="dailies",
            versions=camera.versions(),
            inputs=inputs,
            work=prepare_work(plan.prepare),
        )

    def animate(self, plan: RenditionPlan, still: Made) -> Stage:
        """The moving frames; gives `master` where a later stage needs it stored, else they stream on."""
        recipe = plan.animate if isinstance(plan.animate, SvdRecipe) else None
        versions = dict(svd.versions() if recipe else animate.versions())
        if plan.master:
            versions |= encode.versions(self.ffmpeg, "ffv1")
        return Stage(
            name="animate",
            version=svd.VERSION if recipe else animate.VERSION,
            recipe=plan.animate,
            engine=plan.animate.engine,
            versions=versions,
            inputs=[Input.file(output.role, output.sha256) for output in still.outputs],
            work=plan.tflop if recipe else animate_work(plan.animate),
            weights=svd.weights(recipe, self.weights_dir) if recipe else {},
            origin=svd.origin(recipe) if recipe else ("", ""),
            device=self.device_for("torch") if recipe else "cpu",
        )

    def upscale_frames(self, recipe: UpscaleRecipe, plan: RenditionPlan, animated: Made) -> Stage:
        """Every frame enlarged; gives `mezzanine`."""
        inputs = [Input.file("master", animated.output("master").sha256)]
        return self._realesrgan(recipe, inputs, upscale_frames_work(recipe, plan.animate))

    def interpolate(self, recipe: InterpolateRecipe, frames: Made) -> Stage:
        """More frames between those of a master or mezzanine; they stream on."""
        return Stage(
            name="interpolate",
            version=interpolate.VERSION,
            recipe=recipe,
            engine=recipe.engine,
            versions=interpolate.versions(recipe),
            device=self.device_for(recipe.runtime),
            weights=interpolate.weights(recipe, self.weights_dir),
            origin=(rife.PUBLISHED, rife.LICENCE),
            inputs=[Input.file(output.role, output.sha256) for output in frames.outputs],
            work=interpolate_work(recipe),
        )

    def encode(self, recipe: EncodeRecipe, frames: Input) -> Stage:
        """One delivery; gives `file` and `poster`."""
        return Stage(
            name="encode",
            version=encode.VERSION,
            recipe=recipe,
            engine="ffmpeg",
            versions=encode.versions(self.ffmpeg, recipe.codec),
            inputs=[frames],
            work=encode_work(recipe),
        )

    def inspect(self, recipe: InspectRecipe, file: str) -> Stage:
        """The finished file (its SHA-256) read back."""
        return Stage(
            name="inspect",
            version=inspect.VERSION,
            recipe=recipe,
            engine="dailies",
            versions={"av": av.__version__},
            inputs=[Input.file("file", file)],
            work=inspect_work(recipe),
        )

    def _realesrgan(self, recipe: UpscaleRecipe, inputs: list[Input], work: float) -> Stage:
        versions: Mapping[str, str] = {**upscale.versions(), **realesrgan.versions(recipe.runtime)}
        if recipe.of == "frames":
            versions = {**versions, **encode.versions(self.ffmpeg, "ffv1")}
        return Stage(
            name="upscale",
            version=upscale.VERSION,
            recipe=recipe,
            engine="realesrgan",
            versions=versions,
            weights=realesrgan.digests(recipe.model),
            origin=(realesrgan.SOURCE, realesrgan.LICENCE),
            inputs=inputs,
            work=work,
            device=self.device_for(recipe.runtime),
        )


def _shown(picture: Picture, enlarged: Made | None, source: str, mask: str) -> list[Input]:
    """A picture and its mask under these roles."""
    inputs = [Input.file(source, enlarged.output("picture").sha256 if enlarged else picture.sha256)]
    return [*inputs, Input.file(mask, picture.mask_sha256)] if picture.mask_sha256 else inputs
