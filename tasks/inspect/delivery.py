"""Inspect: believe the file, not the encoder's exit status. One decode, every promise of the preset checked."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from tasks.errors import Cancelled
from tasks.inspect.container import read_boxes
from tasks.inspect.picture import Luma, PictureMeter, shrink
from tasks.inspect.report import Fault, Measurement, Report
from tasks.recipe import InspectRecipe

Asked = Callable[[], bool]
_BT709 = 1
_LIMITED = 1
_PLANAR_BITS = {"yuv420p": 8, "yuv422p": 8, "yuv444p": 8, "yuv420p10le": 10, "yuv422p10le": 10, "yuv444p10le": 10}
_AGAIN = "encode the shot again; if it happens twice, report it with the shot's trace"
_PRESET = "choose another preset, or change the shot's length, size or rate to what this one takes"


def inspect(path: Path, recipe: InspectRecipe, *, joined: bool = False, cancelled: Asked = lambda: False) -> Report:
    """Read the delivery at `path` back, whole, and hold it against `recipe`.

    A file that cannot be read is a report with the fault UNREADABLE, not an error. Zero in `max_seconds`, `max_bytes`
    and `min_bitrate` means no limit. `cancelled` is asked with every frame.

    Of a file that is `joined` from parts that were inspected one by one, every packet is read but only the first frame
    decoded: the fact `pictures_sha256` tells whether they are the parts' own.

    Raises OSError when the file cannot be opened at all, `tasks.errors.Cancelled`.
    """
    boxes = read_boxes(path)
    size = path.stat().st_size
    facts: dict[str, Any] = {
        "bytes": size,
        "boxes": list(boxes.order),
        "faststart": boxes.faststart,
        "edit_list": any(skipped for _, skipped in boxes.edits),
    }
    meter = PictureMeter()
    faults: list[Fault] = []
    if not boxes.whole:
        faults.append(Fault("TRUNCATED", "a file that ends inside a box", "a whole file", _AGAIN))
    try:
        with av.open(f"file:{path}") as container:
            video = container.streams.video[0]
            facts |= _stream_facts(video)
            facts |= {
                "audio": bool(container.streams.audio),
                "audio_seconds": _seconds(container.streams.audio[0]) if container.streams.audio else 0.0,
            }
            facts["ticks"] = []
            if joined:
                _read_packets(container, video, facts, cancelled)
            else:
                _decode(container, video, facts, meter, cancelled)
    except (FFmpegError, IndexError) as broken:
        faults.append(Fault("UNREADABLE", str(broken) or type(broken).__name__, "a file that decodes", _AGAIN))
    if "ticks" not in facts:
        return Report(facts, (), tuple(faults))
    faults += _timing(facts, recipe)
    faults += _form(facts, recipe)
    measurements, limits = _limits(facts, recipe)
    faults += limits
    for measured, fault in meter.findings(recipe):
        measurements.append(measured)
        faults += [fault] if fault else []
    return Report(facts, tuple(measurements), tuple(faults))


def _decode(
    container: InputContainer, video: VideoStream, facts: dict[str, Any], meter: PictureMeter, cancelled: Asked
) -> None:
    video.thread_type = "AUTO"
    for frame in container.decode(video):
        _go_on(cancelled)
        facts.setdefault("frame_colour", _colour(frame))
        facts["ticks"].append(frame.pts)
        meter.add(_luma(frame))


def _read_packets(container: InputContainer, video: VideoStream, facts: dict[str, Any], cancelled: Asked) -> None:
    digest = hashlib.sha256()
    for packet in container.demux(video):
        _go_on(cancelled)
        if packet.pts is None:  # the demuxer's own end mark
            continue
        digest.update(packet)
        facts["ticks"].append(packet.pts)
        for frame in packet.decode() if "frame_colour" not in facts else ():
            facts["frame_colour"] = _colour(frame)
    facts["ticks"].sort()  # packets lie in the order they are decoded in
    facts["pictures_sha256"] = digest.hexdigest()


def _go_on(cancelled: Asked) -> None:
    if cancelled():
        raise Cancelled("inspect: cancelled before the last frame was read")


def _stream_facts(video: VideoStream) -> dict[str, Any]:
    context = video.codec_context
    return {
        "codec": context.codec.canonical_name,
        "codec_tag": context.codec_tag,
        "profile": context.profile or "",
        "pix_fmt": context.pix_fmt or "",
        "width": context.width,
        "height": context.height,
        "tick": str(video.time_base),
        "stream_seconds": _seconds(video),
        "colour": _colour(context),
    }


def _colour(tagged: VideoCodecContext | VideoFrame) -> dict[str, int]:
    """ITU-T H.273 code points; range as libav counts it (1 limited, 2 full)."""
    return {
        "matrix": int(tagged.colorspace),
        "primaries": int(tagged.color_primaries),
        "transfer": int(tagged.color_trc),
        "range": int(tagged.color_range),
    }


def _seconds(stream: Any) -> float:
    return float(stream.duration * stream.time_base) if stream.duration is not None else 0.0


def _luma(frame: VideoFrame) -> Luma:
    bits = _PLANAR_BITS.get(frame.format.name)
    if bits is None:
        return shrink(np.asarray(frame.to_ndarray(format="gray"), np.uint8), 8)
    plane: Any = frame.planes[0]  # PyAV's stubs do not tell that a plane is a buffer
    values = np.frombuffer(plane, np.uint8 if bits == 8 else np.dtype("<u2"))
    return shrink(values.reshape(plane.height, -1)[:, : plane.width], bits)


def _timing(facts: dict[str, Any], recipe: InspectRecipe) -> list[Fault]:
    """Frames, their spacing and the clip's length; turns the ticks into facts."""
    ticks: list[int | None] = facts.pop("ticks")
    rate, faults = Fraction(recipe.rate), []
    facts["frames"] = len(ticks)
    facts["seconds"] = float(len(ticks) / rate)
    if len(ticks) != recipe.frames:
        faults.append(Fault("FRAME_COUNT", f"{len(ticks)} frames", f"{recipe.frames}", _AGAIN))
    tick = Fraction(facts.pop("tick"))
    times = [t * tick for t in ticks if t is not None]
    gaps = {b - a for a, b in pairwise(times)}
    facts["rate"] = str(1 / next(iter(gaps))) if len(gaps) == 1 and 0 not in gaps else ""
    if len(times) != len(ticks) or (gaps and gaps != {1 / rate}):
        spacing = ", ".join(f"{float(gap) * 1000:.3f}" for gap in sorted(gaps)[:4])
        wanted = f"{1000 / float(rate):.3f} ms ({recipe.rate} frames/s) between all"
        faults.append(Fault("RATE_NOT_CONSTANT", f"frames {spacing} ms apart", wanted, _AGAIN))
    if times and times[0] != 0:
        faults.append(Fault("LATE_START", f"the first frame at {float(times[0]):.3f} s", "0", _AGAIN))
    if facts["stream_seconds"] and abs(facts["stream_seconds"] - recipe.frames / rate) > 1 / rate:
        length = f"a track of {facts['stream_seconds']:.3f} s"
        faults.append(Fault("WRONG_DURATION", length, f"{float(recipe.frames / rate):.3f} s", _AGAIN))
    if facts["audio"] and abs(facts["audio_seconds"] - facts["seconds"]) > 0.05:
        sound = f"{facts['audio_seconds']:.3f} s of sound"
        faults.append(Fault("AUDIO_LENGTH", sound, f"{facts['seconds']:.3f} s", _AGAIN))
    return faults


def _form(facts: dict[str, Any], recipe: InspectRecipe) -> list[Fault]:
    """Codec, size, colour and container."""
    colour = {"matrix": _BT709, "primaries": _BT709, "transfer": _BT709, "range": _LIMITED}
    wanted_tag = {"hevc": "hvc1", "h264": "avc1", "av1": "av01"}.get(recipe.codec, facts["codec_tag"])
    checks = (
        ("WRONG_CODEC", (facts["codec"], facts["codec_tag"]), (recipe.codec, wanted_tag)),
        ("WRONG_PIXELS", facts["pix_fmt"], recipe.pix_fmt),
        ("WRONG_SIZE", f"{facts['width']}x{facts['height']}", f"{recipe.width}x{recipe.height}"),
        # Players believe either; the container's tags and the stream's own must both be right.
        ("COLOUR_TAGS", (facts["colour"], facts.get("frame_colour", colour)), (colour, colour)),
        ("NOT_FASTSTART", "the index after the media" if not facts["faststart"] else "", ""),
        ("EDIT_LIST", "an edit list that moves the start" if facts["edit_list"] else "", ""),
        ("AUDIO_MISSING" if recipe.audio else "AUDIO_UNEXPECTED", facts["audio"], recipe.audio),
    )
    return [
        Fault(code, str(found), str(wanted) or "nothing of the kind", _AGAIN)
        for code, found, wanted in checks
        if found != wanted
    ]


def _limits(facts: dict[str, Any], recipe: InspectRecipe) -> tuple[list[Measurement], list[Fault]]:
    """What the platform bounds: length (to half a frame), bytes, bits per second."""
    seconds, half = facts["seconds"], float(1 / Fraction(recipe.rate)) / 2
    bitrate = facts["bytes"] * 8 / seconds if seconds else 0.0
    facts["bitrate"] = round(bitrate)
    bounds = (
        ("TOO_SHORT", "seconds", seconds, recipe.min_seconds, seconds >= recipe.min_seconds - half),
        (
            "TOO_LONG",
            "seconds",
            seconds,
            recipe.max_seconds or math.inf,
            seconds <= (recipe.max_seconds or math.inf) + half,
        ),
        (
            "TOO_LARGE",
            "bytes",
            facts["bytes"],
            recipe.max_bytes or math.inf,
            facts["bytes"] <= (recipe.max_bytes or math.inf),
        ),
        ("BITRATE_TOO_LOW", "bitrate", bitrate, recipe.min_bitrate, bitrate >= recipe.min_bitrate),
    )
    measurements, faults = [], []
    for code, name, value, bound, passed in bounds:
        if not 0 < bound < math.inf:
            continue
        side = "at least" if code in ("TOO_SHORT", "BITRATE_TOO_LOW") else "at most"
        measurements.append(Measurement(f"{name}_{'min' if side == 'at least' else 'max'}", value, bound, passed))
        if not passed:
            faults.append(Fault(code, f"{value:.6g} {name}", f"{side} {bound:.6g} for '{recipe.preset}'", _PRESET))
    return measurements, faults
