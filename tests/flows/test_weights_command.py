"""`dailies weights`: pull, verify, accept and list as people and machines use them; doctor tells what is missing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import text

from catalog import Catalog
from catalog.executions import Used
from catalog.publication import StagedFile
from flows.cli import command
from tasks.weights import known as table
from tests.tasks.weights.publisher import Publisher, publishing
from tests.tasks.weights.test_offers import lay_checkpoint
from tests.workroom import Workroom

Said = pytest.CaptureFixture[str]

GRAPH = b"7767517\n" * 100
ACCEPT = ("weights", "accept", "svd-xt", "--holder", "Example Ltd", "--kind", "membership", "--yes")


@pytest.fixture
def publisher(home: Workroom, monkeypatch: pytest.MonkeyPatch) -> Iterator[Publisher]:
    """Publishes one small set of weights, whose name is known beside those that ship."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with publishing() as found:
        monkeypatch.setenv("DAILIES_WEIGHTS_MIRROR", found.url)
        found.files["/net.param"] = GRAPH
        tiny = table.Known(
            name="tiny",
            about="for tests",
            folder="tiny",
            source="https://example.org/{path}",
            revision="v1",
            licence="MIT",
            gated=False,
            figures="made here",
            files=(table.File(path="net.param"),),
        )
        more = {**table.known_weights(), "tiny": tiny}
        for user in ("tasks.weights.known", "tasks.weights.shelf", "flows.weights"):
            monkeypatch.setattr(f"{user}.known_weights", lambda: more)
        yield found


def tell(said: Said, *arguments: str) -> tuple[int, str, str]:
    said.readouterr()
    status = command(arguments)
    printed = said.readouterr()
    assert "Traceback" not in printed.err + printed.out, printed.err
    return status, printed.out, printed.err


def told(said: Said, *arguments: str) -> tuple[int, Any]:
    status, printed, _ = tell(said, *arguments, "--json")
    return status, json.loads(printed)


def listed(said: Said, name: str) -> dict[str, Any]:
    status, found = told(said, "weights", "list")
    assert status == 0
    (row,) = (row for row in found["weights"] if row["name"] == name)
    return row


def weights_dir(home: Workroom) -> Path:
    return home.settings.weights


@pytest.mark.usefixtures("home")
def test_weights_come_from_a_mirror_are_recorded_and_verified(
    home: Workroom, publisher: Publisher, capsys: Said
) -> None:
    assert listed(capsys, "tiny")["here"] == "no"
    status, printed, _ = tell(capsys, "weights", "pull", "tiny")
    assert status == 0 and "1 file came" in printed and "not known beforehand, recorded at this first pull" in printed
    assert (weights_dir(home) / "tiny/net.param").read_bytes() == GRAPH
    row = listed(capsys, "tiny")
    assert row["here"] == "whole" and row["verified_at"] and row["bytes"] == len(GRAPH)
    status, again = told(capsys, "weights", "pull", "tiny")
    assert status == 0 and again["pulled"][0]["stood"] == ["tiny/net.param"]
    with Catalog.open(home.settings.catalog_url, home.settings.store) as catalog, catalog.database.read() as connection:
        row = connection.execute(text("SELECT name, source, licence, bytes FROM weights")).one()
    assert tuple(row) == ("tiny/net.param", f"{publisher.url}/net.param", "MIT", len(GRAPH))

    assert tell(capsys, "weights", "verify")[0] == 0
    (weights_dir(home) / "tiny/net.param").write_bytes(b"7767518\n" * 100)
    status, _, complained = tell(capsys, "weights", "verify", "tiny")
    assert status == 1 and "WEIGHTS_WRONG" in complained and "dailies weights pull tiny" in complained
    status, checked = told(capsys, "weights", "verify")
    assert status == 1 and [one["state"] for one in checked["checked"]] == ["wrong"]
    assert tell(capsys, "weights", "pull", "tiny")[0] == 0 and tell(capsys, "weights", "verify", "tiny")[0] == 0


def test_what_cannot_be_pulled_is_told_with_what_to_do(publisher: Publisher, capsys: Said, tmp_path: Path) -> None:
    asked = len(publisher.requests)
    status, _, complained = tell(capsys, "weights", "pull", "tiny", "tinny")
    assert status == 2 and "'tinny' is not known" in complained and len(publisher.requests) == asked
    status, _, complained = tell(capsys, "weights", "pull", "tiny", "--from", str(tmp_path / "nowhere"))
    assert status == 2 and "FOLDER_MISSING" in complained
    publisher.statuses = [403]
    status, found = told(capsys, "weights", "pull", "svd-xt")
    assert status == 2
    (problem,) = found["problems"]
    assert problem["code"] == "ACCESS_REFUSED" and "HF_TOKEN" in problem["remedy"]
    assert "https://huggingface.co/stabilityai/stable-video-diffusion-img2vid-xt" in problem["remedy"]


def test_a_folder_is_carried_in(home: Workroom, publisher: Publisher, capsys: Said, tmp_path: Path) -> None:
    carried = tmp_path / "stick"
    (carried / "tiny").mkdir(parents=True)
    (carried / "tiny/net.param").write_bytes(GRAPH)
    assert tell(capsys, "weights", "pull", "tiny", "--from", str(carried))[0] == 0
    assert (weights_dir(home) / "tiny/net.param").read_bytes() == GRAPH and publisher.requests == []


def test_a_licence_is_accepted_by_a_person_once_and_for_one_text(home: Workroom, capsys: Said) -> None:
    folder = lay_checkpoint(weights_dir(home))
    assert listed(capsys, "svd-xt")["problem"]["code"] == "LICENCE_NOT_ACCEPTED"
    for incomplete in (ACCEPT[:-1], ("weights", "accept", "svd-xt", "--yes")):
        status, _, complained = tell(capsys, *incomplete)
        assert status == 2 and "NOT_ACCEPTED" in complained and "--holder" in complained
        assert listed(capsys, "svd-xt")["grant"] is None
    status, printed, _ = tell(capsys, *ACCEPT, "--until", "2099-12-31", "--by", "Ana")
    assert status == 0 and "Ana accepted LICENSE.md" in printed and "until 2099-12-31" in printed
    row = listed(capsys, "svd-xt")
    assert row["problem"] is None and row["warnings"] == []
    assert (row["grant"]["holder"], row["grant"]["kind"]) == ("Example Ltd", "membership")
    (folder / "LICENSE.md").write_text("Another text.\n")
    assert listed(capsys, "svd-xt")["problem"]["code"] == "LICENCE_CHANGED"


def test_at_a_terminal_the_text_is_shown_and_the_person_asked(
    home: Workroom, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_checkpoint(weights_dir(home), licence="You may [b]only[/b] do good.\n")
    for stream in ("stdin", "stdout"):
        monkeypatch.setattr(f"sys.{stream}.isatty", lambda: True)
    shown: list[str] = []
    monkeypatch.setattr("rich.pager.SystemPager.show", lambda self, content: shown.append(content))
    answers = iter(["Example Ltd", "no", "Example Ltd", "yes"])
    monkeypatch.setattr("typer.prompt", lambda *asked, **how: next(answers))
    assert tell(capsys, "weights", "accept", "svd-xt")[0] == 2
    assert "You may [b]only[/b] do good." in shown[0]
    assert listed(capsys, "svd-xt")["grant"] is None
    assert tell(capsys, "weights", "accept", "svd-xt")[0] == 0
    assert listed(capsys, "svd-xt")["grant"]["holder"] == "Example Ltd"


@pytest.mark.usefixtures("home")
def test_what_needs_no_acceptance_and_what_has_no_text(capsys: Said) -> None:
    status, printed, _ = tell(capsys, "weights", "accept", "rife-v4.6")
    assert status == 0 and "nobody has to accept" in printed
    status, _, complained = tell(capsys, "weights", "accept", "svd-xt", "--holder", "Example Ltd", "--yes")
    assert status == 2 and "LICENCE_TEXT_MISSING" in complained and "svd-xt/LICENSE.md" in complained
    assert tell(capsys, *ACCEPT[:2], "no-such", *ACCEPT[3:])[0] == 2


def test_doctor_tells_of_licences_and_of_those_that_end_soon(home: Workroom, capsys: Said) -> None:
    def finding(subject: str) -> dict[str, str]:
        _, findings = told(capsys, "doctor")
        (one,) = (one for one in findings if one["subject"] == subject)
        return one

    assert "pull svd-xt" in finding("weights svd")["remedy"]
    folder = lay_checkpoint(weights_dir(home))
    assert finding("weights svd-xt")["state"] == "note" and "accept svd-xt" in finding("weights svd-xt")["remedy"]
    soon = (datetime.now(UTC) + timedelta(days=20)).date().isoformat()
    assert tell(capsys, *ACCEPT, "--until", soon)[0] == 0
    warned = finding("weights svd-xt")
    assert warned["state"] == "note" and soon in warned["remedy"] and "renew" in warned["remedy"]
    assert "ends in" in tell(capsys, "weights", "list")[2]
    assert tell(capsys, *ACCEPT)[0] == 0
    assert finding("weights svd-xt")["state"] == "ok"
    (folder / "unet/config.json").unlink()
    assert "pull svd-xt" in finding("weights svd-xt")["remedy"]
    (folder / "weights.json").write_text("{")
    assert "weights.json cannot be read" in finding("weights")["found"]


def test_trace_tells_under_which_grant_a_clip_was_made(home: Workroom, capsys: Said) -> None:
    lay_checkpoint(weights_dir(home))
    assert tell(capsys, *ACCEPT, "--until", "2099-12-31", "--by", "Ana")[0] == 0
    grant = listed(capsys, "svd-xt")["grant"]["id"]
    with Catalog.open(home.settings.catalog_url, home.settings.store) as catalog:
        facts: dict[str, Any] = {"version": 1, "recipe": {}, "engine_versions": {}, "inputs": (), "device": "cpu"}
        facts |= {"weights": {"svd-xt/unet": "e" * 64}, "grant_id": grant}
        animate = catalog.begin(stage="animate", engine="svd", recipe_sha256="a", **facts)
        catalog.finish_streamed(animate, ran={}, seconds=1)
        facts |= {"weights": {}, "grant_id": None, "inputs": [Used("frames", producer=animate)]}
        encode = catalog.begin(stage="encode", engine="ffmpeg", recipe_sha256="b", **facts)
        path = catalog.store.stage_file(".mp4")
        path.write_bytes(b"clip")
        catalog.publish(encode, [StagedFile(path, "file", "delivery")], ran={}, seconds=1)
    status, printed, _ = tell(capsys, "trace", encode)
    assert status == 0
    said = " ".join(printed.replace("│", " ").split())
    assert "membership grant of Example Ltd, accepted by Ana" in said and "until 2099-12-31" in said


def test_the_table_that_ships_is_one_people_can_read() -> None:
    file = Path(table.__file__).with_name("known.yaml")
    assert yaml.safe_load(file.read_text(encoding="utf-8"))["seen"]
