# pyright: standard
"""Makes the README's pictures from a real run: `dailies run` on `readme.yaml`, then frames of what came out.

`python manifests/examples/readme/draw.py [folder]` keeps the clips in a temporary folder and writes three JPEGs.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import av
from PIL import Image, ImageDraw, ImageFont

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
PICTURES = HERE.parent / "pictures"
WIDTH = 1600
"""Of a sheet, in pixels; every row of frames is as high as it takes to fill it."""
GAP, SPACE, MARGIN, LABEL = 6, 24, 24, 28
PAPER, INK, CHECK = (250, 249, 247), (72, 72, 76), (228, 226, 222)

Group = tuple[str, list[Image.Image]]
"""Pictures that stand together under a name."""


def frames(path: Path, picks: tuple[int, ...] = ()) -> list[Image.Image]:
    """Frames of the clip at `path`: those that are named, else the first, middle and last."""
    with av.open(str(path)) as clip:
        every = [frame.to_image() for frame in clip.decode(video=0)]
    return [every[at] for at in picks or (0, len(every) // 2, -1)]


def source(path: Path) -> Image.Image:
    """An input picture; a checkerboard shows where it is transparent."""
    picture = Image.open(path).convert("RGBA")
    board = Image.new("RGBA", picture.size, (255, 255, 255, 255))
    draw, side = ImageDraw.Draw(board), picture.height // 16
    for y in range(16):
        for x in range(y % 2, picture.width // side + 1, 2):
            draw.rectangle((x * side, y * side, (x + 1) * side - 1, (y + 1) * side - 1), CHECK)
    return Image.alpha_composite(board, picture).convert("RGB")


def row(groups: list[Group]) -> Image.Image:
    """Groups side by side, each under its name, `WIDTH` px wide together."""
    pictures = [picture for _, shown in groups for picture in shown]
    between = GAP * (len(pictures) - len(groups)) + SPACE * (len(groups) - 1)
    height = round((WIDTH - between) / sum(picture.width / picture.height for picture in pictures))
    strip = Image.new("RGB", (WIDTH, LABEL + height), PAPER)
    draw, x = ImageDraw.Draw(strip), 0
    for name, shown in groups:
        draw.text((x, 0), name, INK, font=ImageFont.load_default(19))
        for picture in shown:
            size = (round(picture.width * height / picture.height), height)
            strip.paste(picture.resize(size, Image.Resampling.LANCZOS), (x, LABEL))
            x += size[0] + GAP
        x += SPACE - GAP
    return strip


def sheet(rows: list[Image.Image]) -> Image.Image:
    """Rows below each other on paper."""
    high = sum(strip.height for strip in rows) + MARGIN * (len(rows) + 1)
    whole, y = Image.new("RGB", (WIDTH + 2 * MARGIN, high), PAPER), MARGIN
    for strip in rows:
        whole.paste(strip, (MARGIN, y))
        y += strip.height + MARGIN
    return whole


def main(folder: Path) -> None:
    """Runs the manifest and the example storyboard; writes `mug.jpg`, `speaker.jpg` and `animatic.jpg`."""
    with tempfile.TemporaryDirectory() as out:
        dailies = Path(sys.executable).with_name("dailies")
        subprocess.run([dailies, "run", HERE / "readme.yaml", "--out", out], check=True, cwd=ROOT)
        for item, name in (("mug", "mug.png"), ("speaker", "speaker.jpg")):
            wide, tall, square = (
                (f"out: {preset}, {shape}", frames(Path(out) / f"{item}_{preset}.mp4"))
                for preset, shape in (("web_1080p", "16:9"), ("instagram_reel", "9:16"), ("meta_feed_square", "1:1"))
            )
            path = folder / f"{item}.jpg"
            rows = [row([(f"in: {name}", [source(PICTURES / name)]), wide]), row([tall, square])]
            written(sheet(rows), path)
        subprocess.run([dailies, "run", HERE.parent / "storyboard.yaml", "--out", out], check=True, cwd=ROOT)
        leader, cut = 48, 48
        picks = (leader + cut // 2, leader + cut - 1, leader + cut + 26)  # a shot, half a dissolve, the next shot
        animatic = frames(next(Path(out).glob("lighthouse_v*.mp4")), picks)
        written(sheet([row([("out: lighthouse_v001.mp4", animatic)])]), folder / "animatic.jpg")


def written(picture: Image.Image, path: Path) -> None:
    """Save a sheet, and say how large it is."""
    picture.save(path, quality=82, optimize=True, progressive=True)
    print(f"{path}  {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
