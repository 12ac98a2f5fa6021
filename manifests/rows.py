"""Rows of a manifest, from wherever they come: inline, CSV, or one JSON object per line."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, cast

from manifests.columns import Columns
from manifests.errors import Problem
from manifests.faults import MOST_FAULTS, shortened
from manifests.keys import ROW_KEYS, cell, path_of
from manifests.marked import Marked, MarkedList

MOST_HEADINGS = 2_000
"""Columns of a CSV: a person's export has a hundred."""


@dataclass(frozen=True)
class Row:
    """One row as asked: its id as written (None: missing), its profile, its layer of the ask, and what was wrong with
    it before anybody asked what it says."""

    id: object
    profile: str | None
    ask: Marked
    file: str
    line: int
    problems: tuple[Problem, ...] = ()


def _unread(problem: Problem, line: int) -> Row:
    """A row of which nothing can be used."""
    return Row(None, None, Marked(line), problem.file, line, (problem,))


def inline_rows(rows: MarkedList, file: str) -> Iterator[Row]:
    """Rows written in the manifest itself."""
    for index, (written, line) in enumerate(zip(cast("list[object]", rows), rows.lines, strict=True)):
        if not isinstance(written, Marked):
            remedy = "write - id: ... with the row's keys below it"
            found = f"a row is a mapping, here stands {shortened(written)}"
            yield _unread(Problem("WRONG_TYPE", found, remedy, file, line), line)
            continue
        profile = written.get("profile")
        ask = Marked(written.line)
        ask.update({key: value for key, value in written.items() if key not in ROW_KEYS})
        ask.lines = written.lines
        faults = rows.faults.get(index, ())
        yield Row(written.get("id"), None if profile is None else str(profile), ask, file, line, faults)


def csv_rows(text: str, file: str, columns: Columns, problems: list[Problem]) -> Iterator[Row]:
    """Rows of a CSV with one line of headings. Blank rows and empty cells say nothing; a quoted cell may hold lines."""
    records = _records(text, file, columns.spec.delimiter, problems)
    line, headings = next(records, (1, list[str]()))
    while headings and not headings[-1]:
        headings.pop()
    if not headings:
        problems.append(Problem("NO_ROWS", "the file has no headings", "the first line names the columns", file, line))
        return
    if len(headings) > MOST_HEADINGS:
        found = f"the file has {len(headings)} headings, at most {MOST_HEADINGS} are read"
        problems.append(Problem("TOO_LARGE", found, "leave columns out", file, line))
        return
    broken = [*columns.faults(headings), *_heading_faults(headings, file, line, columns)]
    problems.extend(broken)
    if broken:
        return
    for line, cells in records:
        if any(cells[len(headings) :]):
            found = f"the row has {len(cells)} cells, there are {len(headings)} headings"
            remedy = f"a cell with a {_told_delimiter(text, columns)} in it goes in quotes"
            yield _unread(Problem("TOO_MANY_CELLS", found, remedy, file, line), line)
            continue
        written = {heading: text for heading, text in zip(headings, cells, strict=False) if text}
        if columns.counts(written):
            yield _row(written, file, line, columns, cell)


def jsonl_rows(text: str, file: str, columns: Columns, problems: list[Problem]) -> Iterator[Row]:
    """Rows of a file with one JSON object per line. Keys may be nested or dotted."""
    problems.extend(columns.faults(None))
    for line, written in enumerate(text.split("\n"), 1):
        if not written.strip():
            continue
        try:
            value: object = json.loads(written, object_pairs_hook=_single, parse_constant=_no_constant)
            if "\\u" in written:  # half a surrogate pair is JSON, but no text; a NUL is text no database keeps
                json.dumps(value, ensure_ascii=False).encode()
                if "\\u0000" in json.dumps(value).replace("\\\\", ""):
                    raise ValueError("a NUL character")
        except (ValueError, RecursionError) as error:
            found = f"this line is no JSON object: {error}"
            yield _unread(Problem("JSON_BROKEN", found, "one whole object per line", file, line), line)
            continue
        if not isinstance(value, dict):
            remedy = 'write {"id": "a", "source": "a.png"}'
            found = f"a row is an object, here stands {shortened(value)}"
            yield _unread(Problem("WRONG_TYPE", found, remedy, file, line), line)
            continue
        row = cast("dict[str, object]", value)
        if not columns.counts(row):
            continue
        strangers = {heading: None for heading in row if columns.keys(heading) is None}
        known = {key: v for key, v in row.items() if key not in strangers}
        faults = tuple(columns.unknown(heading, file, line) for heading in islice(strangers, MOST_FAULTS))
        yield replace(_row(known, file, line, columns, _as_it_is), problems=faults)


def _records(text: str, file: str, delimiter: str, problems: list[Problem]) -> Iterator[tuple[int, list[str]]]:
    """Each record with the line it starts on, cells stripped; blank records left out."""
    first_line = text[: text.find("\n")] if "\n" in text else text
    skip = 0
    if first_line.strip().lower().startswith("sep=") and len(first_line.strip()) == 5:  # Excel's own marker
        skip, delimiter = 1, first_line.strip()[4]
        text = text[len(first_line) + 1 :]
    mark = _sniffed(text) if delimiter == "auto" else {"tab": "\t"}.get(delimiter, delimiter)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
    start = 0
    try:
        for record in reader:
            cells = [cell.strip() for cell in record]
            if any(cells):
                yield start + 1 + skip, cells
            start = reader.line_num
    except csv.Error as error:
        remedy = 'close the quotes; a " inside a quoted cell is written ""'
        problems.append(Problem("CSV_BROKEN", f"the record that starts here: {error}", remedy, file, start + 1 + skip))


def _sniffed(text: str) -> str:
    """The delimiter that stands most often in the headings, outside quotes."""
    heading = next((line for line in text.split("\n") if line.strip(" \r;,|\t")), "")
    bare = "".join(heading.split('"')[::2])
    return max((",", ";", "\t", "|"), key=bare.count)


def _told_delimiter(text: str, columns: Columns) -> str:
    return repr(_sniffed(text) if columns.spec.delimiter == "auto" else columns.spec.delimiter)


def _heading_faults(headings: Sequence[str], file: str, line: int, columns: Columns) -> Iterator[Problem]:
    for index, heading in enumerate(headings):
        if not heading:
            yield Problem("UNKNOWN_COLUMN", f"column {index + 1} has no heading", "name it or remove it", file, line)
        elif heading in headings[:index]:
            first = headings.index(heading) + 1
            found = f"the heading '{heading}' stands over columns {first} and {index + 1}"
            yield Problem("DUPLICATE_COLUMN", found, "rename one", file, line)
        elif columns.keys(heading) is None:
            yield columns.unknown(heading, file, line)


def _row(written: Mapping[str, Any], file: str, line: int, columns: Columns, read: Callable[[str, Any], object]) -> Row:
    ask = Marked(line)
    own: dict[str, object] = {}
    for heading, value in written.items():
        keys = columns.keys(heading)
        for key in keys or ():
            if key in ROW_KEYS:
                own[key] = value
            elif value is not None:
                _put(ask, path_of(key), read(key, value))
    profile = own.get("profile")
    return Row(own.get("id"), columns.profile(written) if profile is None else str(profile), ask, file, line)


def _put(ask: Marked, path: Sequence[str], value: object) -> None:
    *parents, last = path
    for name in parents:
        below = ask.get(name)
        if not isinstance(below, dict):
            # `source` may be text in one column and source.page stand in another.
            text, below = below, Marked(ask.line)
            if text is not None:
                below["path"] = text
            ask[name] = below
        ask = cast(Marked, below)
    if last == "source" and isinstance(ask.get(last), dict):
        ask[last]["path"] = value
    elif isinstance(value, dict) and isinstance(ask.get(last), dict):
        ask[last].update(value)
    else:
        ask[last] = value


def _as_it_is(key: str, value: object) -> object:
    return value


def _single(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    whole = dict(pairs)
    if len(whole) != len(pairs):
        names = Counter(name for name, _ in pairs)
        raise ValueError(f"the key '{shortened(names.most_common(1)[0][0])}' stands twice")
    return whole


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no number")
