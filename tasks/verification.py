"""Reading stored files again, on several cores; damage is written down, so that the next run or resume mends it."""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from catalog.catalog import Catalog
from catalog.crosscheck import check_rows, files_and_rows, unknown_file
from catalog.errors import Damaged, NotFound, StoreUnavailable
from catalog.findings import Finding, damage
from catalog.queries.damage import placed_files
from catalog.retention import Held
from catalog.store import Stored, hash_file
from tasks.readback import unreadable

STAMP_EVERY = 100
"""Files whose `verified_at` is written together."""

Heard = Callable[[int, int], None]
"""Told of files and bytes that were just read."""


def _silent(files: int, read: int) -> None:
    pass


@dataclass(frozen=True)
class _Fault:
    code: str
    found: str


def read_again(
    catalog: Catalog, artifacts: Iterable[Held], *, threads: int, decode: bool, heard: Heard = _silent
) -> Iterator[Finding]:
    """Hash every artifact, decode it where asked to, stamp those that are right, mark those that are not.

    A damaged source picture is taken in again at once, where its original still lies where it was. Raises
    StoreUnavailable where the store as a whole does not answer.
    """
    good: list[str] = []
    for artifact, fault in _checked(catalog, artifacts, threads, decode):
        if fault is None:
            good.append(artifact.sha256)
            if len(good) == STAMP_EVERY:
                catalog.stamp_verified(good)
                good.clear()
        elif (finding := written_down(catalog, artifact, fault.code, fault.found)) is not None:
            yield finding
        heard(1, artifact.bytes)
    catalog.stamp_verified(good)


def written_down(catalog: Catalog, artifact: Held, code: str, found: str) -> Finding | None:
    """Mark a file as damaged and tell of it; None where it was collected, or came back, meanwhile."""
    sha256 = artifact.sha256
    if not catalog.still_present(sha256) or (code == "FILE_MISSING" and catalog.store.has(sha256, artifact.location)):
        return None
    catalog.mark_damaged(sha256, found)
    finding = damage(catalog, code, sha256, artifact.kind, found)
    if artifact.kind == "source" and _taken_in_again(catalog, artifact):
        return Finding(
            code, finding.who, found, finding.wanted, "it was taken in again from its original just now", sha256
        )
    return finding


def check_files(catalog: Catalog, heard: Heard = _silent) -> Iterator[Finding]:
    """Every row against its file's name and size, and every file against its row, without reading any."""
    strange: list[Stored] = []
    for row, file in files_and_rows(catalog):
        if row is None and file is not None:
            strange.append(file)
        elif row is not None and file is None:
            if (finding := written_down(catalog, row, "FILE_MISSING", "no file in the store")) is not None:
                yield finding
        elif row is not None and file is not None and row.bytes != file.bytes:
            said = f"{file.bytes} bytes of {row.bytes}"
            if (finding := written_down(catalog, row, "FILE_CUT", said)) is not None:
                yield finding
        heard(1, 0)
    for file in strange:  # last: what was on its way to its row has arrived
        if (finding := unknown_file(catalog, file)) is not None:
            yield finding


def check_catalog(catalog: Catalog, run_id: str | None = None) -> Iterator[Finding]:
    """The rows against each other; a result that stands though its file is damaged is taken back."""
    for finding in check_rows(catalog, run_id):
        if finding.code == "RESULT_LOST":
            catalog.mark_damaged(finding.sha256, finding.found)
        yield finding


def check_out_folders(catalog: Catalog, run_id: str | None = None) -> Iterator[Finding]:
    """Files in out folders that are not what was put there. A folder that was deleted or moved is nobody's fault."""
    for placed in placed_files(catalog, run_id):
        path = Path(placed.path)
        if not path.is_file():
            continue
        if path.stat().st_size == placed.bytes and (_same(catalog, path, placed.sha256) or _is(path, placed.sha256)):
            continue
        yield Finding(
            "OUT_FOLDER_DIFFERS",
            f"'{path}'",
            "other bytes than the delivery that was put there",
            f"artifact {placed.sha256[:12]}",
            f"`dailies export {path.parent} --run {placed.run_id}` puts it back",
            placed.sha256,
            placed.run_id,
        )


def _checked(
    catalog: Catalog, artifacts: Iterable[Held], threads: int, decode: bool
) -> Iterator[tuple[Held, _Fault | None]]:
    """Results in order, with twice as many files in work or waiting as there are threads."""
    with ThreadPoolExecutor(threads, thread_name_prefix="verify") as pool:
        pending: deque[tuple[Held, Future[_Fault | None]]] = deque()
        try:
            for artifact in artifacts:
                pending.append((artifact, pool.submit(_fault, catalog, artifact, decode)))
                if len(pending) >= 2 * threads:
                    done, future = pending.popleft()
                    yield done, future.result()
            while pending:
                done, future = pending.popleft()
                yield done, future.result()
        finally:
            for _, future in pending:
                future.cancel()


def _fault(catalog: Catalog, artifact: Held, decode: bool) -> _Fault | None:
    store, sha256, location = catalog.store, artifact.sha256, artifact.location
    try:
        store.verify(sha256, location, deep=True)
        wrong = unreadable(store.path(sha256, location), artifact.kind, artifact.media) if decode else None
        return _Fault("FILE_UNREADABLE", wrong) if wrong else None
    except Damaged as error:
        return _Fault("FILE_DAMAGED" if store.has(sha256, location) else "FILE_MISSING", str(error))
    except NotFound:
        return _Fault("FILE_MISSING", "no file in the store")
    except StoreUnavailable as error:
        # One bad sector is damage; only a store that answers no question at all is away.
        if isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EIO:
            store.refuse_absence()
            return _Fault("FILE_DAMAGED", str(error.__cause__))
        raise


def _taken_in_again(catalog: Catalog, artifact: Held) -> bool:
    for path in map(Path, catalog.originals(artifact.sha256)):
        try:
            if path.is_file() and hash_file(path) == artifact.sha256:
                return catalog.ingest(path, artifact.kind, artifact.media) == artifact.sha256
        except OSError:  # the picture's own folder is away: then it is not here to be taken in
            continue
    return False


def _same(catalog: Catalog, path: Path, sha256: str) -> bool:
    """A link to the stored file, which is read elsewhere."""
    if not catalog.store.lasting:
        return False
    try:
        return path.samefile(catalog.store.path(sha256))
    except (NotFound, FileNotFoundError):
        return False


def _is(path: Path, sha256: str) -> bool:
    return hash_file(path) == sha256
