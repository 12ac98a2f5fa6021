"""Real encodes of every codec, read back with another build of libav (PyAV's)."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from models.clip import Clip, Frame
from models.errors import EngineMissing
from tasks.encode import EncodeError, Output, encode, ffmpeg_path, versions
from tasks.encode.graph import encode_argv
from tasks.encode.limits import bit_limits
from tests.tasks.encoding import BARS, CODECS, FFMPEG, SECOND, bars, moving, planes_of, recipe


def decoded(path: Path) -> Iterator[Frame]:
    """RGB by the book from what PyAV decodes, chroma repeated (flat patches only)."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            bits = 10 if "10" in frame.format.name else 8
            planes: list[Any] = list(frame.planes)
            y, u, v = (
                np.frombuffer(p, np.uint8 if bits == 8 else np.uint16).reshape(p.height, -1)[:, : p.width]
                / 2 ** (bits - 8)
                for p in planes
            )
            grow = np.ones((y.shape[0] // u.shape[0], y.shape[1] // u.shape[1]))
            luma, blue, red = (y - 16) / 219, (np.kron(u, grow) - 128) / 224, (np.kron(v, grow) - 128) / 224
            r, b = luma + 1.5748 * red, luma + 1.8556 * blue
            g = (luma - 0.2126 * r - 0.0722 * b) / 0.7152
            yield (np.stack([r, g, b], -1).clip(0, 1) * 255).round().astype(np.uint8)


def loaded(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        return picture.convert("RGB")


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("kind", ["rgb", "planes"])
@pytest.mark.parametrize("codec", CODECS)
def test_colour_bars_decode_within_two_levels(codec: str, kind: str, tmp_path: Path) -> None:
    clip = Clip(320, 180, Fraction(30), 12)
    picture = bars()
    wanted = recipe(codec, clip)
    source: Any = picture if kind == "rgb" else planes_of(picture)
    path = tmp_path / f"bars.{wanted.container}"
    (made,) = encode(itertools.repeat(source, 12), clip, [Output(wanted, path)], ffmpeg=FFMPEG)
    worst = np.zeros((2, 8), int)
    frames = 0
    for frame in decoded(path):
        frames += 1
        wrong = np.abs(frame.astype(int) - picture)
        for column, (row, (top, bottom)) in itertools.product(range(8), enumerate(((12, 108), (132, 168)))):
            patch = wrong[top:bottom, column * 40 + 12 : column * 40 + 28]
            worst[row, column] = max(worst[row, column], patch.max())
    assert frames == 12
    assert worst.max() <= 2, f"{codec} from {kind}: levels off per patch {worst.tolist()}"
    poster = np.asarray(loaded(made.poster)).astype(int)
    off = max(np.abs(poster[20:100, c * 40 + 12 : c * 40 + 28] - BARS[c]).max() for c in range(8))
    assert off <= 3, f"poster is {off} levels off"


@pytest.mark.parametrize("codec", CODECS)
def test_every_codec_is_constant_rate_tagged_and_starts_at_zero(codec: str, tmp_path: Path) -> None:
    clip = Clip(320, 180, Fraction(30000, 1001), 45)
    wanted = recipe(codec, clip, audio="silent", audio_bitrate=128_000)
    path = tmp_path / f"clip.{wanted.container}"
    encode(moving(clip), clip, [Output(wanted, path)], ffmpeg=FFMPEG)
    with av.open(str(path)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        context = video.codec_context
        tags = (context.color_primaries, context.color_trc, context.colorspace, context.color_range)
        assert tuple(map(int, tags)) == (1, 1, 1, 1)
        assert (context.width, context.height, context.pix_fmt) == (320, 180, wanted.pix_fmt)
        assert context.codec_tag == {"h264": "avc1", "hevc": "hvc1", "av1": "av01", "prores": "apch"}[codec]
        assert video.time_base is not None and audio.time_base is not None and audio.duration is not None
        assert audio.codec_context.layout.name == "stereo" and audio.start_time == 0
        assert abs(audio.duration * audio.time_base - 45 / clip.rate) <= Fraction(1024, 48_000)
        times = [frame.pts * video.time_base for frame in container.decode(video) if frame.pts is not None]
        assert times == [index / clip.rate for index in range(45)]
    raw = path.read_bytes()
    assert raw.find(b"moov") < raw.find(b"mdat"), "not faststart"
    assert b"elst" not in raw, "an edit list"


@pytest.mark.parametrize("codec", CODECS)
def test_same_recipe_gives_the_same_bytes(codec: str, tmp_path: Path) -> None:
    wanted = recipe(codec, audio="silent", audio_bitrate=96_000, maxrate=3_000_000, bufsize=3_000_000)
    paths = [tmp_path / f"a.{wanted.container}", tmp_path / "deeper" / f"another name.{wanted.container}"]
    paths[1].parent.mkdir()
    for path in paths:
        encode(moving(SECOND), SECOND, [Output(wanted, path)], ffmpeg=FFMPEG)
    assert digest(paths[0]) == digest(paths[1])
    assert digest(paths[0].with_suffix(".jpg")) == digest(paths[1].with_suffix(".jpg"))


def test_outputs_that_share_frames_leave_in_one_pass(tmp_path: Path) -> None:
    asked = []

    def once() -> Iterator[Frame]:
        for frame in moving(SECOND):
            asked.append(1)
            yield frame

    outputs = [
        Output(recipe("h264"), tmp_path / "a.mp4"),
        Output(recipe("h264", crf=30, poster_at=29), tmp_path / "b.mp4"),
        Output(recipe("hevc", width=160, height=90), tmp_path / "c.mp4"),
        Output(recipe("prores"), tmp_path / "d.mov"),
    ]
    seen: list[tuple[int, int]] = []
    made = encode(once(), SECOND, outputs, ffmpeg=FFMPEG, progress=lambda done, total: seen.append((done, total)))
    assert len(asked) == 30 and seen == [(n, 30) for n in range(1, 31)]
    sizes = []
    for result in made:
        assert result.bytes == result.path.stat().st_size and result.poster.exists()
        with av.open(str(result.path)) as container:
            frames = list(container.decode(video=0))
            sizes.append((len(frames), frames[0].width, frames[0].height, loaded(result.poster).size))
    whole = (30, 320, 180, (320, 180))
    assert sizes == [whole, whole, (30, 160, 90, (160, 90)), whole]
    alone = tmp_path / "alone.mp4"
    encode(moving(SECOND), SECOND, [Output(recipe("h264"), alone)], ffmpeg=FFMPEG)
    assert digest(alone) == digest(made[0].path), "company changed the bytes"


@pytest.mark.parametrize(("codec", "limit"), [("h264", 150_000), ("hevc", 150_000), ("av1", 300_000)])
def test_max_bytes_holds_on_noise(codec: str, limit: int, tmp_path: Path) -> None:
    clip = Clip(320, 180, Fraction(30), 60)
    noise = np.random.default_rng(0).integers(0, 256, (10, 180, 320, 3), np.uint8)
    wanted = recipe(codec, clip, max_bytes=limit, audio="silent", audio_bitrate=64_000)
    source = itertools.islice(itertools.cycle(noise), 60)
    (made,) = encode(source, clip, [Output(wanted, tmp_path / "n.mp4")], ffmpeg=FFMPEG)
    assert 0.2 * limit < made.bytes <= limit, f"{made.bytes} of {limit} bytes"


def test_a_size_nothing_fits_in_is_refused_before_encoding(tmp_path: Path) -> None:
    with pytest.raises(EncodeError) as refused:
        encode(moving(SECOND), SECOND, [Output(recipe(max_bytes=5_000), tmp_path / "a.mp4")], ffmpeg=FFMPEG)
    assert refused.value.code == "TOO_LARGE" and refused.value.remedy
    assert not list(tmp_path.iterdir())


def test_limits_name_the_level_players_expect() -> None:
    full = Clip(1920, 1080, Fraction(30), 180)
    assert bit_limits(recipe(clip=full)).level == "4.0"
    generous = bit_limits(recipe(clip=full, max_bytes=500_000_000))
    assert (generous.level, generous.maxrate) == ("4.0", 25_000_000)
    tight = bit_limits(recipe(clip=full, max_bytes=1_000_000))
    assert tight.maxrate * 6 + tight.bufsize <= 8_000_000
    assert bit_limits(recipe(clip=full, bitrate=15_000_000, maxrate=15_000_000, bufsize=15_000_000)).constant


def test_a_constant_rate_is_padded_to(tmp_path: Path) -> None:
    wanted = recipe(bitrate=1_000_000, maxrate=1_000_000, bufsize=500_000, crf=-1)
    (made,) = encode(itertools.repeat(bars(), 30), SECOND, [Output(wanted, tmp_path / "a.mp4")], ffmpeg=FFMPEG)
    assert made.bytes * 8 > 800_000, f"{made.bytes * 8} bits in a second"


def test_odd_names_stay_names(tmp_path: Path) -> None:
    folder = tmp_path / "a,b;[0:v]'=\\ -y %d"
    folder.mkdir()
    output = Output(recipe(), folder / "http:x;drawtext=text='y'.mp4")
    argv = encode_argv(FFMPEG, SECOND, [output], planes=False)
    graph = argv[argv.index("-filter_complex") + 1]
    assert "drawtext" not in graph and sum("drawtext" in word for word in argv) == 1
    assert f"file:{output.path}" in argv and argv[argv.index("-protocol_whitelist") + 1] == "file,pipe"
    assert "-nostdin" in argv
    encode(moving(SECOND), SECOND, [output], ffmpeg=FFMPEG)
    assert output.path.exists() and output.poster.exists()


def test_the_packages_own_ffmpeg_is_used_unless_another_is_named(tmp_path: Path) -> None:
    assert "imageio_ffmpeg" in str(ffmpeg_path(None))
    named = tmp_path / "my-ffmpeg"
    named.symlink_to(FFMPEG)
    assert ffmpeg_path(str(named)) == named
    with pytest.raises(EngineMissing) as missing:
        ffmpeg_path(str(tmp_path / "none"))
    assert "DAILIES_FFMPEG" in str(missing.value)


def test_versions_name_the_encoder_library() -> None:
    assert set(versions(FFMPEG, "h264")) == {"ffmpeg", "pillow", "libx264"}
    assert versions(FFMPEG, "hevc")["libx265"] and versions(FFMPEG, "av1")["libsvtav1"]
    assert set(versions(FFMPEG, "prores")) == {"ffmpeg", "pillow"}
