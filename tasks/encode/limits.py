"""How many bits a second a delivery may take: the preset's own cap, its size limit and the H.264 level it declares."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from tasks.encode.process import EncodeError
from tasks.recipe import EncodeRecipe

_AAC_FRAME = 1024
_AUDIO_RATE = 48_000

# ITU-T H.264 table A-1: level, macroblocks per second, macroblocks per frame, kbit/s (Main; High takes 1.25 times).
_LEVELS = (
    ("3.0", 40_500, 1_620, 10_000),
    ("3.1", 108_000, 3_600, 14_000),
    ("3.2", 216_000, 5_120, 20_000),
    ("4.0", 245_760, 8_192, 20_000),
    ("4.2", 522_240, 8_704, 50_000),
    ("5.0", 589_824, 22_080, 135_000),
    ("5.1", 983_040, 36_864, 240_000),
    ("5.2", 2_073_600, 36_864, 240_000),
    ("6.0", 4_177_920, 139_264, 240_000),
    ("6.2", 16_711_680, 139_264, 800_000),
)


@dataclass(frozen=True)
class BitLimits:
    """`bitrate` aimed at (0: constant quality), never above `maxrate` over `bufsize` bits; `level` as H.264 names it.

    `maxrate` 0: no cap was asked and no size limit is near, except the level's, which is `level_rate`. `constant`:
    the platform wants at least this rate, so the encoder pads to it. `max_bytes` 0: no limit.
    """

    bitrate: int
    maxrate: int
    bufsize: int
    level: str
    level_rate: int
    constant: bool


def seconds_of(recipe: EncodeRecipe) -> Fraction:
    """How long the delivery plays, exactly."""
    return recipe.frames / Fraction(recipe.rate)


def bit_limits(recipe: EncodeRecipe) -> BitLimits:
    """The limits that meet every bound of `recipe` in one pass.

    A decoder buffer of `bufsize` bits filled at `maxrate` lets at most `maxrate * seconds + bufsize` bits through, so
    a size limit becomes a rate. Raises EncodeError (TOO_LARGE) when `max_bytes` leaves no room for a picture.
    """
    bitrate, maxrate, bufsize = recipe.bitrate, recipe.maxrate, recipe.bufsize or recipe.maxrate
    if recipe.max_bytes:
        seconds = float(seconds_of(recipe))
        window = min(1.0, seconds / 4)
        derived = int(_picture_bits(recipe, seconds) / (seconds + window))
        if not maxrate or maxrate * seconds + bufsize > derived * (seconds + window):
            maxrate, bufsize = derived, int(derived * window)
    level, level_rate = _level(recipe, max(recipe.maxrate, bitrate))
    if maxrate > level_rate:  # only a generous size limit can get here; it must not raise the level players check
        bufsize = min(bufsize, level_rate)
        maxrate = level_rate
    if maxrate:
        bitrate = min(bitrate, maxrate)
    constant = recipe.bitrate > 0 and recipe.bitrate == recipe.maxrate and bitrate == recipe.bitrate
    return BitLimits(bitrate, maxrate, bufsize, level, level_rate, constant)


def _picture_bits(recipe: EncodeRecipe, seconds: float) -> float:
    """Bits left for pictures under `max_bytes`, after the index, the sound and 6% for rate control's slack."""
    index = 4_096 + 40 * recipe.frames
    sound = 0.0
    if recipe.audio == "silent":
        index += 16 * int(seconds * _AUDIO_RATE / _AAC_FRAME + 2)
        sound = recipe.audio_bitrate * seconds  # silence takes far less; the encoder never takes more
    bits = ((recipe.max_bytes - index) * 8 - sound) * 0.94
    floor = recipe.frames * 1_000
    if bits < floor:
        raise EncodeError(
            f"encode: preset '{recipe.preset}' allows {recipe.max_bytes} bytes, too few for {recipe.frames} frames "
            f"({seconds:.1f} s)",
            code="TOO_LARGE",
            remedy="make the shot shorter or choose a preset with a larger size limit",
        )
    return bits


def _level(recipe: EncodeRecipe, rate: int) -> tuple[str, int]:
    blocks = -(-recipe.width // 16) * -(-recipe.height // 16)
    per_second = blocks * Fraction(recipe.rate)
    factor = 1_250 if recipe.profile == "high" else 1_000
    for level, most_per_second, most, kilobits in _LEVELS:
        if per_second <= most_per_second and blocks <= most and rate <= kilobits * factor:
            return level, kilobits * factor
    raise EncodeError(
        f"encode: {recipe.width}x{recipe.height} at {recipe.rate} frames/s and {rate} bit/s is beyond H.264 level 6.2",
        code="BAD_RECIPE",
        remedy="choose a smaller frame or a lower rate",
    )
