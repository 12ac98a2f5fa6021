"""Inspection finds each fault it names, and finds none in slow, honest camera moves."""

from __future__ import annotations

import functools
import struct
import subprocess
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from models.clip import Clip, Frame
from tasks.encode import Output, encode, ffmpeg_path
from tasks.inspect import Report, inspect
from tasks.inspect.picture import PictureMeter
from tasks.recipe import InspectRecipe
from tests.tasks.encoding import recipe

FFMPEG = ffmpeg_path()
CLIP = Clip(480, 270, Fraction(30), 90)
PRODUCTS = Path(__file__).parents[3] / "shared" / "data" / "products"

Make = Callable[..., Path]


def wanted(clip: Clip = CLIP, **changes: Any) -> InspectRecipe:
    values: dict[str, Any] = {
        "preset": "test",
        "container": "mp4",
        "codec": "h264",
        "pix_fmt": "yuv420p",
        "width": clip.width,
        "height": clip.height,
        "rate": str(clip.rate),
        "frames": clip.frames,
        "audio": False,
        "min_seconds": 0,
        "max_seconds": 0,
        "max_bytes": 0,
        "min_bitrate": 0,
        "moving": True,
        "rest_seconds": 0.0,
        "black": False,
    }
    return InspectRecipe(**{**values, **changes})


def drawn() -> Image.Image:
    """A bottle-like product with a label on a plain studio backdrop, 1920x1080."""
    picture = Image.linear_gradient("L").resize((1920, 1080)).point([200 + level // 8 for level in range(256)])
    picture = picture.convert("RGB")
    draw = ImageDraw.Draw(picture)
    draw.rounded_rectangle((780, 220, 1140, 960), 60, fill=(40, 90, 70))
    draw.rectangle((900, 120, 1020, 230), fill=(30, 30, 30))
    draw.rectangle((800, 480, 1120, 760), fill=(235, 230, 215))
    for line in range(6):
        draw.line((830, 520 + 36 * line, 1090 - 30 * line, 520 + 36 * line), fill=(60, 50, 50), width=8)
    return picture


@functools.cache
def pushed(clip: Clip, amount: float) -> list[Frame]:
    return push(drawn(), clip, amount)


def push(picture: Image.Image, clip: Clip, amount: float) -> list[Frame]:
    """An eased push (6t^5 - 15t^4 + 10t^3) by `amount` of the frame's width, resampled exactly."""
    frames = []
    for index in range(clip.frames):
        t = index / (clip.frames - 1)
        share = 0.95 * (1 - amount) ** (6 * t**5 - 15 * t**4 + 10 * t**3)
        w, h = picture.width * share, picture.height * share
        x, y = (picture.width - w) / 2, (picture.height - h) / 2
        size = (clip.width, clip.height)
        frames.append(np.asarray(picture.resize(size, Image.Resampling.BICUBIC, (x, y, x + w, y + h))))
    return frames


@pytest.fixture(scope="module")
def moving() -> list[Frame]:
    return pushed(CLIP, 0.08)


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def made(frames: list[Frame], clip: Clip = CLIP, **changes: Any) -> Path:
        path = tmp_path / f"made.{changes.get('container', 'mp4')}"
        encode(frames, clip, [Output(recipe(clip=clip, **{"crf": 20, "gop": 60, **changes}), path)], ffmpeg=FFMPEG)
        return path

    return made


def codes(report: Report) -> set[str]:
    return {fault.code for fault in report.problems}


def shown(report: Report) -> str:
    return "\n".join([*map(str, report.problems), *map(str, report.measurements)])


@pytest.mark.parametrize(
    "own",
    [
        {},
        {"codec": "hevc", "profile": "main", "speed": "fast"},
        {"codec": "av1", "profile": "main", "speed": "9", "crf": 30, "pix_fmt": "yuv420p10le"},
        {"codec": "prores", "profile": "hq", "container": "mov", "pix_fmt": "yuv422p10le"},
    ],
    ids=lambda own: own.get("codec", "h264"),
)
def test_what_encode_makes_passes(own: dict[str, Any], make: Make, moving: list[Frame]) -> None:
    path = make(moving, audio="silent", audio_bitrate=128_000, **own)
    form = {key: own[key] for key in ("codec", "container", "pix_fmt") if key in own}
    report = inspect(path, wanted(audio=True, min_seconds=3, max_seconds=3, max_bytes=50_000_000, **form))
    assert report.passed, shown(report)
    facts = report.facts
    assert (facts["frames"], facts["rate"], facts["seconds"]) == (90, "30", 3.0)
    assert facts["faststart"] and not facts["edit_list"] and facts["bytes"] == path.stat().st_size
    assert all(measured.passed for measured in report.measurements)


def test_ntsc_rates_are_exact(make: Make, moving: list[Frame]) -> None:
    clip = Clip(480, 270, Fraction(24000, 1001), 90)
    report = inspect(make(moving, clip), wanted(clip))
    assert report.passed, shown(report)
    assert report.facts["rate"] == "24000/1001"


@pytest.mark.parametrize("crf", [18, 26])
@pytest.mark.parametrize("amount", [0.02, 0.05])
def test_slow_moves_are_not_frozen(amount: float, crf: int, make: Make) -> None:
    clip = Clip(480, 270, Fraction(30), 120)
    report = inspect(make(pushed(clip, amount), clip, crf=crf), wanted(clip))
    assert report.passed, shown(report)


@pytest.mark.skipif(not PRODUCTS.is_dir(), reason=f"no product photos at {PRODUCTS}")
@pytest.mark.parametrize("name", ["automatic-espresso-machine-silver.webp", "electric-kettle-1-7l.webp"])
def test_slow_pushes_over_real_photos_are_not_frozen(name: str, make: Make) -> None:
    clip = Clip(480, 270, Fraction(30), 120)
    with Image.open(PRODUCTS / name) as picture:
        square = picture.convert("RGB")
    scene = Image.new("RGB", (1820, 1024), square.getpixel((4, 4)))  # type: ignore[arg-type]
    scene.paste(square, (398, 0))
    report = inspect(make(push(scene, clip, 0.03), clip), wanted(clip))
    assert report.passed, shown(report)


def test_a_stop_in_the_middle_is_found(make: Make, moving: list[Frame]) -> None:
    report = inspect(make(moving[:40] + [moving[40]] * 30 + moving[70:]), wanted())
    assert codes(report) == {"FROZEN_FRAMES"}, shown(report)


@pytest.mark.parametrize("crf", [16, 28])
def test_a_held_picture_is_frozen_unless_it_is_meant_to_be(crf: int, make: Make, moving: list[Frame]) -> None:
    path = make([moving[0]] * 90, crf=crf, gop=15)
    assert codes(inspect(path, wanted())) == {"FROZEN_FRAMES"}
    report = inspect(path, wanted(moving=False))
    assert report.passed, shown(report)


def test_black_flat_and_flickering_frames_are_found(make: Make, moving: list[Frame]) -> None:
    black, flat = np.zeros_like(moving[0]), np.full_like(moving[0], 120)
    assert {"BLACK_FRAMES", "FLICKER"} <= codes(inspect(make([*moving[:30], black, *moving[31:]]), wanted()))
    assert {"FLAT_FRAMES"} <= codes(inspect(make([*moving[:30], *[flat] * 3, *moving[33:]]), wanted()))
    dim = (moving[50] * 0.9).astype(np.uint8)
    assert codes(inspect(make([*moving[:50], dim, *moving[51:]]), wanted())) == {"FLICKER"}
    dark = [(frame // 16) for frame in moving]
    assert "BLACK_FRAMES" in codes(inspect(make(dark), wanted()))
    report = inspect(make(dark), wanted(black=True))
    assert not {"BLACK_FRAMES", "FLAT_FRAMES"} & codes(report), shown(report)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"frames": 91}, "FRAME_COUNT"),
        ({"rate": "25"}, "RATE_NOT_CONSTANT"),
        ({"width": 640, "height": 360}, "WRONG_SIZE"),
        ({"codec": "hevc"}, "WRONG_CODEC"),
        ({"pix_fmt": "yuv420p10le"}, "WRONG_PIXELS"),
        ({"audio": True}, "AUDIO_MISSING"),
        ({"min_seconds": 5}, "TOO_SHORT"),
        ({"max_seconds": 2}, "TOO_LONG"),
        ({"max_bytes": 1_000}, "TOO_LARGE"),
        ({"min_bitrate": 50_000_000}, "BITRATE_TOO_LOW"),
    ],
)
def test_each_promise_is_checked(changes: dict[str, Any], code: str, make: Make, moving: list[Frame]) -> None:
    report = inspect(make(moving), wanted(**changes))
    assert code in codes(report), shown(report)
    fault = next(fault for fault in report.problems if fault.code == code)
    assert fault.found and fault.wanted and fault.remedy and not report.passed


def remuxed(path: Path, *options: str, before: tuple[str, ...] = ()) -> Path:
    out = path.with_name("remuxed.mp4")
    command = [str(FFMPEG), "-y", "-loglevel", "error", *before, "-i", str(path), *options, str(out)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return out


def test_an_index_at_the_end_and_an_edit_list_are_found(make: Make, moving: list[Frame]) -> None:
    plain = remuxed(make(moving), "-c", "copy", "-use_editlist", "1")
    assert {"NOT_FASTSTART", "EDIT_LIST"} <= codes(inspect(plain, wanted()))


def test_other_colour_tags_are_found(make: Make, moving: list[Frame]) -> None:
    tags = "h264_metadata=matrix_coefficients=6:colour_primaries=6:transfer_characteristics=6"
    path = remuxed(make(moving), "-c", "copy", "-movflags", "+faststart+negative_cts_offsets", "-bsf:v", tags)
    assert "COLOUR_TAGS" in codes(inspect(path, wanted()))


def test_a_rate_that_varies_is_found(make: Make, moving: list[Frame]) -> None:
    path = remuxed(make(moving, bframes=0), "-c", "copy", "-bsf:v", "setts=ts=TS+if(gt(N\\,40)\\,300\\,0)")
    assert "RATE_NOT_CONSTANT" in codes(inspect(path, wanted()))


def test_sound_of_another_length_is_found(make: Make, moving: list[Frame]) -> None:
    path = remuxed(make(moving), "-f", "lavfi", "-i", "anullsrc=r=48000:cl=stereo:d=1", "-c:v", "copy")
    found = codes(inspect(path, wanted()))
    assert {"AUDIO_UNEXPECTED", "AUDIO_LENGTH"} <= found


def test_a_truncated_file_is_found(make: Make, moving: list[Frame]) -> None:
    path = make(moving)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    assert {"TRUNCATED", "FRAME_COUNT"} <= codes(inspect(path, wanted()))


@pytest.mark.parametrize("content", [b"", b"not a video at all", struct.pack(">I4sQ", 1, b"moov", 3), b"\0" * 64])
def test_what_is_no_video_is_a_report_not_a_crash(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    path.write_bytes(content)
    assert "UNREADABLE" in codes(inspect(path, wanted()))


def test_a_frame_that_does_not_decode_is_found(make: Make, moving: list[Frame]) -> None:
    path = make(moving, codec="prores", profile="hq", container="mov", pix_fmt="yuv422p10le")
    raw = bytearray(path.read_bytes())
    places = list(find_all(bytes(raw), b"icpf"))
    raw[places[40] : places[40] + 4] = b"xxxx"
    path.write_bytes(raw)
    report = inspect(path, wanted(codec="prores", container="mov", pix_fmt="yuv422p10le"))
    assert {"FRAME_COUNT"} <= codes(report), shown(report)


def find_all(data: bytes, what: bytes) -> Iterator[int]:
    at = data.find(what)
    while at >= 0:
        yield at
        at = data.find(what, at + 1)


def test_a_step_in_brightness_is_no_flicker_and_a_flash_is() -> None:
    def flicker(levels: list[int]) -> float:
        meter = PictureMeter()
        for level in levels:
            meter.add(np.full((27, 48), level, np.uint8))
        by_name = {measured.name: measured.value for measured, _ in meter.findings(wanted(black=True))}
        return by_name["flicker_levels"]

    assert flicker([80] * 10 + [110] * 10) == 0
    assert flicker([80] * 10 + [110] + [80] * 10) == 30


def test_a_picture_may_rest_as_long_as_it_is_meant_to() -> None:
    def faults(rest_seconds: float) -> list[str]:
        meter = PictureMeter()
        for frame in range(100):
            meter.add(np.roll(np.tile(np.arange(0, 240, 5, dtype=np.uint8), (27, 1)), min(frame, 40), axis=1))
        found = meter.findings(wanted(rate="25", rest_seconds=rest_seconds))
        return [fault.code for _, fault in found if fault is not None]

    assert faults(0.0) == ["FROZEN_FRAMES"]
    assert faults(2.4) == []
