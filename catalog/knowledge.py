"""What need not be found out again: facts of unchanged pictures, the machine's speed, the weights on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select, tuple_

from catalog.dialect import clock, upsert
from catalog.ledger import Ledger, chunks
from catalog.tables import Benchmark, Picture, Weights


def stamp_of(path: Path) -> str:
    """What a changed file changes: `bytes:mtime_ns:inode`. Raises OSError."""
    facts = path.stat()
    return f"{facts.st_size}:{facts.st_mtime_ns}:{facts.st_ino}"


@dataclass(frozen=True)
class PictureKey:
    """A picture (and its mask, or "") as it lies on the disk now, looked at by version `probe_version` of the probe."""

    path: str
    mask_path: str
    probe_version: int
    stamp: str
    mask_stamp: str

    @classmethod
    def of(cls, path: Path, mask: Path | None, probe_version: int) -> PictureKey:
        """The key of the files as they are. Raises OSError if one cannot be looked at."""
        return cls(
            str(path.absolute()),
            str(mask.absolute()) if mask else "",
            probe_version,
            stamp_of(path),
            stamp_of(mask) if mask else "",
        )


@dataclass(frozen=True)
class PictureFacts:
    """SHA-256 of the picture's bytes, and whatever the probe found."""

    sha256: str
    facts: Mapping[str, Any]


class KnowledgeLedger(Ledger):
    """Writes and look-ups of what the machine has learnt."""

    def picture_facts(self, keys: Sequence[PictureKey]) -> dict[PictureKey, PictureFacts]:
        """Facts of those pictures that have not changed since they were put; the others are missing."""
        known: dict[PictureKey, PictureFacts] = {}
        with self.database.read() as connection:
            for part in chunks(keys):
                names = [(key.path, key.mask_path, key.probe_version) for key in part]
                named = tuple_(Picture.path, Picture.mask_path, Picture.probe_version).in_(names)
                for row in connection.execute(select(Picture).where(named)):
                    key = PictureKey(row.path, row.mask_path, row.probe_version, row.stamp, row.mask_stamp)
                    known[key] = PictureFacts(row.sha256, row.facts)
        return {key: known[key] for key in keys if key in known}

    def put_picture_facts(self, facts: Mapping[PictureKey, PictureFacts]) -> None:
        """Keep what was found out about pictures, replacing what was known under the same names."""
        rows = [
            {
                "path": key.path,
                "mask_path": key.mask_path,
                "probe_version": key.probe_version,
                "stamp": key.stamp,
                "mask_stamp": key.mask_stamp,
                "sha256": value.sha256,
                "facts": dict(value.facts),
            }
            for key, value in facts.items()
        ]
        if not rows:
            return
        with self.database.write() as connection:
            query = upsert(connection, Picture)
            changed = {name: query.excluded[name] for name in ("stamp", "mask_stamp", "sha256", "facts")}
            connection.execute(
                query.on_conflict_do_update(
                    index_elements=["path", "mask_path", "probe_version"], set_=changed | {"seen_at": clock()}
                ),
                rows,
            )

    def record_benchmark(
        self, stage: str, engine: str, host: str, seconds_per_unit: float, detail: Mapping[str, Any] | None = None
    ) -> None:
        """Keep a measured speed of this host, replacing the one before."""
        values = {"seconds_per_unit": seconds_per_unit, "detail": dict(detail or {})}
        with self.database.write() as connection:
            connection.execute(
                upsert(connection, Benchmark)
                .values(stage=stage, engine=engine, host=host, **values)
                .on_conflict_do_update(
                    index_elements=["stage", "engine", "host"], set_=values | {"measured_at": clock()}
                )
            )

    def record_weights(
        self,
        sha256: str,
        name: str,
        source: str,
        licence: str,
        *,
        size: int | None = None,
    ) -> None:
        """Keep a weights file's name, source and licence; who accepted that is in `licences.py`."""
        facts: dict[str, Any] = {"name": name, "source": source, "licence": licence}
        if size is not None:
            facts["bytes"] = size
        with self.database.write() as connection:
            connection.execute(
                upsert(connection, Weights)
                .values(sha256=sha256, **facts)
                .on_conflict_do_update(index_elements=["sha256"], set_=facts)
            )
