"""`dailies verify`, the resume it names, `dailies gc`, and the upkeep of a night, as people use them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from catalog.duties import DutyLedger
from catalog.tables import Artifact, Audit, Duty, Incident
from flows.cli import command
from flows.upkeep import DUTY, upkeep
from tests.workroom import Ended, Workroom, flip_a_byte

Said = pytest.CaptureFixture[str]


def told(said: Said, *arguments: str) -> tuple[int, Any]:
    """Exit status and JSON of one command line."""
    said.readouterr()
    status = command([*arguments, "--json"])
    printed = said.readouterr()
    assert "Traceback" not in printed.err + printed.out, printed.err
    return status, json.loads(printed.out)


@pytest.fixture
def ended(home: Workroom, small: None) -> Ended:
    """One shot that was delivered."""
    home.picture("a.png")
    return home.run(home.manifest([{"id": "a", "source": "a.png"}]))


@pytest.mark.slow
@pytest.mark.promise("damage is found")
def test_verify_finds_a_flipped_byte_and_the_resume_it_names_mends_it(
    home: Workroom, ended: Ended, prefect_server: str, capsys: Said
) -> None:
    (clip,) = home.stored("delivery")
    whole = clip.read_bytes()
    assert command(["verify"]) == 0
    assert "all is well" in capsys.readouterr().out
    flip_a_byte(clip)
    assert command(["verify", "--shallow"]) == 0, "names and sizes are right"
    status, report = told(capsys, "verify", ended.run_id[:16])
    assert status == 1
    assert [finding["code"] for finding in report["findings"]] == ["FILE_DAMAGED"]
    words = report["findings"][0]["remedy"].split("`")[1].split()
    assert words == ["dailies", "resume", ended.run_id]
    assert command(words[1:]) == 0
    assert clip.read_bytes() == whole
    assert command(["verify"]) == 0
    assert [execution.state for execution in home.executions(stage="encode")] == ["void", "done"]


def test_verify_reads_a_share(ended: Ended, capsys: Said) -> None:
    status, report = told(capsys, "verify", "--share", "20%")
    assert status == 0
    _, everything = told(capsys, "verify")
    assert 0 < report["files"] < everything["files"] and 0 < report["bytes"] <= everything["bytes"]
    assert command(["verify", "--share", "0%"]) == 2 and command(["verify", "--share", "much"]) == 2
    assert "BAD_SHARE" in capsys.readouterr().err


def test_gc_shows_first_and_removes_when_told(home: Workroom, ended: Ended, capsys: Said) -> None:
    stills = home.stored("still")
    status, shown = told(capsys, "gc")
    assert status == 0 and shown["go"] == [] and shown["freed_bytes"] == 0, "they are young"
    assert command(["gc", "--older-than", "0d"]) == 0
    printed = capsys.readouterr().out
    assert "would be freed" in printed and "--yes" in printed and "picture of a delivery" in printed
    assert all(still.exists() for still in stills)
    _, none = told(capsys, "gc", "--older-than", "0d", "--kind", "master")
    assert none["go"] == []
    status, done = told(capsys, "gc", "--run", ended.run_id, "--yes")
    assert status == 0 and [line["kind"] for line in done["go"]] == ["still"]
    assert done["freed_bytes"] == done["going_bytes"] > 0 and not any(still.exists() for still in stills)
    assert command(["gc", "--kind", "stills"]) == 2 and command(["gc", "--older-than", "soon"]) == 2
    assert "BAD_KIND" in capsys.readouterr().err
    assert command(["verify"]) == 0, "nothing that is needed went"


@pytest.fixture
def old(home: Workroom, ended: Ended) -> Ended:
    """The same, half a year ago."""
    with home.tools() as tools, tools.catalog.database.write() as connection:
        from datetime import UTC, datetime, timedelta

        from catalog.tables import Execution

        then = datetime.now(UTC) - timedelta(days=180)
        connection.execute(update(Artifact).values(created_at=then))
        connection.execute(update(Execution).values(ended_at=then, started_at=then, touched_at=then))
    return ended


def test_upkeep_reads_collects_and_is_done_once_a_night(home: Workroom, old: Ended) -> None:
    flip_a_byte(home.stored("poster")[0])
    first = upkeep.fn(nights=1)
    assert not first.skipped and [finding.code for finding in first.damaged] == ["FILE_DAMAGED"]
    assert first.collected is not None and [line.kind for line in first.collected.go] == ["still"]
    assert first.collected.freed_bytes > 0
    with home.tools() as tools, tools.catalog.database.read() as connection:
        (incident,) = connection.execute(select(Incident)).all()
        assert incident.code == "FILE_DAMAGED" and incident.run_id == old.run_id
        duty = connection.execute(select(Duty)).one()
        assert duty.holder is None and duty.detail["damaged"] == 1 and duty.detail["files"] == first.files
        assert connection.scalar(select(Audit.what).where(Audit.what == DUTY)) == DUTY
    assert upkeep.fn().skipped, "another machine's schedule starts it too"
    again = upkeep.fn(again=True)
    assert not again.skipped and again.damaged == ()


def test_upkeep_keeps_for_ever_where_retention_is_zero(
    home: Workroom, old: Ended, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAILIES_KEEP_MASTERS_DAYS", "0")
    done = upkeep.fn()
    assert done.collected is not None and done.collected.go == []


def test_only_one_machine_has_a_duty(home: Workroom, small: None) -> None:
    with home.tools() as tools:
        duties: DutyLedger = tools.catalog
        assert duties.take_duty("d", "one", 60)
        assert not duties.take_duty("d", "two", 60)
        assert duties.take_duty("d", "one", -1), "its own, and it falls silent"
        assert duties.take_duty("d", "two", 60), "so another one takes over"
        duties.end_duty("d", "one", {"late": True})
        assert not duties.take_duty("d", "one", 60)
        duties.end_duty("d", "two", None)
        assert duties.take_duty("d", "one", 60, every_seconds=3600), "it was left undone"
        duties.end_duty("d", "one", {"files": 1})
        assert not duties.take_duty("d", "two", 60, every_seconds=3600)
        assert duties.take_duty("d", "two", 60)
    assert Path(home.folder).exists()
