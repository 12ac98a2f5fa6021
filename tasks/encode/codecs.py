"""Encoder options: one function per codec from a recipe to ffmpeg's own option names."""

from __future__ import annotations

from tasks.encode.limits import BitLimits, bit_limits, seconds_of
from tasks.encode.process import EncodeError
from tasks.recipe import EncodeRecipe

Options = dict[str, str | int]

_PIXELS = {
    "h264": ("yuv420p",),
    "hevc": ("yuv420p", "yuv420p10le"),
    # SVT-AV1 leaves flat patches up to 3 levels off in 8 bits, within 2 in 10.
    "av1": ("yuv420p", "yuv420p10le"),
    "prores": ("yuv422p10le",),
}


def encoder_options(recipe: EncodeRecipe) -> Options:
    """Options of the picture's encoder. Raises EncodeError (BAD_RECIPE, TOO_LARGE) for what cannot be made."""
    if recipe.codec not in _PIXELS:
        raise EncodeError(
            f"encode: {recipe.codec} is the codec of masters, not of deliveries",
            code="BAD_RECIPE",
            remedy="choose h264, hevc, av1 or prores; masters are written by tasks/master.py",
        )
    if recipe.pix_fmt not in _PIXELS[recipe.codec]:
        raise EncodeError(
            f"encode: {recipe.codec} in '{recipe.pix_fmt}' is not made here, it can be {_PIXELS[recipe.codec]}",
            code="BAD_RECIPE",
            remedy="correct pix_fmt in the preset",
        )
    if recipe.codec == "prores":
        return _prores(recipe)
    limits = bit_limits(recipe)
    own = {"h264": _h264, "hevc": _hevc, "av1": _av1}[recipe.codec](recipe, limits)
    return {"preset": recipe.speed, "g": recipe.gop, **_rate(recipe, limits), **own}


def _rate(recipe: EncodeRecipe, limits: BitLimits) -> Options:
    options: Options = {"b:v": limits.bitrate} if recipe.bitrate else {"crf": recipe.crf}
    if limits.maxrate:
        options |= {"maxrate": limits.maxrate, "bufsize": limits.bufsize}
    return options


def _h264(recipe: EncodeRecipe, limits: BitLimits) -> Options:
    options: Options = {
        "c:v": "libx264",
        "profile:v": recipe.profile,
        "level:v": limits.level,
        "bf": recipe.bframes,
        "threads:v": recipe.threads,  # x264 changes pixels with its thread count
        # Two steps finer in colour than x264 would: a shop compares the product's colour with its own page.
        "x264-params": f"open-gop={int(not recipe.closed_gop)}:chroma-qp-offset=-2"
        + (":nal-hrd=cbr" if limits.constant else ""),
    }
    if not limits.maxrate:  # without a cap a noisy picture would leave the level the file declares
        options |= {"maxrate": limits.level_rate, "bufsize": limits.level_rate}
    return options


def _hevc(recipe: EncodeRecipe, limits: BitLimits) -> Options:
    # info=0: x265's own note names the processor it ran on, and bytes must not depend on that. const-vbv: without it
    # the cap is met differently from run to run. One frame at a time where threads are few, as x265 itself does.
    params = [
        f"pools={recipe.threads}",
        f"frame-threads={max(1, min(4, recipe.threads // 2))}",
        f"open-gop={int(not recipe.closed_gop)}",
        "cbqpoffs=-6",  # at -0, crf 18, flat patches come back 3 levels off; at -6 within 2
        "crqpoffs=-6",
        "info=0",
        "log-level=error",
    ]
    if limits.maxrate:
        params.append("const-vbv=1")
    if limits.constant:
        params += ["hrd=1", "strict-cbr=1"]
    return {
        "c:v": "libx265",
        "tag:v": "hvc1",  # Apple's players refuse hev1
        "profile:v": recipe.profile,
        "bf": recipe.bframes,
        "x265-params": ":".join(params),
    }


def _av1(recipe: EncodeRecipe, _limits: BitLimits) -> Options:
    return {"c:v": "libsvtav1", "svtav1-params": f"lp={recipe.threads}"}


def _prores(recipe: EncodeRecipe) -> Options:
    options: Options = {
        "c:v": "prores_ks",
        "profile:v": recipe.profile,
        "vendor": "apl0",
        "threads:v": recipe.threads,
    }
    if recipe.max_bytes:
        blocks = -(-recipe.width // 16) * -(-recipe.height // 16) * recipe.frames
        room = (recipe.max_bytes - 4_096 - 40 * recipe.frames) * 8 * 0.94
        if recipe.audio == "silent":
            room -= recipe.audio_bitrate * float(seconds_of(recipe))
        if room / blocks < 128:  # below what even ProRes Proxy takes
            raise EncodeError(
                f"encode: preset '{recipe.preset}' allows {recipe.max_bytes} bytes, too few for ProRes",
                code="TOO_LARGE",
                remedy="make the shot shorter or deliver H.264",
            )
        # ffmpeg's own rates for 422 HQ run from 950 to 1566 bits per macroblock; a limit must not raise the rate.
        if room / blocks < 1_566:
            options["bits_per_mb"] = max(1, min(950, int(room / blocks)))
    return options
