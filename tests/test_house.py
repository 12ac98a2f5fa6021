"""The house itself: imports only go down and are light, and nothing is left undone."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("flows", "dashboard", "tasks", "models", "manifests", "catalog")


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    linter = Path(sys.executable).with_name("lint-imports")
    if not linter.is_file():
        pytest.skip("import-linter is not installed beside this Python: `make test` brings it")
    return subprocess.run(
        [linter, "--config", "pyproject.toml", "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        (None, "", ""),
        ("models/clip.py", "import catalog.errors", "Imports only go down"),
        ("catalog/ids.py", "import manifests.errors", "Imports only go down"),
        ("tasks/tools.py", "import flows.settings", "Imports only go down"),
        ("dashboard/words.py", "import manifests.errors", "The dashboard imports the catalog alone"),
        ("dashboard/words.py", "import tasks.tools", "Imports only go down"),
        ("tasks/tools.py", "import dashboard.words", "Imports only go down"),
        ("manifests/source.py", "import prefect", "Only flows and tasks know Prefect"),
        ("models/clip.py", "import sqlalchemy", "Engines know no SQL"),
        ("catalog/ids.py", "import numpy", "Manifests and the catalog know no pixels"),
    ],
)
def test_an_import_that_goes_up_is_caught(tmp_path: Path, file: str | None, line: str, contract: str) -> None:
    """On a copy of the sources; the copy as it is must pass, or a failure would prove nothing."""
    for room in ROOMS:
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__", "pictures"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    if file is not None:
        source = tmp_path / file
        source.write_text(f"{source.read_text()}\n{line}\n")
    linted = lint_imports(tmp_path)
    if file is None:
        assert linted.returncode == 0, linted.stdout + linted.stderr
    else:
        assert linted.returncode != 0, f"{file} may '{line}'"
        assert re.search(rf"{contract}.*BROKEN", linted.stdout), linted.stdout


@pytest.mark.parametrize(
    ("what", "never"),
    [
        ("flows", ("prefect", "torch", "cv2", "sqlalchemy")),
        ("flows.cli", ("prefect", "torch", "diffusers", "fastapi", "jinja2")),
        ("flows.request", ("prefect", "torch")),
        ("models", ("torch", "cv2")),
        ("models.errors", ("torch", "cv2", "numpy")),
        ("catalog.errors", ("sqlalchemy", "alembic")),
        ("manifests.loader", ("cv2", "numpy", "PIL", "prefect", "sqlalchemy")),
        ("catalog.catalog", ("cv2", "numpy", "PIL", "prefect")),
    ],
)
def test_an_import_brings_no_more_than_it_needs(what: str, never: tuple[str, ...]) -> None:
    code = f"import sys, {what}; print(*sorted({{*sys.modules}} & {{*{never!r}}}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "", f"import {what} loads {done.stdout.strip()}"


def sources() -> list[Path]:
    return [path for room in (*ROOMS, "tests") for path in sorted((ROOT / room).rglob("*.py"))]


def test_nothing_is_left_undone() -> None:
    undone = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|raise NotImplementedError")
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in sources()
        if path != Path(__file__)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if undone.search(line)
    ]
    assert found == []


def test_files_hold_one_idea_each() -> None:
    """No room for things without a room, and no file too long to read."""
    homeless = [path for path in sources() if path.stem in ("utils", "util", "helpers", "common", "core", "misc")]
    assert homeless == []
    long = {
        str(path.relative_to(ROOT)): lines
        for path in sources()
        if "tests" not in path.relative_to(ROOT).parts and (lines := len(path.read_text().splitlines())) > 350
    }
    assert long == {}
