"""One file over HTTP: taken up where it broke off, held to its digest, and only then in its place.

The bytes collect in `<file>.part`; `<file>.part.json` keeps the server's ETag, so that a later process can go on with
the same file and starts over where it has changed (Range and If-Range, RFC 9110). A file that stands is never touched
before its successor is whole and proved.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Final

import httpx

from catalog.store.folder import flush_folder
from models.errors import EngineError
from tasks.weights.checksum import Sums, Wanted, sums_of

ATTEMPTS: Final = 6
"""Times in a row without a new byte before giving up."""
_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_LONGEST_PAUSE: Final = 60.0

Told = Callable[[str, int, int], None]
"""Hears what is being done, how much of it is done, and how much there is, in bytes."""


class PullError(EngineError):
    """A weights file could not be brought here; nothing that was good before is lost."""

    code = "PULL_FAILED"


class NotPublished(PullError):
    """The server knows no such file."""

    code = "NOT_PUBLISHED"


@dataclass(frozen=True)
class Arrived:
    """A file that was brought: its sums, the URL it came from, the server's commit, and what the server stated."""

    sums: Sums
    url: str
    revision: str
    stated: Wanted


def download(
    client: httpx.Client,
    url: str,
    target: Path,
    wanted: Wanted,
    *,
    headers: Mapping[str, str] | None = None,
    told: Told = lambda what, done, total: None,
    pause: Callable[[float], None] = time.sleep,
) -> Arrived:
    """Bring `url` to `target`, in as many attempts as it takes while it gets on. `client` follows redirects.

    Raises NotPublished; PullError: ACCESS_REFUSED, CHECKSUM_WRONG, DISK_FULL, PULL_RUNNING (another process is at it),
    PULL_FAILED (the server or the way to it is down).
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = _Part(target)
    with part.held() as file:
        transfer = _Transfer(client, url, file, part, wanted, dict(headers or {}), told)
        resumed = part.size(file) > 0
        while True:
            transfer.run(pause)
            whole = wanted | transfer.stated
            sums = sums_of(part.path, lambda done, total: told(f"checking {target.name}", done, total))
            if sums.are(whole):
                break
            part.forget(file)
            if not resumed:
                raise PullError(
                    f"{target.name}: found SHA-256 {sums.sha256} (git blob {sums.git_blob}, {sums.bytes} bytes) at "
                    f"{url}, wanted {whole}; what came was thrown away"
                    + (f", {target} is as it was" if target.exists() else ""),
                    remedy="try again, or another --mirror; if it stays so, the publisher has changed the file",
                    code="CHECKSUM_WRONG",
                )
            resumed = False  # its beginning was from another day: the whole of it once more
        os.fsync(file.fileno())
        part.path.replace(target)
    part.note.unlink(missing_ok=True)
    flush_folder(target.parent)
    return Arrived(sums, url, transfer.revision, transfer.stated)


class _Part:
    """The bytes so far and the note that goes with them."""

    def __init__(self, target: Path) -> None:
        self.path = target.with_name(f"{target.name}.part")
        self.note = target.with_name(f"{target.name}.part.json")

    @contextmanager
    def held(self) -> Iterator[FileIO]:
        """Open for appending, alone: two processes writing one file would both throw it away in the end."""
        with self.path.open("ab", buffering=0) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                alone = self.path.exists() and os.path.samestat(os.fstat(file.fileno()), self.path.stat())
            except BlockingIOError:
                alone = False
            if not alone:  # or another process put it in its place between our opening and locking it
                raise PullError(
                    f"{self.path} is being written by another process",
                    remedy="let it finish: `dailies weights list` tells what is here",
                    code="PULL_RUNNING",
                )
            try:
                yield file
            finally:
                if self.path.exists() and not self.size(file):
                    self.path.unlink()

    def size(self, file: FileIO) -> int:
        return os.fstat(file.fileno()).st_size

    def forget(self, file: FileIO) -> None:
        file.truncate(0)
        self.note.unlink(missing_ok=True)

    def etag(self, url: str) -> str:
        """Of the server the bytes so far came from, if it was this URL."""
        try:
            noted = json.loads(self.note.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return ""
        return noted.get("etag", "") if noted.get("url") == url else ""

    def keep(self, url: str, etag: str) -> None:
        self.note.write_text(json.dumps({"url": url, "etag": etag}), encoding="utf-8")


class _Transfer:
    """The requests it takes to have every byte of one file."""

    def __init__(
        self,
        client: httpx.Client,
        url: str,
        file: FileIO,
        part: _Part,
        wanted: Wanted,
        headers: dict[str, str],
        told: Told,
    ) -> None:
        self.client, self.url, self.file, self.part = client, url, file, part
        self.wanted, self.headers, self.told = wanted, headers, told
        self.stated = Wanted()
        self.revision = ""

    def run(self, pause: Callable[[float], None]) -> None:
        """Until every byte is there; gives up after `ATTEMPTS` requests in a row that brought nothing."""
        idle, why = 0, ""
        while idle < ATTEMPTS:
            before, wait = self.part.size(self.file), 0.0
            try:
                wait, whole = self._request()
                if whole:
                    return
                why = "the server is busy" if wait else "the connection closed early"
            except httpx.TransportError as error:
                why = f"{type(error).__name__}: {error}"
            idle = 0 if self.part.size(self.file) > before else idle + 1
            pause(min(_LONGEST_PAUSE, max(wait, 0.5 * 2**idle)))
        raise PullError(
            f"{self.part.path.name}: {self.url} brought nothing more in {ATTEMPTS} attempts ({why})",
            remedy="run the same command again: it goes on where it stopped; or use --mirror or --from FOLDER",
        )

    def _request(self) -> tuple[float, bool]:
        """One request: (seconds the server asks to wait, whether every byte is there now)."""
        have, etag = self.part.size(self.file), self.part.etag(self.url)
        if have and not etag and not self.wanted.by_digest:  # nothing could tell that two halves are of one file
            self.part.forget(self.file)
            have = 0
        headers = self.headers | {"Accept-Encoding": "identity"}
        if have:
            headers |= {"Range": f"bytes={have}-"} | ({"If-Range": etag} if etag else {})
        with self.client.stream("GET", self.url, headers=headers) as response:
            if response.status_code in _AGAIN:
                return _retry_after(response), False
            if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                self._read_statements(response)
                total = re.fullmatch(r"bytes \*/(\d+)", response.headers.get("Content-Range", ""))
                if total and int(total[1]) == have:
                    return 0.0, True
                self.part.forget(self.file)
                return 0.0, False
            _refuse(response, self.url)
            self._read_statements(response)
            if response.status_code != httpx.codes.PARTIAL_CONTENT or not _continues(response, have):
                self.part.forget(self.file)
                have = 0
                if response.status_code == httpx.codes.PARTIAL_CONTENT:
                    return 0.0, False
            return 0.0, self._collect(response, have)

    def _collect(self, response: httpx.Response, have: int) -> bool:
        length = int(response.headers.get("Content-Length", 0))
        total = have + length or self.wanted.bytes or 0
        free = shutil.disk_usage(self.part.path.parent).free
        if total - have > free:
            raise PullError(
                f"{self.part.path}: {total - have} bytes are still to come, the disk has {free} free",
                remedy="free some space, or move DAILIES_WEIGHTS_DIR; what has come is kept",
                code="DISK_FULL",
            )
        etag = response.headers.get("ETag", "")
        self.part.keep(self.url, "" if etag.startswith("W/") else etag)  # a weak one does not promise the same bytes
        for block in response.iter_raw():  # as they come: collected into larger ones, a break would lose the last
            self._write(block)
            have += len(block)
            self.told(f"pulling {self.part.path.stem}", have, max(total, have))
        return not length or have == total

    def _write(self, block: bytes) -> None:
        rest = memoryview(block)
        try:
            while rest:
                rest = rest[self.file.write(rest) :]
        except OSError as error:
            raise PullError(
                f"{self.part.path} cannot be written: {error}",
                remedy="see to the disk, then run the same command again: what has come is kept",
                code="DISK_FULL" if error.errno == errno.ENOSPC else None,
            ) from error

    def _read_statements(self, response: httpx.Response) -> None:
        """What the server says the file is. Hugging Face does so on the redirect to its storage."""
        for answer in (*response.history, response):
            self.revision = answer.headers.get("X-Repo-Commit", self.revision)
            tag = (answer.headers.get("X-Linked-ETag") or answer.headers.get("ETag", "")).removeprefix("W/").strip('"')
            hub = "X-Repo-Commit" in answer.headers
            if hub and re.fullmatch(r"[0-9a-f]{64}", tag):
                size = answer.headers.get("X-Linked-Size")
                self.stated = Wanted(bytes=int(size) if size else None, sha256=tag)
            elif hub and re.fullmatch(r"[0-9a-f]{40}", tag):
                self.stated = Wanted(git_blob=tag)


def _continues(response: httpx.Response, have: int) -> bool:
    return response.headers.get("Content-Range", "").startswith(f"bytes {have}-")


def _retry_after(response: httpx.Response) -> float:
    asked = response.headers.get("Retry-After", "")
    return float(asked) if asked.isdecimal() else 1.0


def _refuse(response: httpx.Response, url: str) -> None:
    status = response.status_code
    if status in (httpx.codes.OK, httpx.codes.PARTIAL_CONTENT):
        return
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        raise PullError(
            f"{url} is refused (HTTP {status}): its publisher lets in only who accepted the terms on its site",
            remedy="accept them there with your account, make an access token, and set HF_TOKEN to it",
            code="ACCESS_REFUSED",
        )
    if status in (httpx.codes.NOT_FOUND, httpx.codes.GONE):
        raise NotPublished(f"{url} is not there (HTTP {status})", remedy="check --mirror, or use --from FOLDER")
    raise PullError(f"{url} answers HTTP {status}", remedy="try again later, or use --mirror or --from FOLDER")
