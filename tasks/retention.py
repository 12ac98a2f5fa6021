"""What goes and what stays, in sums: kinds, reasons, files and bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from catalog.catalog import Catalog
from catalog.collection import Heard, Judged, Stray
from catalog.retention import DAY, Rules
from tasks.sources import files_of


@dataclass(frozen=True)
class Line:
    """Files of one kind that go, or stay, for one reason."""

    kind: str
    why: str
    files: int
    bytes: int


@dataclass
class Sums:
    """What a collection did, or would do. `freed_bytes`: of files that are gone; `scratch_bytes`: among them."""

    done: bool
    freed_bytes: int = 0
    scratch_bytes: int = 0
    _go: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    _stay: dict[tuple[str, str], list[int]] = field(default_factory=dict)

    @property
    def go(self) -> list[Line]:
        """What goes, most bytes first."""
        return _lines(self._go)

    @property
    def stay(self) -> list[Line]:
        """What stays, most bytes first."""
        return _lines(self._stay)

    @property
    def going_bytes(self) -> int:
        """Bytes of everything that goes."""
        return sum(line.bytes for line in self.go) + self.scratch_bytes

    def facts(self) -> dict[str, Any]:
        """The same for machines."""
        named = ("done", "freed_bytes", "scratch_bytes", "going_bytes", "go", "stay")
        return {name: getattr(self, name) for name in named}

    def add(self, one: Judged | Stray) -> None:
        """Count one artifact or stray file."""
        if isinstance(one, Stray):
            kind, why, size, goes = "unknown", one.why, one.file.bytes, not self.done or one.freed is not None
        else:
            kind, why, size, goes = one.artifact.kind, one.verdict.why, one.artifact.bytes, one.verdict.go
        total = (self._go if goes else self._stay).setdefault((kind, why), [0, 0])
        total[0] += 1
        total[1] += size
        self.freed_bytes += one.freed or 0


def collect(catalog: Catalog, rules: Rules, *, remove: bool, heard: Heard = lambda done, total: None) -> Sums:
    """Remove what `rules` let go, or only say what that would be; files no row knows, and scratch, unless narrowed.

    Raises StoreUnavailable.
    """
    sums = Sums(remove)
    everything = rules.run_id is None and not rules.kinds
    found: Iterable[Judged | Stray] = (catalog.collect if remove else catalog.survey)(rules, files_of, heard)
    for one in found:
        sums.add(one)
    if everything:
        if remove:
            catalog.recover()
        sums.scratch_bytes = catalog.scratch(remove=remove)
        sums.freed_bytes += sums.scratch_bytes if remove else 0
        for stray in catalog.remove_strays(files_of) if remove else catalog.strays():
            sums.add(stray)
    return sums


def rules_of(keep_masters_days: float, keep_superseded_days: float) -> Rules:
    """Retention by days; 0 keeps for ever. Pictures go when the last of what was made of them has been gone as long."""
    masters = keep_masters_days * DAY or None
    superseded = keep_superseded_days * DAY or None
    return Rules(intermediates=masters, superseded=superseded, sources=superseded)


def _lines(sums: Mapping[tuple[str, str], list[int]]) -> list[Line]:
    lines = [Line(kind, why, files, size) for (kind, why), (files, size) in sums.items()]
    return sorted(lines, key=lambda line: (-line.bytes, line.kind, line.why))
