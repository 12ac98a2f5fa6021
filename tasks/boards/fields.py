"""Values of somebody else's JSON: numbers that may be text, text that may hold anything, and what is neither."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

from manifests.errors import ManifestError, Problem
from manifests.textfile import UnreadableError, read_text

LARGEST_PROJECT = 64 * 1024 * 1024
"""Bytes of a project file: scenes built in 3D are large, but no board needs a megabyte."""
_NUMBER = re.compile(r"[-+]?(\d{1,40}(\.\d{0,40})?|\.\d{1,40})([eE][-+]?\d{1,3})?")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")


@dataclass
class Told:
    """What was found on the way: `problems` refuse the import, `warnings` go into its report."""

    problems: list[Problem] = field(default_factory=list[Problem])
    warnings: list[str] = field(default_factory=list[str])

    def refuse(self) -> None:
        """Raise ManifestError with all problems, if there are any."""
        if self.problems:
            raise ManifestError(self.problems)


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in `path`; all its numbers are `Decimal`.

    Raises:
        ManifestError: FILE_MISSING, NOT_A_FILE, TOO_LARGE, BAD_ENCODING, BAD_JSON or WRONG_TYPE.
    """
    try:
        text = read_text(path, str(path), LARGEST_PROJECT)
        value: object = json.loads(text, parse_float=_decimal, parse_int=_decimal, parse_constant=str)
    except UnreadableError as error:
        raise ManifestError([error.problem]) from error
    except json.JSONDecodeError as error:
        remedy = "save the project again, or take its last good copy"
        found = f"this is no JSON: {error.msg}"
        raise ManifestError([Problem("BAD_JSON", found, remedy, str(path), error.lineno)]) from error
    except RecursionError as error:
        found = "this JSON nests too deep to be a project"
        raise ManifestError([Problem("BAD_JSON", found, "save the project again", str(path))]) from error
    if not isinstance(value, dict):
        found = f"the file holds {_kind(value)}, a project is one object"
        raise ManifestError([Problem("WRONG_TYPE", found, "name the project's own file", str(path), 1)])
    return cast("dict[str, Any]", value)


@dataclass(frozen=True)
class Fields:
    """One JSON object; `who` names it in messages. A value of the wrong type is a problem and reads as missing."""

    values: Mapping[str, Any]
    file: str
    who: str
    told: Told

    def text(self, key: str) -> str:
        """Text without what no file of text may hold; a number as it is written; "" where there is none."""
        value = self.values.get(key)
        if value is None:
            return ""
        if isinstance(value, str):
            return clean(value)
        if isinstance(value, Decimal | bool):
            return str(value)
        self._wrong(key, value, "text")
        return ""

    def number(self, key: str) -> Decimal | None:
        """A number, or a number written as text; None where there is none. Other text is told and reads as none."""
        value = self.values.get(key)
        if value is None or value == "":
            return None
        if isinstance(value, Decimal):
            return value
        if isinstance(value, str):
            if _NUMBER.fullmatch(value.strip()):
                return Decimal(value.strip())
            self.told.warnings.append(f"{self.who}: {key} is {clean(value)[:40]!r}, no number; the default is taken")
            return None
        self._wrong(key, value, "a number")
        return None

    def flag(self, key: str) -> bool:
        """True where the value says so."""
        value = self.values.get(key)
        return value is True or (isinstance(value, str) and value.strip().lower() == "true")

    def object(self, key: str, who: str = "") -> Fields | None:
        """The object under `key`, None where there is none."""
        value = self.values.get(key)
        if value is None:
            return None
        if isinstance(value, dict):
            return Fields(cast("dict[str, Any]", value), self.file, who or self.who, self.told)
        self._wrong(key, value, "an object")
        return None

    def items(self, key: str) -> list[Any]:
        """The list under `key`, empty where there is none."""
        value = self.values.get(key)
        if value is None:
            return []
        if isinstance(value, list):
            return cast("list[Any]", value)
        self._wrong(key, value, "a list")
        return []

    def problem(self, code: str, found: str, remedy: str) -> None:
        """Refuse the import for what this object says."""
        self.told.problems.append(Problem(code, f"{self.who}: {found}", remedy, self.file))

    def _wrong(self, key: str, value: object, wanted: str) -> None:
        self.problem("WRONG_TYPE", f"{key} is {_kind(value)}, {wanted} was wanted", "save the project again")


def clean(text: str) -> str:
    """`text` with plain line ends, without control characters and white space around it."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n")
    return "\n".join(line.rstrip() for line in _UNPRINTABLE.sub("", lines).split("\n")).strip()


def _decimal(text: str) -> Decimal | str:
    """Numbers beyond any board's use stay text, which then is no number."""
    return Decimal(text) if _NUMBER.fullmatch(text) else text


def _kind(value: object) -> str:
    kinds = {dict: "an object", list: "a list", str: "text", bool: "true or false", Decimal: "a number"}
    return kinds.get(type(value), "nothing")
