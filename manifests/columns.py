"""Which heading of a foreign file fills which key, and which of its rows count."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from manifests.errors import Problem
from manifests.faults import nearest, shortened
from manifests.header import Condition, Except, RowsFile
from manifests.keys import OPEN, ROW_KEYS, ask_keys, ask_schema, is_key
from manifests.marked import Marked


class Columns:
    """The keys each heading fills. A heading that is itself a key fills it; `columns:` says the rest."""

    def __init__(self, spec: RowsFile, written: Marked, file: str) -> None:
        """`written` is the `rows:` mapping of the manifest `file`, for line numbers."""
        self.spec = spec
        # JSON can nest; a spreadsheet's column cannot hold a whole part.
        self._whole = ask_schema()["properties"].keys() if spec.jsonl else ask_keys().keys() - set(OPEN)
        self.file = file
        self._lines = written.get("columns") if isinstance(written.get("columns"), Marked) else written
        self._line = written.line
        self._by_heading: dict[str, list[str]] = {}
        for key, heading in spec.columns.items():
            self._by_heading.setdefault(heading, []).append(key)
        self._known: dict[str, tuple[str, ...] | None] = {}

    def faults(self, headings: Iterable[str] | None) -> list[Problem]:
        """What is wrong with `columns:` itself, and, where the file's headings are known, with its use of them."""
        problems = [
            self._fault("UNKNOWN_KEY", f"columns.{key}: {key} is no key of a row", key, self._near_key(key))
            for key in self.spec.columns
            if key not in ROW_KEYS and not is_key(key)
        ]
        if headings is None:
            return problems
        have = tuple(headings)
        named = [(f"columns.{key}", heading, key) for key, heading in self.spec.columns.items()]
        named += [("profile_from", heading, "") for heading in (self.spec.profile_from,) if heading]
        named += [(f"where.{heading}", heading, "") for heading in self.spec.where]
        for what, heading, key in named:
            if heading not in have:
                near = nearest(heading, have)
                remedy = f"did you mean '{near}'?" if near else "headings: " + shortened(", ".join(have), 400)
                problems.append(
                    self._fault("UNKNOWN_COLUMN", f"{what}: the file has no heading '{heading}'", key, remedy)
                )
        if "id" not in self.spec.columns and "id" not in have:
            remedy = "write columns: {id: Heading}; headings: " + shortened(", ".join(have), 400)
            problems.append(self._fault("MISSING_ID", "no column fills id", "", remedy))
        return problems

    def keys(self, heading: str) -> tuple[str, ...] | None:
        """The keys a heading fills; none for one that only chooses a profile or filters; None for an unknown one."""
        if heading not in self._known:
            self._known[heading] = self._look(heading)
        return self._known[heading]

    def _look(self, heading: str) -> tuple[str, ...] | None:
        if heading in self._by_heading:
            return tuple(self._by_heading[heading])
        if heading not in self.spec.columns and (heading in ROW_KEYS or heading in self._whole or is_key(heading)):
            return (heading,)
        if self.spec.rest == "meta":
            return (f"meta.{heading}",)
        return () if heading == self.spec.profile_from or heading in self.spec.where else None

    def unknown(self, heading: str, file: str, line: int) -> Problem:
        """The problem of a heading that fills nothing."""
        near = nearest(heading, (*ROW_KEYS, *ask_keys()))
        hint = f"did you mean {near}? or " if near else ""
        if heading in self.spec.columns:
            hint = f"columns: fills {heading} from '{self.spec.columns[heading]}'; "
        remedy = hint + "map it with columns:, or keep such with rest: meta"
        return Problem("UNKNOWN_KEY", f"the heading '{shortened(heading)}' is no key", remedy, file, line)

    def counts(self, row: Mapping[str, object]) -> bool:
        """True for a row that meets every condition of `where:`."""
        return all(_meets(row.get(heading), condition) for heading, condition in self.spec.where.items())

    def profile(self, row: Mapping[str, object]) -> str | None:
        """The profile the row's own column chooses; None where it leaves that open."""
        if not self.spec.profile_from:
            return None
        value = _text(row.get(self.spec.profile_from))
        fallback = self.spec.profile_map.get("*", value)
        return (self.spec.profile_map.get(value, fallback) if value else self.spec.profile_map.get("*")) or None

    def _near_key(self, key: str) -> str:
        near = nearest(key, (*ROW_KEYS, *ask_keys()))
        return f"did you mean {near}?" if near else "keys are those of an ask, dotted, id, profile and meta.<name>"

    def _fault(self, code: str, message: str, key: str, remedy: str) -> Problem:
        lines: Any = self._lines
        return Problem(code, message, remedy, self.file, lines.lines.get(key, lines.line))


def _text(value: object) -> str:
    return "" if value is None else str(value).strip()


def _meets(found: object, condition: Condition) -> bool:
    if isinstance(condition, Except):
        return not _meets(found, condition.unwanted)
    options = condition if isinstance(condition, tuple) else (condition,)
    # Spreadsheets write TRUE, YAML true: letters' case says nothing here.
    return _text(found).casefold() in {_text(option).casefold() for option in options}
