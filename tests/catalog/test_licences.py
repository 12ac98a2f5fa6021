"""A licence is accepted text by text, until its day; every execution can say under which grant it ran."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import MetaData, create_engine, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from catalog import Catalog
from catalog.database import Database
from catalog.errors import CatalogError
from catalog.licences import Grant
from catalog.migrate import alembic_config
from catalog.tables import Audit, LicenceGrant
from catalog.trace import trace
from tests.catalog.conftest import Workplace

TEXT, OTHER = "a" * 64, "b" * 64
NOW = datetime.now(UTC)


def accept(place: Workplace, text_sha256: str = TEXT, days: float | None = None, **more: str) -> Grant:
    facts = {"weights": "svd-xt", "kind": "community", "holder": "Example Ltd", "accepted_by": "Ana"} | more
    return place.catalog.accept_licence(
        licence="stable-video-diffusion-community",
        text_sha256=text_sha256,
        expires_at=NOW + timedelta(days=days) if days is not None else None,
        **facts,  # type: ignore[arg-type]
    )


def test_a_grant_covers_one_text_of_one_set_of_weights(place: Workplace) -> None:
    assert place.catalog.covering_grant("svd-xt", TEXT) is None
    grant = accept(place, days=100)
    held = place.catalog.covering_grant("svd-xt", TEXT)
    assert held is not None and held.facts() == grant.facts() == place.catalog.grants("svd-xt")[0].facts()
    assert place.catalog.covering_grant("svd-xt", OTHER) is None
    assert place.catalog.covering_grant("svd", TEXT) is None
    assert (grant.holder, grant.accepted_by, grant.kind) == ("Example Ltd", "Ana", "community")
    assert NOW - timedelta(seconds=1) < grant.accepted_at < datetime.now(UTC) + timedelta(seconds=1)
    assert grant.seconds_left is not None and 99 < grant.seconds_left / 86_400 < 100.1
    with place.catalog.database.read() as connection:
        audited = connection.execute(select(Audit).where(Audit.what == "accepted licence")).one()
    assert (audited.who, audited.subject, audited.detail["grant"]) == ("Ana", "svd-xt", grant.id)


def test_a_grant_ends_by_the_databases_clock_and_the_longest_holds(place: Workplace) -> None:
    short, long = accept(place, days=1), accept(place, days=3)
    held = place.catalog.covering_grant("svd-xt", TEXT)
    assert held is not None and held.id == long.id
    endless = accept(place)
    held = place.catalog.covering_grant("svd-xt", TEXT)
    assert held is not None and held.id == endless.id and held.seconds_left is None
    with place.catalog.database.write() as connection:
        connection.execute(update(LicenceGrant).values(expires_at=NOW - timedelta(seconds=1)))
    assert place.catalog.covering_grant("svd-xt", TEXT) is None
    listed = place.catalog.grants("svd-xt")
    assert [grant.id for grant in listed] == [endless.id, long.id, short.id]
    assert all(grant.expired for grant in listed)


@pytest.mark.parametrize("wrong", [{"holder": " "}, {"accepted_by": ""}, {"kind": "stolen"}, {"text_sha256": "ab"}])
def test_half_an_acceptance_is_none(place: Workplace, wrong: dict[str, str]) -> None:
    with pytest.raises(CatalogError) as refused:
        accept(place, **wrong)
    assert refused.value.code == "BAD_GRANT"
    with pytest.raises(CatalogError, match="not ahead") as over:
        accept(place, days=-1)
    assert over.value.code == "BAD_GRANT" and place.catalog.grants() == []
    with place.catalog.database.read() as connection:
        assert connection.scalars(select(Audit.id)).all() == []


def test_trace_shows_the_grant_a_clip_was_made_under(place: Workplace) -> None:
    grant = accept(place, days=200)
    made = place.make(
        "animate", b"frames", stage="animate", engine="svd", weights={"svd-xt/unet": "e" * 64}, grant_id=grant.id
    )
    plain = place.make("encode", b"clip")
    (root,) = trace(place.catalog, made.id).roots
    told = json.loads(json.dumps(root.as_dict()))["facts"]["grant"]
    assert told == grant.facts()
    assert (told["kind"], told["holder"], told["accepted_by"]) == ("community", "Example Ltd", "Ana")
    (other,) = trace(place.catalog, plain.id).roots
    assert other.facts["grant"] is None
    with pytest.raises(IntegrityError):
        place.begin("again", grant_id="g-nobody-gave-this")


def test_a_catalog_with_clips_in_it_is_upgraded_where_it_stands(tmp_path: Path) -> None:
    """Grants came with 0003: executions and what refers to them must survive, foreign keys being on."""
    url = f"sqlite:///{tmp_path / 'c.db'}"
    database = Database(url)
    with database.write() as connection:
        command.upgrade(alembic_config(connection), "0002")
    database.close()
    engine = create_engine(url)
    with engine.begin() as connection:
        before = MetaData()
        before.reflect(connection)
        named = {"id": "x1", "stage": "encode", "state": "done", "recipe_sha256": "r", "engine": "ffmpeg"}
        named |= {"host": "here", "device": "cpu"}
        facts = dict.fromkeys(("recipe", "engine_versions", "weights", "ran"), "{}")
        figures = {"version": 1, "progress": 1.0, "started_at": NOW, "touched_at": NOW}
        connection.execute(insert(before.tables["executions"]).values(**named, **facts, **figures))
        edge = {"execution_id": "x1", "position": 0, "role": "frames", "producer_id": "x1"}
        connection.execute(insert(before.tables["execution_inputs"]).values(**edge))
    engine.dispose()
    with Catalog.open(url, tmp_path / "store") as catalog:
        assert catalog.execution("x1").state == "done"
        with catalog.database.write() as connection:
            row = connection.execute(text("SELECT grant_id FROM executions")).one()
            assert row.grant_id is None
            connection.execute(insert(LicenceGrant).values(**_grant_row()))
            connection.execute(text("UPDATE executions SET grant_id = 'g1'"))


def _grant_row() -> dict[str, str]:
    names = {"id": "g1", "weights": "svd-xt", "licence": "l", "text_sha256": TEXT, "kind": "research"}
    return names | {"holder": "h", "accepted_by": "a", "note": ""}
