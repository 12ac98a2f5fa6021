"""The ffmpeg argument list for some deliveries of one stream of frames: built as a graph, run elsewhere.

Nothing a person typed is in it: sizes, rates and option values come from recipes, and files have generated names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import ffmpeg

from models.clip import Clip
from tasks.encode.codecs import encoder_options
from tasks.encode.limits import seconds_of
from tasks.recipe import EncodeRecipe

_AUDIO_RATE = 48_000

# Every conversion says its matrix, range and chroma position: left to itself, ffmpeg turns untagged RGB into BT.601.
_SCALE = {
    "out_color_matrix": "bt709",
    "out_range": "tv",
    "out_chroma_loc": "left",
    "flags": "bicubic+accurate_rnd+full_chroma_int+full_chroma_inp+bitexact",
}
_FROM_RGB = {"in_range": "pc", **_SCALE}
_FROM_PLANES = {"in_range": "tv", "in_color_matrix": "bt709", "in_chroma_loc": "left", **_SCALE}
_TAGS = {"color_primaries": "bt709", "color_trc": "bt709", "colorspace": "bt709", "range": "tv"}


@dataclass(frozen=True)
class Output:
    """One delivery to make: what, and where. The poster goes beside it, named the same with `.jpg`."""

    recipe: EncodeRecipe
    path: Path

    @property
    def poster(self) -> Path:
        """Where the poster JPEG goes."""
        return self.path.with_suffix(".jpg")


def encode_argv(ffmpeg_binary: Path, clip: Clip, outputs: Sequence[Output], *, planes: bool) -> list[str]:
    """Arguments of one ffmpeg that reads `clip` from standard input once and writes all `outputs`.

    `planes`: the frames come as BT.709 limited-range yuv420p instead of rgb24.
    """
    source = ffmpeg.input(
        "pipe:0",
        f="rawvideo",
        pix_fmt="yuv420p" if planes else "rgb24",
        s=f"{clip.width}x{clip.height}",
        framerate=str(clip.rate),
        protocol_whitelist="file,pipe",
    )
    groups: dict[tuple[int, int, str], list[Output]] = {}
    for output in outputs:
        recipe = output.recipe
        groups.setdefault((recipe.width, recipe.height, recipe.pix_fmt), []).append(output)
    written: list[Any] = []
    for branch, ((width, height, pix_fmt), members) in zip(_copies(source, len(groups)), groups.items(), strict=True):
        picture = branch
        if not planes or (width, height, pix_fmt) != (clip.width, clip.height, "yuv420p"):
            picture = picture.filter("scale", width, height, **(_FROM_PLANES if planes else _FROM_RGB))
        picture = picture.filter("format", pix_fmt).filter("setparams", chroma_location="left", **_TAGS)
        for copy, output in zip(_copies(picture, len(members)), members, strict=True):
            written.append(_file(copy, output))
    graph = ffmpeg.merge_outputs(*written).global_args(
        "-hide_banner", "-nostdin", "-nostats", "-xerror", "-loglevel", "level+warning"
    )
    return [str(word) for word in ffmpeg.compile(graph, cmd=str(ffmpeg_binary), overwrite_output=True)]


def _copies(stream: Any, count: int) -> list[Any]:
    if count == 1:
        return [stream]
    split = stream.filter_multi_output("split")
    return [split.stream(index) for index in range(count)]


def _file(picture: Any, output: Output) -> Any:
    recipe = output.recipe
    streams = [picture]
    options: dict[str, Any] = {
        **encoder_options(recipe),
        "f": recipe.container,
        "fps_mode": "cfr",
        "r": recipe.rate,
        "video_track_timescale": timescale(Fraction(recipe.rate)),
        "color_primaries": "bt709",
        "color_trc": "bt709",
        "colorspace": "bt709",
        "color_range": "tv",
        "chroma_sample_location": "left",
        # Some platforms refuse edit lists: B-frames get negative offsets instead, so that play still starts at 0.
        "movflags": "+faststart+negative_cts_offsets",
        "use_editlist": 0,
        # No dates and no version strings: the same recipe gives the same bytes.
        "fflags": "+bitexact",
        "flags:v": "+bitexact" + ("+cgop" if recipe.closed_gop else ""),
        "map_metadata": -1,
    }
    if recipe.container == "mp4":
        options["brand"] = "mp42"  # "iso4", which negative offsets bring, is unknown to some upload forms
    if recipe.audio == "silent":
        streams.append(_silence(recipe))
        options |= {"c:a": "aac", "b:a": recipe.audio_bitrate, "flags:a": "+bitexact"}
        # The AAC encoder starts 1024 samples early; without an edit list that would push the picture late.
        options["bsf:a"] = "setts=ts=TS-STARTPTS"
    return ffmpeg.output(*streams, f"file:{output.path}", **options)


def _silence(recipe: EncodeRecipe) -> Any:
    """Silent stereo, to the sample as long as the picture."""
    samples = round(seconds_of(recipe) * _AUDIO_RATE)
    source = ffmpeg.input(f"anullsrc=channel_layout=stereo:sample_rate={_AUDIO_RATE}", f="lavfi")
    return source.audio.filter("atrim", end_sample=samples)


def timescale(rate: Fraction) -> int:
    """Ticks a second in which one frame is a whole number of ticks; fine enough (>= 10,000) for players that round."""
    scale = rate.numerator
    while scale < 10_000:
        scale *= 2
    return scale
