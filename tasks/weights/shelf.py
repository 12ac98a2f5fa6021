"""What is on the shelf: known weights and one's own checkpoints, which of them are here, how their licences stand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from catalog.licences import Grant, LicenceLedger
from manifests.errors import Problem
from models.svd import checkpoint
from tasks.weights.known import Known, known_weights, parts_of
from tasks.weights.offers import Standing, licence_standing
from tasks.weights.record import read_record


@dataclass(frozen=True)
class Shelved:
    """One set of weights. `bytes` are those here, or known to come; `verified_at` is when all of it was last read."""

    name: str
    about: str
    folder: Path
    here: Literal["whole", "partly", "no"]
    missing: tuple[str, ...]
    bytes: int
    all_sizes_known: bool
    licence: str
    gated: bool
    grant: Grant | None
    problem: Problem | None
    warnings: tuple[str, ...]
    verified_at: datetime | None
    page: str

    @property
    def licence_told(self) -> str:
        """The licence and how it stands, in a few words."""
        if not self.gated:
            return self.licence
        if self.grant is not None:
            until = f" until {self.grant.expires_at:%Y-%m-%d}" if self.grant.expires_at else ""
            accepted = f"accepted by {self.grant.accepted_by} for {self.grant.holder}"
            return f"{self.licence}: {self.grant.kind}, {accepted}{until}"
        if self.here == "no":
            return f"{self.licence}: to be accepted"
        states = {"LICENCE_EXPIRED": "expired", "LICENCE_CHANGED": "text has changed"}
        code = self.problem.code if self.problem else ""
        return f"{self.licence}: {states.get(code, 'not accepted')}"

    def facts(self) -> dict[str, Any]:
        """The same as JSON."""
        return {
            "name": self.name,
            "about": self.about,
            "folder": str(self.folder),
            "here": self.here,
            "missing": list(self.missing),
            "bytes": self.bytes,
            "licence": self.licence,
            "gated": self.gated,
            "grant": self.grant.facts() if self.grant else None,
            "problem": self.problem,
            "warnings": list(self.warnings),
            "verified_at": self.verified_at,
            "page": self.page,
        }


def shelf(catalog: LicenceLedger, weights_dir: Path) -> list[Shelved]:
    """Everything known, then the checkpoints here that nobody knows. Reads no weights: `verify` does."""
    return [*(_known(catalog, weights_dir, known) for known in known_weights().values()), *_own(catalog, weights_dir)]


def _known(catalog: LicenceLedger, weights_dir: Path, known: Known) -> Shelved:
    folder = weights_dir / known.folder
    parts = parts_of(known)
    found = {part.file.place: weights_dir / part.place for part in parts if (weights_dir / part.place).is_file()}
    missing = tuple(part.file.place for part in parts if part.file.place not in found)
    standing = licence_standing(catalog, known.name, folder) if known.gated else Standing("", None, None)
    sizes = [found[part.file.place].stat().st_size if part.file.place in found else part.file.bytes for part in parts]
    record = read_record(folder)
    read = [line.verified_at for place in found if (line := record.get(place))]
    return Shelved(
        name=known.name,
        about=known.about,
        folder=folder,
        here="whole" if not missing else "partly" if found else "no",
        missing=missing,
        bytes=sum(known_size or 0 for known_size in sizes),
        all_sizes_known=None not in sizes,
        licence=known.licence,
        gated=known.gated,
        grant=standing.grant,
        problem=standing.problem,
        warnings=standing.warnings,
        verified_at=min(read) if found and len(read) == len(found) else None,
        page=known.page,
    )


def _own(catalog: LicenceLedger, weights_dir: Path) -> Iterator[Shelved]:
    """Fine-tunes and the like: they stand on SVD's licence, so an acceptance is asked for them too."""
    for name, found in checkpoint.available(weights_dir).items():
        if name in known_weights():
            continue
        standing = licence_standing(catalog, name, found.folder)
        yield Shelved(
            name=name,
            about=f"a checkpoint of your own, {found.frames} frames at once",
            folder=found.folder,
            here="whole",
            missing=(),
            bytes=sum(path.stat().st_size for path in found.files.values()),
            all_sizes_known=True,
            licence="its own text",
            gated=True,
            grant=standing.grant,
            problem=standing.problem,
            warnings=standing.warnings,
            verified_at=None,
            page="",
        )
