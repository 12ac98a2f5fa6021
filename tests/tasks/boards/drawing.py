"""Storyboard projects for the tests, drawn when they are needed."""

from __future__ import annotations

import json
import wave
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

SIZE = (96, 54)
Color = tuple[int, int, int, int]


def layer(path: Path, color: Color, box: tuple[int, int, int, int], size: tuple[int, int] = SIZE) -> None:
    """A transparent picture with one rectangle of one colour; `box`: left, top, right, bottom, the last two outside."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGBA", size, (0, 0, 0, 0))
    ImageDraw.Draw(image).rectangle((box[0], box[1], box[2] - 1, box[3] - 1), fill=color)
    image.save(path)


def board(number: int, uid: str, **asked: Any) -> dict[str, Any]:
    """A board of a project of today: one pencil layer."""
    url = f"board-{number}-{uid}.png"
    base: dict[str, Any] = {
        "uid": uid,
        "url": url,
        "newShot": False,
        "number": number,
        "shot": f"{number}A",
        "time": (number - 1) * 2000,
        "layers": {"pencil": {"url": url.replace(".png", "-pencil.png")}},
    }
    return base | asked


def scene(folder: Path, boards: list[dict[str, Any]], *, name: str = "", ink: int = 0, **asked: Any) -> Path:
    """A project's file in `folder`, with pictures for boards of one pencil layer; `ink` changes what they look like."""
    file = folder / f"{name or folder.name}.storyboarder"
    folder.mkdir(parents=True, exist_ok=True)
    for n, one in enumerate(boards):
        url = one.get("url", "").replace(".png", "-pencil.png")
        if one.get("layers") == {"pencil": {"url": url}}:
            layer(folder / "images" / url, (40, 40, 40 + ink, 255), (4 + n % 30, 4, 40, 40))
    content: dict[str, Any] = {"version": "3.0.0", "aspectRatio": 16 / 9, "fps": 24, "defaultBoardTiming": 2000}
    file.write_text(json.dumps(content | {"boards": boards} | asked, ensure_ascii=False), encoding="utf-8")
    return file


def sound(path: Path, seconds: float = 0.1) -> None:
    """A mono WAV of silence."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"\0\0" * int(8000 * seconds))
