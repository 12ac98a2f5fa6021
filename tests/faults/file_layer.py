"""The file layer that fails on request (faulty_files.c), compiled where there is a compiler."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("faulty_files.c")


def built(folder: Path) -> Path:
    """The shared library, made in `folder`; skips the test where nothing can compile it."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler to build the file layer with")
    library = folder / "faulty_files.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE), "-ldl"], check=True)
    return library


def failing(library: Path, under: Path, calls: str, nth: int, count: int, number: int, report: Path) -> dict[str, str]:
    """Environment in which `calls` on files under a folder fail, from the `nth` on, `count` times, with errno `number`.

    The process and all that it starts count together. Every failure leaves a line in `report`, so that a test can tell
    that there was one.
    """
    counter = report.with_suffix(".count")
    counter.write_bytes(bytes(8))
    return {
        "LD_PRELOAD": str(library),
        "FAULTY_UNDER": str(under),
        "FAULTY_CALLS": calls,
        "FAULTY_NTH": str(nth),
        "FAULTY_COUNT": str(count),
        "FAULTY_ERRNO": str(number),
        "FAULTY_REPORT": str(report),
        "FAULTY_COUNTER": str(counter),
    }
