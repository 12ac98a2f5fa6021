"""Portable file names from any text, and the template that names a delivery."""

from __future__ import annotations

import functools
import hashlib
import re
import string
import unicodedata
from collections.abc import Mapping, Sequence

LONGEST = 120
"""Bytes of a portable name: room for suffixes below every file system's 255."""

DEFAULT_TEMPLATE = "{id}_{variant}_{preset}"
FIELDS = ("id", "variant", "preset", "title", "shot", "panel")
"""What a template may name, besides `meta.<name>`."""

_SAFE = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_-])?")
_EXTENSIONS = (".mp4", ".mov")
_FILE = re.compile(r"\.(mp4|mov|jpg|csv|json)$", re.IGNORECASE)
_SHEET = re.compile(r"contact-sheet(-\d+)?", re.IGNORECASE)
_LETTERS = str.maketrans({"ß": "ss", "æ": "ae", "Æ": "AE", "ø": "o", "Ø": "O", "œ": "oe", "ł": "l", "Ł": "L", "đ": "d"})
_RESERVED = {"con", "prn", "aux", "nul", *(f"{device}{n}" for device in ("com", "lpt") for n in range(1, 10))}


def portable(text: str, longest: int = LONGEST) -> str:
    """A name every file system takes: ASCII letters, digits, `.`, `_`, `-`; at most `longest` bytes (16 or more).

    It starts with no `-` or `.` and ends with no `.`. Spaces become `-`. Where more than spaces was lost or cut, eight
    hex digits of the text's SHA-256 follow, so that names of different texts stay different.
    """
    if _SAFE.fullmatch(text) and len(text) <= longest and text.split(".")[0].lower() not in _RESERVED:
        return text
    plain = unicodedata.normalize("NFC", text).strip(" ")
    spaced = re.sub(r"\s+", "-", plain)
    ascii_text = unicodedata.normalize("NFKD", spaced.translate(_LETTERS)).encode("ascii", "ignore").decode()
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", ascii_text).lstrip("-.").rstrip("-.")
    if (
        name
        and name == plain.replace(" ", "-")
        and len(name) <= longest
        and name.split(".")[0].lower() not in _RESERVED
    ):
        return name
    digest = hashlib.sha256(plain.encode()).hexdigest()[:8]
    stem = name[: longest - len(digest) - 1].rstrip("-.")
    return f"{stem}-{digest}" if stem else f"x-{digest}"


def template_fault(template: str) -> str:
    """What is wrong with an output template, in words; empty where nothing is."""
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as error:
        return f"it is no template: {error}"
    for _, field, spec, conversion in parts:
        if field is None:
            continue
        if spec or conversion:
            return f"{{{field}}} takes no format"
        if field not in FIELDS and not re.fullmatch(r"meta\..+", field):
            return f"{{{field}}} is no field; fields are {', '.join(FIELDS)} and meta.<name>"
    literal = "".join(text for text, *_ in parts)
    if re.search(r"[^A-Za-z0-9._ /-]", literal):
        return "outside {fields} it may hold ASCII letters, digits, space and . _ - / only"
    folders = template.split("/")
    if "" in folders or any(folder.strip(" .") == "" for folder in folders):
        return "it must name a file inside the out folder: no leading or double /, no . or .."
    if not any(field in ("id", "title", "variant") or (field or "").startswith("meta.") for _, field, _, _ in parts):
        return "every delivery would get one name; it needs {id}"
    return ""


def output_name(template: str, fields: Mapping[str, str], extension: str) -> str:
    """A delivery's path inside the out folder, with `/` between folders: portable names all the way.

    `fields` gives a text per field of the template; a missing or empty one vanishes with the separator before it,
    and a folder with nothing in its name does too.
    `extension` is the container's (`mp4`), whichever the template ends with.
    """
    *parents, name = [_component(parts, fields) for parts in _parsed(template)]
    # A folder is never called as a file may be, and no poster as the folder's own sheets.
    folders = [f"{folder}_" if _FILE.search(folder) else folder for folder in parents if folder]
    if not folders and _SHEET.fullmatch(name):
        name += "_"
    return "/".join([*folders, f"{name or 'untitled'}.{extension}"])


@functools.lru_cache(maxsize=16)
def _parsed(template: str) -> list[list[tuple[str, str | None]]]:
    """The template's folders and name, each as (literal, field) pairs."""
    for known in _EXTENSIONS:
        template = template.removesuffix(known)
    parse = string.Formatter().parse
    return [[(literal, field) for literal, field, _, _ in parse(part)] for part in template.split("/")]


def _component(parts: Sequence[tuple[str, str | None]], fields: Mapping[str, str]) -> str:
    name = ""
    for literal, field in parts:
        value = fields.get(field, "") if field else ""
        if field and not value:
            name += literal.rstrip("_- ")
        else:
            name += literal + (portable(value, 80) if value else "")
    name = name.lstrip("_- ")
    return portable(name) if name else ""
