"""Rows of a manifest put in another order, given other lengths, taken out or copied; all other text stays as it is."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from manifests.errors import InputError, Problem
from manifests.marked import read
from tasks.editorial.yaml_rows import Row, Rows, find_rows

_SHORTEST = 100
"""Thousandths of a second that `seconds` may say at least."""


@dataclass(frozen=True)
class Wanted:
    """A row of the scene as it is to be: `frames` where its length changes, `copy` the id where it is a copy."""

    id: str
    frames: int | None = None
    copy: str = ""


def rewritten(
    text: str, file: str, scene: Collection[str], wanted: Sequence[Wanted], rate: Fraction
) -> tuple[str, Mapping[str, str]]:
    """The manifest's text with the rows of `scene` as `wanted` says, and the text of each row that is taken out.

    `scene` are ids; rows of others stay where they are, and the wanted ones take the scene's places among them in
    order. A length in `seconds` stays one where it is whole milliseconds, and becomes `frames` where it is not. The
    result is read again and held against what was wanted. `wanted` is never empty.

    Raises InputError: as `find_rows`, `DUPLICATE_ID`, `ROW_MISSING` for an id that has no row, `ROWS_FORM` where the
    rows are written in a way that cannot be changed safely.
    """
    found = find_rows(text, file)
    rows = {row.id: row for row in found.rows}
    if twice := next((row.id for row in found.rows if row is not rows[row.id]), ""):
        message = f"two rows have the id '{twice}'"
        raise InputError(Problem("DUPLICATE_ID", message, "give each row an id of its own", file, item=twice))
    for one in wanted:
        if one.id not in rows:
            message = f"there is no row with the id '{one.id}'"
            raise InputError(Problem("ROW_MISSING", message, "name the manifest the timeline was made of", file))
    texts = [_text(rows[one.id], one, rate, found.line_end, file) for one in wanted]
    result = _laid(found, scene, texts)
    _check(text, result, file, scene, wanted, rate)
    kept = {one.id for one in wanted}
    return result, {row.id: row.text for row in found.rows if row.id in scene and row.id not in kept}


def _laid(found: Rows, scene: Collection[str], texts: Sequence[str]) -> str:
    """The rows' places filled in order; places left over vanish with the blank lines after them."""
    places = [number for number, row in enumerate(found.rows) if row.id in scene]
    rest = list(texts)
    laid: list[tuple[str, str]] = []
    for number, row in enumerate(found.rows):
        # The last row ends the file, or the list: what follows it belongs to neither.
        gap = found.between[number] if number + 1 < len(found.rows) else found.line_end
        if number not in places:
            laid.append((row.text, gap))
        elif rest:
            laid.append((rest.pop(0), gap))
        if places and number == places[-1]:
            while rest:  # copies: more rows than there were places
                laid.append((rest.pop(0), gap))
    *most, (last, _) = laid
    return found.head + "".join(row + gap for row, gap in most) + last + found.between[-1]


def _text(row: Row, wanted: Wanted, rate: Fraction, line_end: str, file: str) -> str:
    changes: list[tuple[int, int, str]] = []
    if wanted.copy:
        one = row.fields["id"]
        changes.append((one.first, one.last, wanted.copy))
    if wanted.frames is not None:
        changes.append(_length(row, wanted.frames, rate, line_end, file))
    text = row.text
    for first, last, new in sorted(changes, reverse=True):
        text = text[:first] + new + text[last:]
    return text


def _length(row: Row, frames: int, rate: Fraction, line_end: str, file: str) -> tuple[int, int, str]:
    """Where in the row's text its length is written, or is to be, and what to write there."""
    told = row.fields.get("frames") or row.fields.get("seconds")
    if told and not told.plain:
        message = f"item '{row.id}': its length is no single number"
        raise InputError(Problem("ROWS_FORM", message, "give it one frames: or seconds:", file, item=row.id))
    if told and told is row.fields.get("frames"):
        return told.first, told.last, str(frames)
    if told:
        seconds = in_seconds(frames, rate)
        return (told.first, told.last, seconds) if seconds else (told.key, told.last, f"frames: {frames}")
    after = row.fields["id"].last
    if row.flow:
        return after, after, f", frames: {frames}"
    ends = [at for mark in ("\n", "\r") if (at := row.text.find(mark, after)) >= 0]
    end = min(ends, default=len(row.text))
    return end, end, f"{line_end}{' ' * row.indent}frames: {frames}"


def in_seconds(frames: int, rate: Fraction) -> str:
    """The length in seconds where that is whole milliseconds, else nothing: `seconds: 1.5417` would be a guess."""
    thousandths = frames / rate * 1000
    return f"{float(thousandths / 1000):g}" if thousandths.denominator == 1 and thousandths >= _SHORTEST else ""


def _check(
    before: str, after: str, file: str, scene: Collection[str], wanted: Sequence[Wanted], rate: Fraction
) -> None:
    """Believe the text that was written, not the way it was written. Raises InputError (`ROWS_FORM`)."""
    old, new = _values(before, file), _values(after, file)
    rest = list(wanted)
    expected: list[dict[str, Any]] = []
    by_id = {str(row["id"]): row for row in old["rows"]}
    places = [number for number, row in enumerate(old["rows"]) if str(row["id"]) in scene]
    for number, row in enumerate(old["rows"]):
        if number not in places:
            expected.append(dict(row))
        elif rest:
            expected.append(_expected(by_id, rest.pop(0), rate))
        if places and number == places[-1]:
            expected += [_expected(by_id, one, rate) for one in rest]
    if new is None or new != {**old, "rows": expected}:
        message = "the rows are written in a way that cannot be changed safely; nothing was changed"
        raise InputError(Problem("ROWS_FORM", message, "write each row's keys on lines of their own", file))


def _values(text: str, file: str) -> Any:
    try:
        found = read(text, file)
    except ValueError:
        return None
    return None if found.problems else found.value


def _expected(rows: Mapping[str, Mapping[str, Any]], wanted: Wanted, rate: Fraction) -> dict[str, Any]:
    row = dict(rows[wanted.id])
    if wanted.copy:
        row["id"] = wanted.copy
    if wanted.frames is not None:
        seconds = in_seconds(wanted.frames, rate)
        if "frames" not in row and "seconds" in row and seconds:
            row["seconds"] = int(seconds) if seconds.isdigit() else float(seconds)
        else:
            row.pop("seconds", None)
            row["frames"] = wanted.frames
    return row
