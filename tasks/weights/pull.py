"""Bringing weights here: from where they are published, from a mirror, or from a folder somebody carried in."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx

from catalog.store.folder import flush_folder
from tasks.weights.checksum import Wanted, sums_of
from tasks.weights.download import Arrived, NotPublished, PullError, Told, download
from tasks.weights.known import HUB, Known, Part, parts_of
from tasks.weights.record import Line, line_of, read_record, write_record

_CONNECT_SECONDS: Final = 20.0
_READ_SECONDS: Final = 60.0


@dataclass(frozen=True)
class Source:
    """Where to take files from.

    `folder`: a folder instead of the network: laid out as the weights folder, as one of its folders, or as a hub cache.
    `mirror`: a URL that stands for every publisher's `https://host`. `token` opens gated repositories; it is shown to
    huggingface.co and to nobody else.
    """

    folder: Path | None = None
    mirror: str = ""
    token: str = field(default="", repr=False)

    def url(self, published: str) -> str:
        """Where to ask for what is published at `published`."""
        return self.mirror.rstrip("/") + urlsplit(published).path if self.mirror else published

    def headers(self, url: str) -> dict[str, str]:
        """What the server at `url` may know."""
        return {"Authorization": f"Bearer {self.token}"} if self.token and url.startswith(HUB) else {}


@dataclass(frozen=True)
class Pulled:
    """What a pull did: places (below the weights folder) that came, and those that were here and good already."""

    name: str
    came: Mapping[str, Line]
    stood: tuple[str, ...]


def pull(
    known: Known,
    weights_dir: Path,
    source: Source,
    told: Told = lambda what, done, total: None,
    pause: Callable[[float], None] = time.sleep,
) -> Pulled:
    """Bring every file of `known` that is not here or not good. A file that stands gives way to a proved one only.

    Raises PullError; files that came before it are kept and written down, so the same call goes on from there.
    """
    came: dict[str, Line] = {}
    stood: list[str] = []
    missing: list[Part] = []
    for part in parts_of(known):
        if _stands(part, weights_dir, told):
            stood.append(part.place)
        else:
            missing.append(part)
    _check_room(missing, weights_dir)
    with _client() as client:
        for part in missing:
            line = _bring(part, known, weights_dir, source, client, told, pause)
            write_record(weights_dir / part.folder, {part.file.place: line})
            came[part.place] = line
    return Pulled(known.name, came, tuple(stood))


def wanted_of(part: Part, weights_dir: Path) -> Wanted:
    """What is known of a part beforehand: from our table, else as it was when it came."""
    file = part.file
    known = Wanted(file.bytes, file.sha256, file.git_blob)
    line = read_record(weights_dir / part.folder).get(file.place)
    return known if known.by_digest or line is None else known | Wanted(line.bytes, line.sha256)


def _stands(part: Part, weights_dir: Path, told: Told) -> bool:
    path, wanted = weights_dir / part.place, wanted_of(part, weights_dir)
    if not path.is_file() or (wanted.bytes is not None and path.stat().st_size != wanted.bytes):
        return False
    sums = sums_of(path, lambda done, total: told(f"checking {path.name}", done, total))
    if not sums.are(wanted):
        return False
    folder = weights_dir / part.folder
    if part.file.place not in read_record(folder):
        write_record(folder, {part.file.place: line_of(part, part.origin.name, sums)})
    return True


def _check_room(parts: list[Part], weights_dir: Path) -> None:
    """Refuse before the first byte what will not fit."""
    weights_dir.mkdir(parents=True, exist_ok=True)
    begun = sum(partial.stat().st_size for part in parts if (partial := weights_dir / f"{part.place}.part").is_file())
    needed = sum(part.file.bytes or 0 for part in parts) - begun
    free = shutil.disk_usage(weights_dir).free
    if needed > free:
        raise PullError(
            f"{weights_dir} has {free} bytes free, {needed} are to come",
            remedy="free some space, or move DAILIES_WEIGHTS_DIR",
            code="DISK_FULL",
        )


@contextmanager
def _client() -> Iterator[httpx.Client]:
    timeout = httpx.Timeout(_READ_SECONDS, connect=_CONNECT_SECONDS)
    with httpx.Client(follow_redirects=True, timeout=timeout, headers={"User-Agent": "dailies"}) as client:
        yield client


def _bring(
    part: Part,
    known: Known,
    weights_dir: Path,
    source: Source,
    client: httpx.Client,
    told: Told,
    pause: Callable[[float], None],
) -> Line:
    target, wanted = weights_dir / part.place, wanted_of(part, weights_dir)
    twin = weights_dir / part.twin
    if twin != target and twin.is_file() and (sums := sums_of(twin)).are(wanted):
        _link(twin, target)
        return line_of(part, known.name, sums, f"{part.origin.name}'s own file")
    if source.folder is not None:
        return _take(part, known.name, source.folder, target, wanted, told)
    gone: NotPublished | None = None
    for path in part.file.names:
        url = source.url(part.origin.url(path))
        try:
            arrived = download(client, url, target, wanted, headers=source.headers(url), told=told, pause=pause)
        except NotPublished as error:
            gone = gone or error
            continue
        except PullError as error:
            if error.code == "ACCESS_REFUSED":
                error.remedy = (
                    f"accept the terms at {part.origin.page} with your account, make a token there, set HF_TOKEN to it"
                )
            raise
        return _arrived_line(part, known.name, arrived)
    assert gone is not None  # there is at least one name
    raise gone


def _take(part: Part, name: str, folder: Path, target: Path, wanted: Wanted, told: Told) -> Line:
    """Copy a file from a folder, by the same order as a download: beside, proved, in its place."""
    found = next((path for path in _places(part, folder) if path.is_file()), None)
    if found is None:
        raise PullError(
            f"{part.place} is not in {folder}: looked for {part.place}, {part.file.place}, {part.file.path} and a "
            f"hub cache's snapshot of {part.origin.hub or part.origin.name}",
            remedy="name a folder laid out like the weights folder, or a Hugging Face cache",
            code="NOT_IN_FOLDER",
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    temp = target.with_name(f"{target.name}.part")
    shutil.copyfile(found, temp)
    sums = sums_of(temp, lambda done, total: told(f"checking {target.name}", done, total))
    if not sums.are(wanted):
        temp.unlink()
        raise PullError(
            f"{found} has SHA-256 {sums.sha256} ({sums.bytes} bytes), wanted {wanted}; nothing was taken over",
            remedy="it is damaged or another version: copy it again from where it came",
            code="CHECKSUM_WRONG",
        )
    _settle(temp, target)
    return line_of(part, name, sums, str(found.resolve()))


def _places(part: Part, folder: Path) -> Iterator[Path]:
    for name in (part.file.place, *part.file.names):
        yield folder / part.folder / name
        yield folder / part.origin.folder / name
        yield folder / name
        for cache in (folder, folder / "hub"):
            snapshots = cache / f"models--{part.origin.hub.replace('/', '--')}" / "snapshots"
            yield snapshots / (part.origin.revision or "main") / name
            if part.origin.hub and part.origin.revision is None and snapshots.is_dir():
                yield from (snapshot / name for snapshot in sorted(snapshots.iterdir()))


def _link(twin: Path, target: Path) -> None:
    """The same file under another name takes no room; where links cannot be, a copy."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temp = target.with_name(f"{target.name}.part")
    temp.unlink(missing_ok=True)
    try:
        os.link(twin, temp)
    except OSError:
        shutil.copyfile(twin, temp)
    _settle(temp, target)


def _settle(temp: Path, target: Path) -> None:
    with temp.open("rb") as file:
        os.fsync(file.fileno())
    temp.replace(target)
    flush_folder(target.parent)


def _arrived_line(part: Part, name: str, arrived: Arrived) -> Line:
    line = line_of(part, name, arrived.sums, arrived.url, arrived.revision)
    server = line.stated == "nobody" and arrived.stated.by_digest
    return line.model_copy(update={"stated": "server"}) if server else line
