"""A folder with pictures and a manifest in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from manifests.errors import ManifestError, Problem
from manifests.loader import load
from manifests.manifest import Manifest

HEAD = "version: 1\n"


class Workspace:
    """Writes files and loads manifests below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def pictures(self, *names: str) -> None:
        for name in names:
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"not looked at")

    def write(self, text: str | bytes, name: str = "m.yaml") -> Path:
        path = self.folder / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def load(self, text: str | bytes, overrides: Sequence[str] = ()) -> Manifest:
        return load(self.write(text), overrides, strict=True)

    def faults(self, text: str | bytes, overrides: Sequence[str] = ()) -> list[Problem]:
        path = self.write(text)
        before = sorted(self.folder.rglob("*"))
        with pytest.raises(ManifestError) as caught:
            load(path, overrides, strict=True)
        assert sorted(self.folder.rglob("*")) == before, "a refusal must change nothing"
        return list(caught.value.problems)

    def fault(self, text: str | bytes, overrides: Sequence[str] = ()) -> Problem:
        problems = self.faults(text, overrides)
        assert len(problems) == 1, "\n".join(map(str, problems))
        return problems[0]

    def row(self, asked: str, overrides: Sequence[str] = ()) -> Manifest:
        """A manifest of one row with the given keys (flow style) over a picture."""
        return self.load(f"{HEAD}rows:\n  - {{id: a, source: a.png, {asked}}}\n", overrides)

    def row_fault(self, asked: str) -> Problem:
        return self.fault(f"{HEAD}rows:\n  - {{id: a, source: a.png, {asked}}}\n")
