"""Somebody who looks at everything that is visible, all the time: `python -m tests.faults.reader URL STORE OUT`.

Every artifact that the catalog calls present is hashed and decoded once, as soon as it appears, and so is every file
of the out folder whenever it is another one. A line of JSON for each that is not whole; at SIGTERM one with the counts.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

import av
from av.error import FFmpegError
from PIL import Image
from sqlalchemy import select

from catalog import Catalog
from catalog.errors import CatalogError, StoreUnavailable
from catalog.store import hash_file
from catalog.tables import Artifact

_VIDEO = {".mp4", ".mov", ".mkv", ".webm"}
_PICTURE = {".jpg", ".png", ".webp", ".tif", ".tiff"}


def decode(path: Path) -> None:
    """Read a file to its last frame or pixel. Raises what its decoder raises."""
    if path.suffix in _VIDEO:
        with av.open(f"file:{path}") as container:
            frames = sum(1 for _ in container.decode(video=0))
        if not frames:
            raise ValueError("no frames")
    elif path.suffix in _PICTURE:
        with Image.open(path) as picture:
            picture.load()


class Reader:
    """What has been seen, and what was wrong with it."""

    def __init__(self, catalog: Catalog, out: Path) -> None:
        self._catalog, self._out = catalog, out
        self._seen: set[str] = set()
        self._stamps: dict[Path, tuple[int, int]] = {}
        self.looked = 0

    def look(self) -> None:
        """Once over everything that is new."""
        with self._catalog.database.read() as connection:
            present = connection.scalars(select(Artifact.sha256).where(Artifact.state == "present")).all()
        for sha256 in present:
            if sha256 not in self._seen:
                self._seen.add(sha256)
                path = self._catalog.store.path(sha256)
                if (found := hash_file(path)) != sha256:
                    self._tell(path, f"hashes to {found[:12]}")
                self._decoded(path)
        for path in sorted(self._out.glob("*")) if self._out.is_dir() else []:
            try:
                stat = path.stat()
                if path.name.startswith(".") or self._stamps.get(path) == (stat.st_ino, stat.st_size):
                    continue
                self._stamps[path] = (stat.st_ino, stat.st_size)
                self._decoded(path)
            except FileNotFoundError:  # replaced between the listing and the look
                continue

    def _decoded(self, path: Path) -> None:
        self.looked += 1
        try:
            decode(path)
        except FileNotFoundError:
            raise
        except (FFmpegError, OSError, SyntaxError, ValueError) as error:  # Pillow raises SyntaxError for broken PNGs
            self._tell(path, f"{type(error).__name__}: {error}")

    @staticmethod
    def _tell(path: Path, what: str) -> None:
        print(json.dumps({"path": str(path), "wrong": what}), flush=True)


def main() -> None:
    """Look until SIGTERM."""
    stopped: list[Any] = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    url, store, out = sys.argv[1:4]
    with Catalog.open(url, Path(store)) as catalog:
        reader = Reader(catalog, Path(out))
        while not stopped:
            try:
                reader.look()
            except StoreUnavailable:  # the database is being restarted too
                time.sleep(1)
            except CatalogError as error:
                Reader._tell(Path(store), str(error))
            time.sleep(0.5)
        reader.look()
    print(json.dumps({"looked": reader.looked}), flush=True)


if __name__ == "__main__":
    main()
