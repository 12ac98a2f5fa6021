"""A board as a row: the keys an import fills, and how they are written."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from manifests.ask import LONGEST_LINE
from manifests.marked import scalar
from tasks.boards.board import Board
from tasks.boards.notes import CameraWords, camera_words

ORDER = (
    "source", "scene", "shot", "panel", "seconds", "motion", "action", "dialogue", "notes", "sound",
)  # fmt: skip
"""The keys that belong to the import, in the order they are written. All others are the person's."""
FROM_NOTES = "from the notes:"
_PLAIN = re.compile(r"[^\W_][^\n\t]*")
_FLOW_PLAIN = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_. -]*")
_FOLDED = re.compile(r"[\x7f-\xa0\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")
_OLD_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}


def fields_of(
    board: Board, scene: str, picture: str, sound: str
) -> tuple[dict[str, Any], CameraWords | None, list[str]]:
    """The row's values by key, as plain data; the camera words behind `motion`; what had to be cut.

    `scene` is its name in the manifest, `picture` and `sound` are files in its root, "" where there is no sound.
    """
    warnings: list[str] = []
    texts: dict[str, str] = {}
    for key in ("shot", "panel", "action", "dialogue", "notes"):
        text: str = getattr(board, key)
        if len(text) > LONGEST_LINE:
            warnings.append(f"{board.label}: {key} has {len(text)} characters, the first {LONGEST_LINE} are taken")
            text = text[:LONGEST_LINE].rstrip()
        texts[key] = text
    camera = camera_words(texts["notes"])
    values: dict[str, Any] = {
        "source": picture,
        "scene": scene,
        **texts,
        "seconds": seconds_of(board.milliseconds),
        "motion": camera.motion if camera else None,
        "sound": {"path": sound} if sound else None,
    }
    return {key: values[key] for key in ORDER if values[key] not in (None, "")}, camera, warnings


def seconds_of(milliseconds: Decimal) -> int | float:
    """1300 -> 1.3, 2000 -> 2: what a manifest says of a length."""
    seconds = milliseconds / 1000
    return int(seconds) if seconds == seconds.to_integral_value() else float(seconds)


def row_text(name: str, values: Mapping[str, Any], comment: str, board: str, indent: int = 2) -> str:
    """The whole row as lines of YAML; its dash stands behind `indent` spaces. `board` is the key it is known by."""
    lines = [f"- id: {written(name)}"]
    for key in ORDER:
        if key in values:
            line = f"  {key}: {_value(values[key], 4)}"
            lines.append(f"{line}   # {comment}" if key == "motion" and comment else line)
    lines.append(f"  meta: {{board: {_in_flow(board)}}}")
    text = "\n".join(lines)
    return "".join(f"{' ' * indent}{line}\n" if line else "\n" for line in text.split("\n"))


def written(text: str) -> str:
    """Text as one YAML scalar on one line, in quotes where it could be read as anything else."""
    return text if is_plain(text) else quoted(text)


def is_plain(text: str) -> bool:
    """True where YAML of any version reads the bare text back as it is."""
    return (
        _PLAIN.fullmatch(text) is not None
        and text.isprintable()
        and ": " not in text
        and " #" not in text
        and not text.endswith((":", " "))
        and text.lower() not in _OLD_WORDS
        and not re.fullmatch(r"[-+.:_0-9]+([eExX][-+0-9A-Fa-f]*)?|[-+.]?(inf|nan)", text.lower())
        and scalar(text) == text
    )


def quoted(text: str) -> str:
    """Text in double quotes, with nothing raw in it that YAML would fold or refuse."""
    raw = json.dumps(text, ensure_ascii=False)
    return _FOLDED.sub(lambda found: f"\\u{ord(found[0]):04x}", raw)


def as_block(text: str) -> bool:
    """True for lines that are better written below each other (`|-`)."""
    return "\n" in text and text[0] not in " \t\n" and "\t" not in text and all(map(_printable, text.split("\n")))


def _printable(line: str) -> bool:
    return line.isprintable() and line == line.rstrip()


def _value(value: object, indent: int) -> str:
    if isinstance(value, dict):
        pairs = (f"{key}: {_in_flow(one)}" for key, one in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, str) and as_block(value):
        return "|-\n" + "\n".join(f"{' ' * indent}{line}" if line else "" for line in value.split("\n"))
    return written(value) if isinstance(value, str) else number(value)


def _in_flow(value: object) -> str:
    if isinstance(value, str):
        return value if _FLOW_PLAIN.fullmatch(value) and is_plain(value) else quoted(value)
    return number(value)


def number(value: object) -> str:
    """A number or a flag as YAML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return format(Decimal(str(value)), "f") if isinstance(value, int | float) else str(value)
