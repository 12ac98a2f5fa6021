"""`dailies backup`, `restore` and `migrate`: yesterday's catalog on today's store, told in words and JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from catalog import Catalog
from catalog.tables import Delivery, Review
from flows.cli import command
from tests.workroom import Workroom


@pytest.fixture
def home(room: Workroom, monkeypatch: pytest.MonkeyPatch) -> Workroom:
    monkeypatch.setenv("DAILIES_HOME", str(room.settings.home))
    monkeypatch.setenv("DAILIES_DEVICE", "cpu")
    return room


@pytest.mark.slow
def test_yesterdays_catalog_with_todays_store_runs_nothing_again(
    home: Workroom, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home.picture("a.png", 1)
    home.picture("b.png", 2)
    known = home.manifest([{"id": "a", "source": "a.png"}])
    assert home.run(known).made
    with Catalog.open(home.settings.catalog_url, home.settings.store) as catalog:
        catalog.accept_licence(
            weights="svd-xt", licence="l", text_sha256="e" * 64, kind="community", holder="Ex", accepted_by="Ana"
        )
        with catalog.database.write() as connection:
            delivery = connection.scalars(select(Delivery.id)).one()
            connection.execute(insert(Review).values(delivery_id=delivery, verdict="approved", note="", reviewer="Bo"))
    file = tmp_path / "yesterday.zip"
    assert command(["backup", str(file), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["rows"]["reviews"] == 1 and told["bytes"] == file.stat().st_size

    home.run(home.manifest([{"id": "b", "source": "b.png"}], "today.yaml"))
    assert command(["restore", str(file)]) == 2  # today's work would go
    assert "--replace" in capsys.readouterr().err
    assert command(["restore", str(file), "--replace", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["store"]["gone"] == told["store"]["cut"] == [] and told["store"]["unknown"] > 0

    again = home.run(known)
    assert again.made == {} and len(again.rows) == 1
    with Catalog.open(home.settings.catalog_url, home.settings.store) as catalog:
        assert [grant.holder for grant in catalog.grants("svd-xt")] == ["Ex"]
        with catalog.database.read() as connection:
            assert connection.execute(select(Review.verdict, Review.reviewer)).all() == [("approved", "Bo")]
    # What it did not know is made again, from a picture whose file is in the store without a row.
    assert home.run(home.manifest([{"id": "b", "source": "b.png"}], "today.yaml")).made


def test_migrate_says_what_it_did_and_has_nothing_to_do_twice(
    home: Workroom, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(["migrate", "--check", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["from"] is None and told["pending"] and not told["migrated"]
    assert command(["migrate", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["migrated"]
    assert command(["migrate", "--check"]) == 0
    assert "nothing to do" in "".join(capsys.readouterr())
