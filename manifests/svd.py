"""What a row may ask of Stable Video Diffusion. All of it is experimental: it has run on random weights only.

Nobody has yet seen what the published weights make of these settings here, so the defaults are the published ones
where there are any (`svd-xt`: 25 frames, 25 steps, fps 6, bucket 127, noise 0.02) and careful ones elsewhere. What the
networks were never trained for, or what comes from a paper that had other pictures, says so below.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from manifests.part import Part
from manifests.source import Ending, ImageSource


def _plain_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        remedy = "a name of letters, digits, dots, dashes and underscores, such as svd-xt"
        raise PydanticCustomError(
            "BAD_NAME", "{found} is no name in the weights folder", {"found": repr(name), "remedy": remedy}
        )
    return name


FileName = Annotated[str, AfterValidator(_plain_name)]
"""A folder or file of the weights folder: no path leads out of it."""
Side = Annotated[int, Field(ge=64, le=2048, multiple_of=64)]
Weight = Annotated[float, Field(ge=1, le=20)]

FPS = (5, 30)
"""Conditioning fps the networks have seen."""
BUCKET = (0, 255)
"""Motion buckets the networks have seen."""


class Adapter(Part):
    """A LoRA laid over the network. Experimental: no published one has been tried."""

    name: FileName = Field(description="Its file in the weights folder's `adapters`, without .safetensors.")
    scale: float = Field(default=1.0, ge=-4, le=4, description="How much of it; 1 is as trained.")


def _named(value: object) -> object:
    """A bare name, as a spreadsheet's cell gives it, is an adapter as trained."""
    return {"name": value} if isinstance(value, str) else value


class Svd(Part):
    """How Stable Video Diffusion makes the clip. Experimental: it has run on random weights only."""

    model: FileName = Field(
        default="auto",
        description="svd (14 frames), svd-xt (25), svd-xt-1.1, or a folder in the weights folder; "
        "auto: the best there is whose licence is accepted.",
    )
    task: Literal["auto", "camera", "free"] = Field(
        default="auto",
        description="camera: the clip follows the commanded motion; free: the network moves what it likes; "
        "auto: camera.",
    )
    until: Ending = Field(
        default="none",
        exclude_if=lambda until: until == "none",  # so that what says nothing of it reads as it did before
        description="The picture the clip ends on, drawn by the network from both its ends: a file like a source, or "
        "next: that of the following row (of its scene, where it is in one); none: it ends where its motion does. "
        "Experimental.",
    )
    canvas: Literal["auto", "wide", "tall", "square"] | tuple[Side, Side] = Field(
        default="auto",
        description="What the network draws: wide 1024x576, tall 576x1024, square 768x768, or [width, height] in "
        "multiples of 64; the delivery is cut from its middle. auto: wide, and tall for upright deliveries. "
        "Experimental but for wide: the networks were trained at 1024x576 only.",
    )
    schedule: Literal["auto", "karras", "align-your-steps", "lcm"] = Field(
        default="auto",
        description="Noise levels of the steps: karras as trained; align-your-steps, 10 of them, for drafts; lcm for "
        "few-step weights (experimental: the AnimateLCM weights have not been tried).",
    )
    steps: Literal["auto"] | Annotated[int, Field(ge=1, le=100)] = Field(
        default="auto", description="Steps of the whole schedule; auto: karras 25, align-your-steps 10, lcm 4."
    )
    sigma_start: Literal["auto"] | Annotated[float, Field(ge=0.002, le=700)] = Field(
        default="auto",
        description="Noise laid on the camera's own frames before the network goes over them: little keeps them, 700 "
        "forgets them; auto: 3.87 for a product, 15.6 for a whole picture. Experimental: judged, not yet tuned.",
    )
    guidance: Literal["auto"] | Weight | tuple[Weight, Weight] = Field(
        default="auto",
        description="How firmly the clip is held to its picture: [first frame, last frame], or one number for both; "
        "auto: 1 to 3, svd 1 to 2.5, lcm 1 to 1.2.",
    )
    conditioning_fps: int = Field(
        default=6, ge=1, le=60, description="What the network is told of the rate, 5 to 30; not what plays."
    )
    motion_bucket: Literal["auto"] | Annotated[int, Field(ge=0, le=511)] = Field(
        default="auto", description="How much motion the network is told there is, 0 to 255; auto: 127."
    )
    noise_aug: float = Field(
        default=0.02, ge=0, le=1, description="Noise on the picture the network is shown; more frees the motion."
    )
    dtype: Literal["auto", "fp16", "bf16", "fp32"] = Field(
        default="auto", description="Precision of the networks; auto: fp16 on CUDA, fp32 on a CPU."
    )
    fidelity: Literal["auto", "strict", "blend", "off"] = Field(
        default="auto",
        description="Whether the product's own texture is laid back over the clip: all of it, half of it, or none; "
        "auto: strict where the product is known and the motion is commanded.",
    )
    adapters: tuple[Annotated[Adapter, BeforeValidator(_named)], ...] = Field(
        default=(),
        max_length=8,
        description="LoRAs, {name, scale}; a spreadsheet's cell names them. Experimental: none has been tried.",
    )

    @property
    def last(self) -> ImageSource | None:
        """The picture the clip ends on; None where there is none, or the next row's has not been looked up."""
        return None if isinstance(self.until, str) else self.until
