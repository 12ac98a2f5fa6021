"""Stored files that were changed, cut or lost are found, told, and made again; what stands is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import update

from catalog import Catalog
from catalog.errors import StoreUnavailable
from catalog.findings import Finding
from catalog.queries.damage import damaged_deliveries
from catalog.tables import Artifact, Execution
from tasks.verification import check_catalog, check_files, check_out_folders, read_again
from tests.workroom import Ended, Workroom, decoded, flip_a_byte


@pytest.fixture
def made(room: Workroom) -> tuple[Workroom, Path, Ended]:
    """One shot that was delivered."""
    room.picture("a.png")
    manifest = room.manifest([{"id": "a", "source": "a.png"}])
    return room, manifest, room.run(manifest)


def examined(catalog: Catalog, run_id: str | None = None, decode: bool = True) -> list[Finding]:
    """Everything `dailies verify` looks at."""
    found = list(check_catalog(catalog, run_id))
    found += [] if run_id else check_files(catalog)
    found += read_again(catalog, catalog.longest_unread(None, run_id), threads=2, decode=decode)
    return found + list(check_out_folders(catalog, run_id))


def codes(findings: list[Finding]) -> list[str]:
    return sorted(finding.code for finding in findings)


def verified_files(room: Workroom) -> int:
    with room.tools() as tools, tools.catalog.database.read() as connection:
        rows = connection.execute(Artifact.__table__.select()).all()
    return sum(row.verified_at is not None for row in rows)


def test_what_is_right_is_left_alone_and_stamped(made: tuple[Workroom, Path, Ended]) -> None:
    room, _, _ = made
    with room.tools() as tools:
        assert examined(tools.catalog) == []
        unread = tools.catalog.unread()
        assert unread.files > 3
    assert verified_files(room) == unread.files


def cut(path: Path) -> None:
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-100])


HARM = {"FILE_DAMAGED": flip_a_byte, "FILE_CUT": cut, "FILE_MISSING": Path.unlink}


@pytest.mark.parametrize(
    ("code", "kind"), [("FILE_DAMAGED", "delivery"), ("FILE_CUT", "delivery"), ("FILE_MISSING", "poster")]
)
def test_a_damaged_delivery_is_found_and_a_resume_makes_it_again(
    made: tuple[Workroom, Path, Ended], code: str, kind: str
) -> None:
    room, _, ended = made
    (path,) = room.stored(kind)
    before = path.read_bytes()
    HARM[code](path)
    with room.tools() as tools:
        catalog = tools.catalog
        (finding,) = [one for one in examined(catalog) if one.code != "OUT_FOLDER_DIFFERS"]
        assert finding.code == code and finding.run_id == ended.run_id, finding
        assert f"`dailies resume {ended.run_id}`" in finding.remedy and "small_wide" in finding.who, str(finding)
        (damaged,) = damaged_deliveries(catalog, ended.run_id)
        assert damaged.sha256 == finding.sha256 == path.stem and damaged.state == "damaged"
        assert codes(list(check_catalog(catalog))) == ["DELIVERY_LOST"], "told until it is made again"
        assert catalog.reopen_damaged(ended.run_id, "ann") == 1
        again = room.work(tools, ended.run_id)
        assert again.made == {"prepare": 1, "animate": 1, "encode": 2}, "only what is missing was made once more"
        assert again.status.run.state == "done"
        assert path.read_bytes() == before
        assert examined(catalog) == []
    assert decoded(again.out.folder / "a_small_wide.mp4").shape[0] == 15


@pytest.mark.parametrize("code", ["FILE_DAMAGED", "FILE_MISSING"])
def test_a_damaged_still_is_told_and_needs_no_rebuilding(made: tuple[Workroom, Path, Ended], code: str) -> None:
    room, manifest, ended = made
    path = max(room.stored("still"), key=lambda file: file.stat().st_size)
    before = path.read_bytes()
    HARM[code](path)
    with room.tools() as tools:
        (finding,) = examined(tools.catalog)
        assert finding.code == code and "nothing needs rebuilding" in finding.remedy
        assert tools.catalog.reopen_damaged(ended.run_id, "ann") == 0
        assert examined(tools.catalog) == [], "it was written down: nothing misses it"
    assert room.run(manifest).made == {}
    manifest = room.manifest([{"id": "a", "source": "a.png"}], defaults={"deliver": ["small_wide", "small_shop"]})
    assert room.run(manifest).made == {"prepare": 1, "encode": 1}, "made again once it is needed"
    assert path.read_bytes() == before


def test_a_damaged_source_is_taken_in_again_while_its_original_is_there(made: tuple[Workroom, Path, Ended]) -> None:
    room, _, _ = made
    (path,) = room.stored("source")
    before = path.read_bytes()
    flip_a_byte(path)
    with room.tools() as tools:
        (finding,) = examined(tools.catalog)
        assert finding.code == "FILE_DAMAGED" and "taken in again" in finding.remedy
        assert path.read_bytes() == before and examined(tools.catalog) == []
        flip_a_byte(path)
        (room.folder / "a.png").unlink()
        (finding,) = examined(tools.catalog)
        assert "put the original where it was" in finding.remedy


def test_a_file_no_row_knows_is_told_and_left(made: tuple[Workroom, Path, Ended]) -> None:
    room, _, _ = made
    alien = room.settings.home / "store" / "ab" / "cd" / f"abcd{'0' * 60}.mp4"
    alien.parent.mkdir(parents=True, exist_ok=True)
    alien.write_bytes(b"alien")
    with room.tools() as tools:
        (finding,) = examined(tools.catalog)
    assert finding.code == "FILE_UNKNOWN" and "dailies gc" in finding.remedy and alien.exists()


def test_a_row_of_another_size_or_without_a_file_is_found(made: tuple[Workroom, Path, Ended]) -> None:
    room, _, _ = made
    with room.tools() as tools:
        with tools.catalog.database.write() as connection:
            connection.execute(
                Artifact.__table__.insert().values(
                    sha256="f" * 64, kind="master", state="present", bytes=3, location=f"ff/ff/{'f' * 64}.mkv", media={}
                )
            )
            connection.execute(update(Artifact).where(Artifact.kind == "poster").values(bytes=Artifact.bytes + 1))
        assert codes(list(check_files(tools.catalog))) == ["FILE_CUT", "FILE_MISSING"]


def test_a_file_that_hashes_right_and_does_not_decode_is_found(room: Workroom) -> None:
    room.picture("a.png")
    room.run(room.manifest([{"id": "a", "source": "a.png"}]))
    with room.tools() as tools:
        with tools.catalog.database.write() as connection:
            fewer = update(Artifact).where(Artifact.kind == "delivery")
            connection.execute(fewer.values(media={"frames": 16}))
        assert examined(tools.catalog, decode=False) == []
        found = read_again(tools.catalog, tools.catalog.longest_unread(), threads=1, decode=True)
        (finding,) = found
        assert finding.code == "FILE_UNREADABLE" and "15 frames, 16 were published" in finding.found


def test_a_changed_file_in_the_out_folder_is_told_and_the_artifact_stands(made: tuple[Workroom, Path, Ended]) -> None:
    room, _, ended = made
    (path,) = ended.out.files.values()
    link = path.read_bytes()
    path.unlink()
    with room.tools() as tools:
        assert examined(tools.catalog) == [], "who deletes the folder for people has done no harm"
        path.write_bytes(link)
        assert examined(tools.catalog) == [], "a copy is as good as a link"
        path.write_bytes(link[:-1] + b"!")
        (finding,) = examined(tools.catalog)
        assert finding.code == "OUT_FOLDER_DIFFERS" and f"dailies export {path.parent}" in finding.remedy
        assert tools.catalog.unread(ended.run_id).files == sum(1 for _ in tools.catalog.longest_unread())


def test_only_a_runs_own_files_are_read_where_it_is_named(room: Workroom) -> None:
    room.picture("a.png", 1)
    room.picture("b.png", 2)
    first = room.run(room.manifest([{"id": "a", "source": "a.png"}], name="1.yaml"))
    room.run(room.manifest([{"id": "b", "source": "b.png"}], name="2.yaml"))
    with room.tools() as tools:
        all_files, own = tools.catalog.unread(), tools.catalog.unread(first.run_id)
        assert 0 < own.files < all_files.files
        (clip,) = [row.delivery.path for row in first.rows]
        flip_a_byte(clip)
        assert codes(examined(tools.catalog, first.run_id)) == ["FILE_DAMAGED"]


def test_a_share_is_the_longest_unread_and_comes_round(made: tuple[Workroom, Path, Ended]) -> None:
    room, _, _ = made
    with room.tools() as tools:
        catalog = tools.catalog
        everything = catalog.unread()
        seen: list[str] = []
        for _night in range(6):
            tonight = [one.sha256 for one in catalog.longest_unread(everything.bytes // 4)]
            fresh = [sha256 for sha256 in tonight if sha256 not in seen]
            assert tonight[: len(fresh)] == fresh, "what was never read comes first"
            assert fresh or len(seen) == everything.files, "nothing is read twice before all is read once"
            catalog.stamp_verified(tonight)
            seen += fresh
        assert sorted(seen) == sorted(one.sha256 for one in catalog.longest_unread())


def test_a_publication_whose_process_is_gone_is_told(made: tuple[Workroom, Path, Ended]) -> None:
    room, _, ended = made
    with room.tools() as tools:
        with tools.catalog.database.write() as connection:
            stuck = update(Execution).where(Execution.stage == "encode")
            connection.execute(stuck.values(state="publishing", pending={"files": [], "figures": []}))
        assert codes(list(check_catalog(tools.catalog, ended.run_id))) == ["PUBLICATION_STUCK"]


def test_a_store_that_is_away_is_no_damage(made: tuple[Workroom, Path, Ended]) -> None:
    room, _, _ = made
    store = room.settings.home / "store"
    away = store.with_name("away")
    with room.tools() as tools:
        store.rename(away)
        store.mkdir()
        with pytest.raises(StoreUnavailable):
            examined(tools.catalog)
        store.rmdir()
        away.rename(store)
        assert examined(tools.catalog) == []
