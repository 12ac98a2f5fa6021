"""One Prefect server for the whole session, a home of their own for the tests that ask for one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flows import prefect_home
from tests.prefect_schema import with_schema
from tests.workroom import Workroom


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The server every run of this session reports to; its API's URL. It ends with this process."""
    known = dict(os.environ)
    prefect_home.settle(with_schema(tmp_path_factory.mktemp("prefect")))
    prefect_home.start_server()()
    from prefect.context import refresh_global_settings_context

    refresh_global_settings_context()  # a test module may have imported Prefect before there was a server
    yield os.environ["PREFECT_API_URL"]
    os.environ.clear()
    os.environ.update(known)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workroom:
    """A folder that is also `DAILIES_HOME` of the commands run in it; nothing is in it yet."""
    for name in [name for name in os.environ if name.startswith("DAILIES_")]:
        monkeypatch.delenv(name)
    room = Workroom(tmp_path)
    monkeypatch.setenv("DAILIES_HOME", str(room.settings.home))
    monkeypatch.setenv("DAILIES_WORKERS", "2")
    monkeypatch.setenv("DAILIES_DEVICE", "cpu")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    return room


_SMALL = """
import importlib, os, sys
from flows.cli import main
from tests.workroom import teach_small_presets

def put(name, value):
    module, _, attribute = name.rpartition(".")
    setattr(importlib.import_module(module), attribute, value)

teach_small_presets(put)
for number in os.environ.get("NUMBERS", "").split():
    name, _, value = number.partition("=")
    put(name, float(value))
main()
"""
"""`dailies` that knows the small presets; NUMBERS has others for its constants: `flows.keeper.POLL_SECONDS=9`."""
ROOT = Path(__file__).parents[2]

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def dailies(home: Workroom, prefect_server: str) -> Iterator[Start]:
    """Starts `dailies ...` as a process of its own that reports to the session's server; killed at the end."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", _SMALL, *arguments],
            env={**os.environ, "PYTHONPATH": str(ROOT), "PREFECT_API_URL": prefect_server, **environment},
            cwd=home.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
