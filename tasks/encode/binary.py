"""Which ffmpeg runs, and which versions decide what it makes."""

from __future__ import annotations

import functools
import re
import shutil
import signal
import subprocess
from pathlib import Path

import imageio_ffmpeg
from PIL import __version__ as pillow_version

from models.errors import EngineMissing, Killed

# Encoder -> options of a one-frame encode in which it tells its version, and where (in its stream or on stderr).
_TELLS = {
    "h264": (("-c:v", "libx264", "-f", "h264"), rb"x264 - core (\d+(?: r\d+(?: \w+)?)?)"),
    "hevc": (("-c:v", "libx265", "-f", "hevc"), rb"x265 \(build \d+\) - ([\w.+-]+)"),
    "av1": (("-c:v", "libsvtav1", "-f", "ivf"), rb"SVT-AV1 Encoder Lib (v?[\w.+-]+)"),
}


def ffmpeg_path(configured: str | None = None) -> Path:
    """The ffmpeg to use: the configured one (`DAILIES_FFMPEG`), else the one that came with the package.

    What else is on PATH is never taken, so that two machines with one install make the same bytes. Raises
    EngineMissing when the named one is not an executable file.
    """
    if not configured:
        try:
            return Path(imageio_ffmpeg.get_ffmpeg_exe())
        except RuntimeError as missing:
            raise EngineMissing(
                "ffmpeg: this platform's imageio-ffmpeg carries no binary",
                remedy="install ffmpeg and set DAILIES_FFMPEG to its path",
                code="FFMPEG_MISSING",
            ) from missing
    found = shutil.which(configured)
    if found is None:
        raise EngineMissing(
            f"ffmpeg: DAILIES_FFMPEG is '{configured}', which is not an executable file",
            remedy="correct the path, or unset DAILIES_FFMPEG to use the bundled ffmpeg",
            code="FFMPEG_MISSING",
        )
    return Path(found)


@functools.cache
def versions(ffmpeg: Path, codec: str) -> dict[str, str]:
    """Versions that decide the bytes of a delivery in `codec`: ffmpeg, its encoder library, Pillow (the poster).

    The encoder is asked by encoding one frame, because a shared library may be newer than the ffmpeg that loads it.
    `codec` as in `EncodeRecipe`; those built into ffmpeg add nothing. Raises EngineMissing when ffmpeg does not run,
    Killed where somebody ended it meanwhile.
    """
    first = _run(ffmpeg, ("-hide_banner", "-version")).stdout.decode(errors="replace").split("\n", 1)[0]
    told = re.match(r"ffmpeg version (\S+)", first)
    found = {"ffmpeg": told.group(1) if told else first, "pillow": pillow_version}
    if codec in _TELLS:
        options, pattern = _TELLS[codec]
        source = ("-nostdin", "-f", "lavfi", "-i", "color=s=128x128:d=0.04:r=25", "-pix_fmt", "yuv420p")
        ran = _run(ffmpeg, (*source, *options, "pipe:1"))
        version = re.search(pattern, ran.stdout + ran.stderr)
        if ran.returncode or version is None:
            raise EngineMissing(
                f"ffmpeg: {ffmpeg} has no working {codec} encoder ({options[1]})",
                remedy="unset DAILIES_FFMPEG to use the bundled ffmpeg, or name one with this encoder",
                evidence=ran.stderr.decode(errors="replace")[-4_000:],
                code="ENCODER_MISSING",
            )
        found[options[1]] = version.group(1).decode()
    return found


def _run(ffmpeg: Path, arguments: tuple[str, ...]) -> subprocess.CompletedProcess[bytes]:
    try:
        # In a session of its own: the signal that ends a worker is for the worker, not for what it asks just then.
        ran = subprocess.run(
            [str(ffmpeg), *arguments],
            check=False,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=60,
            start_new_session=True,
        )
    except (OSError, subprocess.TimeoutExpired) as broken:
        raise EngineMissing(
            f"ffmpeg: {ffmpeg} does not run: {broken}",
            remedy="reinstall it, or unset DAILIES_FFMPEG to use the bundled ffmpeg",
            code="FFMPEG_MISSING",
        ) from broken
    if ran.returncode in (-signal.SIGKILL, -signal.SIGTERM):
        raise Killed(f"ffmpeg: {ffmpeg} was killed while it told its version", remedy="resume")
    return ran
