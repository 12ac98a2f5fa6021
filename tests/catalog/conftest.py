"""A real catalog on each database, and the few lines that make things in it.

Every test that takes `place` runs twice: on SQLite, and on a PostgreSQL that the tests start themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from catalog import Catalog
from catalog.claims import Claim
from catalog.executions import Used
from catalog.made import Made
from catalog.new_shots import NewRendition, NewShot
from catalog.publication import Figure, StagedFile
from tests.postgres import shared


class Workplace:
    """One catalog in a folder, with makers for what tests are not about."""

    def __init__(self, folder: Path, url: str | None = None) -> None:
        self.url = url or f"sqlite:///{folder / 'catalog.db'}"
        self.root = folder / "store"
        self.catalog = Catalog.open(self.url, self.root)

    def submit(self, count: int = 1, name: str = "nightly", **facts: object) -> tuple[str, list[str]]:
        rendition = NewRendition("16x9", 1920, 1080, "30", 180)
        shots = [
            NewShot(f"item{i}", f"item{i}", meta={"sku": i}, renditions=[rendition], **facts)  # type: ignore[arg-type]
            for i in range(count)
        ]
        run_id = self.catalog.submit_run(
            name=name,
            kind="product",
            manifest_sha256="0" * 64,
            manifest={"items": count},
            triggered_by="tester",
            out_folder="/out",
            shots=shots,
        )
        return run_id, [f"{run_id}.{i:05d}" for i in range(1, count + 1)]

    def claim(self, lease_seconds: float = 60.0, count: int = 1) -> list[Claim]:
        run_id, shots = self.submit(count)
        return self.catalog.claim(self.catalog.new_batch(run_id, shots), shots, "worker", lease_seconds)

    def begin(
        self, recipe: str, *inputs: Used, claim: Claim | None = None, stage: str = "encode", **more: object
    ) -> str:
        facts: dict[str, object] = {"engine": "ffmpeg", "weights": {}, "device": "cpu"} | more
        return self.catalog.begin(
            stage=stage,
            version=1,
            recipe={"name": recipe},
            recipe_sha256=recipe,
            engine_versions={"ffmpeg": "9.0"},
            inputs=inputs,
            claim=claim,
            **facts,  # type: ignore[arg-type]
        )

    def stage(self, content: bytes, role: str = "file", suffix: str = ".mp4") -> StagedFile:
        path = self.catalog.store.stage_file(suffix)
        path.write_bytes(content)
        return StagedFile(path, role, "delivery", {"frames": 3})

    def make(
        self,
        recipe: str,
        content: bytes,
        *inputs: Used,
        claim: Claim | None = None,
        figures: Sequence[Figure] = (),
        **more: object,
    ) -> Made:
        execution = self.begin(recipe, *inputs, claim=claim, **more)
        ran = {"rung": 0}
        files = [self.stage(content)]
        return self.catalog.publish(execution, files, ran=ran, seconds=1.5, work=3.0, claim=claim, measurements=figures)


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    """The database a test runs on."""
    return str(request.param)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Name of a PostgreSQL database with the catalog's tables: copying it is quicker than migrating each."""
    name = "migrated"
    Catalog.open(shared().new(name), tmp_path_factory.mktemp("migrated")).close()
    return name


@pytest.fixture
def fresh_url(backend: str, tmp_path: Path) -> Iterator[Callable[[], str]]:
    """URLs of empty databases without tables, one per call."""
    made: list[str] = []

    def new() -> str:
        made.append(f"sqlite:///{tmp_path / f'fresh{len(made)}.db'}" if backend == "sqlite" else shared().new())
        return made[-1]

    yield new
    if backend == "postgresql":
        for url in made:
            shared().drop(url)


@pytest.fixture
def place(backend: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Workplace]:
    url = None if backend == "sqlite" else shared().new(template=request.getfixturevalue("migrated"))
    workplace = Workplace(tmp_path, url)
    yield workplace
    workplace.catalog.close()
    if url is not None:
        shared().drop(url)
