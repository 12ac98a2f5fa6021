"""Delivery presets: what each platform accepts, as dated data (`presets.yaml`) with its sources."""

from __future__ import annotations

import datetime
import difflib
import functools
import math
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal, cast

import yaml
from pydantic import BaseModel, ConfigDict, Field

from manifests.rates import Rate

MARGIN = 0.05
"""Interface-safe margin of a preset that names none: nothing lies over it, but products touch no edge."""


class Origin(BaseModel):
    """Where a preset's figures were seen."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    url: str = ""
    trust: Literal["official", "mirror", "second-hand", "ours"]
    seen: datetime.date


Share = Annotated[float, Field(ge=0, le=0.45)]


class Preset(BaseModel):
    """One platform's delivery. Sizes in pixels, bitrates in bits per second; 0 means no limit of that kind."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    about: str
    source: Origin

    width: int = 0
    """0 with `height` 0: native, the size the clip was asked in."""
    height: int = 0
    min_width: int = 0
    min_height: int = 0
    max_width: int = 0
    max_height: int = 0

    rates: tuple[Rate, ...] = ()
    """The rates allowed; none: any from `min_rate` to `max_rate`."""
    min_rate: Rate = Fraction(1)
    max_rate: Rate = Fraction(120)
    rate: Rate = Fraction(30)
    """The rate a shot gets that names none."""

    container: Literal["mp4", "mov"] = "mp4"
    codec: Literal["h264", "hevc", "av1", "prores"] = "h264"
    profile: str = "high"
    pix_fmt: str = "yuv420p"
    crf: int = -1
    """Constant quality; -1 where `bitrate` rules or the codec has none."""
    bitrate: int = 0
    """Bits per second aimed at; 0 where `crf` rules."""
    bitrate_from_48: int = 0
    """The same from 48 frames per second on; 0: no difference."""
    maxrate: int = 0
    bufsize: int = 0
    min_bitrate: int = 0
    gop_seconds: float = 2.0
    """Seconds between key frames at most; 0: every frame is one."""
    bframes: int = 2
    closed_gop: bool = True

    min_seconds: float = 0.0
    max_seconds: float = 0.0
    recommended_seconds: float = 0.0
    lengths: tuple[float, ...] = ()
    """The only lengths allowed, in seconds, rising; none: any."""
    max_bytes: int = 0

    audio: Literal["none", "optional", "wanted"] = "none"
    audio_bitrate: int = 128_000
    audio_channels: int = 2
    audio_rate: int = 48_000

    safe: tuple[Share, Share, Share, Share] = (MARGIN, MARGIN, MARGIN, MARGIN)
    """left, top, right, bottom: shares of the frame the platform's interface lies over."""
    letterbox: bool = False
    """False: bars are forbidden. Dailies never makes any; the flag tells importers of other people's files."""

    def __hash__(self) -> int:
        return hash(
            self.name
        )  # a key of the planner's caches: hashing thirty fields each time costs more than they save

    @property
    def native(self) -> bool:
        """True where the clip's own size and rate are delivered."""
        return self.width == 0

    def bitrate_at(self, rate: Fraction) -> int:
        """Bits per second aimed at for a rate; 0 where quality rules."""
        return self.bitrate_from_48 if rate >= 48 and self.bitrate_from_48 else self.bitrate

    def gop_at(self, rate: Fraction) -> int:
        """Frames between key frames: 1 for intra-only codecs."""
        return max(1, round(self.gop_seconds * rate))

    def fitted_seconds(self, seconds: float) -> float | None:
        """The nearest allowed length that is not shorter than `seconds`; None where there is none."""
        if self.lengths:
            return next((length for length in self.lengths if length >= seconds), None)
        if self.max_seconds and seconds > self.max_seconds:
            return None
        return max(seconds, self.min_seconds)

    def fitted_rate(self, rate: Fraction) -> Fraction:
        """`rate` where it is allowed, else the allowed rate nearest to it."""
        if self.rates:
            return min(self.rates, key=lambda allowed: (abs(allowed - rate), allowed))
        return min(max(rate, self.min_rate), self.max_rate)

    def bytes_at(self, seconds: float, rate: Fraction) -> int:
        """Upper estimate of a file's size where a bitrate rules; 0 where quality does."""
        video = self.maxrate or self.bitrate_at(rate)
        return math.ceil((video + (self.audio_bitrate if self.audio == "wanted" else 0)) * seconds / 8)


@functools.cache
def presets() -> Mapping[str, Preset]:
    """Every preset by name, in the order of the file."""
    text = Path(__file__).with_name("presets.yaml").read_text(encoding="utf-8")
    entries = cast("dict[str, dict[str, object]]", yaml.safe_load(text))
    return MappingProxyType({name: Preset.model_validate({"name": name, **entry}) for name, entry in entries.items()})


CUT = "_shot"
"""Ends the name of the preset that shots are delivered in to be cut into a file of the preset before it."""


def cut_preset(whole: Preset) -> Preset:
    """What the shots of a scene in `whole` are delivered in: the same frame and codec, without what is asked of a whole
    programme (length, size, sound); `whole` itself where it asks nothing of the kind."""
    free = {"min_seconds": 0.0, "max_seconds": 0.0, "recommended_seconds": 0.0, "lengths": (), "max_bytes": 0}
    free |= {"min_bitrate": 0, "audio": "none"}
    if all(getattr(whole, name) == value for name, value in free.items()):
        return whole
    return whole.model_copy(update={**free, "name": f"{whole.name}{CUT}"})


def nearest_preset(name: str) -> str:
    """The known preset whose name is most like `name`; empty where none is."""
    return next(iter(difflib.get_close_matches(name.strip().lower().replace("-", "_"), presets(), n=1)), "")


def preset(name: str) -> Preset:
    """The preset of that name.

    Raises:
        LookupError: there is none; the message names the nearest.
    """
    if name.endswith(CUT) and name.removesuffix(CUT) in presets():
        return cut_preset(presets()[name.removesuffix(CUT)])
    try:
        return presets()[name]
    except KeyError as error:
        near = nearest_preset(name)
        raise LookupError(f"'{name}' is no delivery preset" + (f"; did you mean {near}?" if near else "")) from error
