"""A bucket that is away is waited for; one that is refused says what to change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog import Catalog
from catalog.errors import CatalogError, StoreUnavailable
from catalog.store import Store, StoreAddress, open_store
from tests.catalog.conftest import Workplace
from tests.catalog.store_server import StoreServer, shared


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> StoreServer:
    for name, value in shared().environment.items():
        monkeypatch.setenv(name, value)
    return shared()


@pytest.fixture
def away(server: StoreServer, tmp_path: Path) -> Iterator[Workplace]:
    """A workplace whose store is a bucket."""
    workplace = Workplace(tmp_path)
    workplace.catalog.close()
    address = StoreAddress(server.address(server.new()), tmp_path / "cache")
    workplace.catalog = Catalog.open(workplace.url, address)
    yield workplace
    workplace.catalog.close()


def opened(server: StoreServer, folder: Path, bucket: str | None = None) -> Store:
    return open_store(StoreAddress(server.address(bucket or server.new()), folder / "cache"))


def test_a_publication_goes_on_when_the_bucket_is_back(away: Workplace, server: StoreServer) -> None:
    execution, staged = away.begin("recipe"), away.stage(b"clip")
    with server.line.away(), pytest.raises(StoreUnavailable, match="away"):
        away.catalog.publish(execution, [staged], ran={}, seconds=1)
    assert away.catalog.execution(execution).state == "publishing" and away.catalog.find_done("recipe") is None
    with server.line.answering("503 Slow Down"), pytest.raises(StoreUnavailable):
        away.catalog.recover()
    made = away.catalog.publish(execution, [staged], ran={}, seconds=1)
    assert made.whole and made.outputs[0].path.read_bytes() == b"clip"
    away.catalog.verify(made.outputs[0].sha256, deep=True)


def test_nothing_is_called_lost_while_the_bucket_is_away(away: Workplace, server: StoreServer) -> None:
    made = away.make("recipe", b"clip")
    with server.line.away():
        with pytest.raises(StoreUnavailable):
            away.catalog.verify(made.outputs[0].sha256)
        assert made.outputs[0].path.read_bytes() == b"clip", "its copy is here"
    found = away.catalog.find_done("recipe")
    assert found is not None and found.whole
    away.catalog.verify(made.outputs[0].sha256)


def test_a_bucket_that_does_not_exist_is_no_lost_file(server: StoreServer, tmp_path: Path) -> None:
    store = opened(server, tmp_path, "no-such-bucket")
    temp = store.stage_file(".mp4")
    temp.write_bytes(b"clip")
    for ask in (store.has, store.verify, store.path, lambda sha256: store.settle(temp, sha256)):
        with pytest.raises(CatalogError, match=r"no-such-bucket.*NoSuchBucket.*DAILIES_STORE_URL") as refused:
            ask("ab" * 32)
        assert refused.value.code == "STORE_REFUSED" and not isinstance(refused.value, StoreUnavailable)


def test_credentials_that_are_refused_say_what_they_must_allow(server: StoreServer, tmp_path: Path) -> None:
    store = opened(server, tmp_path)
    with (
        server.line.answering("403 Forbidden"),
        pytest.raises(CatalogError, match=r"s3:ListBucket.*AWS_ACCESS") as error,
    ):
        store.has("ab" * 32)
    assert error.value.code == "STORE_REFUSED"


def test_a_line_that_is_not_encrypted_must_be_asked_for(
    server: StoreServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ALLOW_HTTP")
    with pytest.raises(CatalogError, match="AWS_ALLOW_HTTP=true"):
        opened(server, tmp_path, "bucket")


def test_a_bucket_needs_a_folder_for_its_copies() -> None:
    with pytest.raises(CatalogError, match="DAILIES_CACHE_DIR"):
        open_store("s3://bucket/prefix")
