"""What the command line says when something it needs is not there: a Prefect server, a folder."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog import queries
from flows.cli import command
from tests.workroom import Workroom

Said = pytest.CaptureFixture[str]


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> str:
    """An address where nobody listens, named as Prefect's server."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}/api"
    monkeypatch.setenv("PREFECT_API_URL", url)
    monkeypatch.setattr("flows.prefect_home._SEEK_SECONDS", 0.1)
    return url


@pytest.fixture
def one_row(home: Workroom) -> Iterator[str]:
    """A manifest with one good row."""
    home.picture("a.png")
    yield str(home.manifest([{"id": "a", "source": "a.png"}]))


@pytest.mark.usefixtures("small")
def test_a_prefect_server_that_is_not_there_is_named(one_row: str, nowhere: str, capsys: Said) -> None:
    assert command(["run", one_row]) == 2
    said = capsys.readouterr().err
    assert "PREFECT_DOWN" in said and nowhere in said and "unset PREFECT_API_URL" in said


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("address", ["localhost:4200/api", "nonsense"])
def test_an_address_that_is_none_is_shown(
    one_row: str, monkeypatch: pytest.MonkeyPatch, capsys: Said, address: str
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", address)
    assert command(["run", one_row]) == 2
    said = capsys.readouterr().err
    assert "PREFECT_DOWN" in said and address in said and "Traceback" not in said


@pytest.mark.usefixtures("small", "nowhere")
def test_a_run_in_the_pools_is_cancelled_without_their_server(
    home: Workroom, one_row: str, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    planned = home.plan(Path(one_row))
    with home.tools() as tools:
        run_id = home.submit(tools, planned)
        monkeypatch.setenv("DAILIES_RUN_ON", "pools")
        assert command(["cancel", run_id]) == 0, capsys.readouterr().err
        assert queries.run(tools.catalog, run_id).state == "cancelled"
        assert {shot.state for shot in queries.shots_of(tools.catalog, run_id)} == {"cancelled"}


@pytest.mark.usefixtures("small")
def test_an_export_that_cannot_be_written_is_a_sentence(home: Workroom, capsys: Said) -> None:
    home.picture("a.png")
    home.run(home.manifest([{"id": "a", "source": "a.png"}]))
    (home.folder / "taken").write_text("a file where a folder should be")
    assert command(["export", str(home.folder / "taken")]) == 2
    said = capsys.readouterr().err
    assert "FOLDER_AWAY" in said and "taken" in said
