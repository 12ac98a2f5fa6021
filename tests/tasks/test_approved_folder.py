"""What a person approved is sent on once, and taken back with the approval."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from catalog.errors import Damaged
from catalog.queries import deliveries_of, each_shot
from manifests.errors import InputError
from tasks.approved_folder import Sent, write_approved
from tasks.out_folder import put
from tasks.receivers import PLAIN, receiver
from tasks.sent_record import RECORD
from tests.tasks.scene.storyroom import Told, board, run
from tests.workroom import Workroom, flip_a_byte, index_of, rows_of

pytestmark = pytest.mark.usefixtures("small")
ROWS: list[dict[str, Any]] = [
    {"id": "mug", "source": "a.png", "title": "=A mug", "meta": {"sku": "M-1"}},
    {"id": "cup", "source": "b.png", "title": "Cup, blue"},
]


@pytest.fixture
def manifest(room: Workroom) -> Path:
    room.picture("a.png", 1)
    room.picture("b.png", 2)
    return room.manifest(ROWS, defaults={"seconds": 0.5})


def said(room: Workroom, run: Told, verdict: Any, *items: str) -> None:
    with room.tools() as tools:
        ids = [row.delivery.id for row in run.rows if row.item in items]
        tools.catalog.review("anna", verdict, deliveries=ids, note="for the shop")


def sent(room: Workroom, run: Told, index: str = PLAIN, **told: Any) -> Sent:
    with room.tools() as tools:
        rows = deliveries_of(tools.catalog, run_id=run.run_id)
        folder = room.folder / "shop"
        return write_approved(
            tools.catalog, folder, each_shot(tools.catalog, run.run_id), rows, receiver(index), **told
        )


def names(done: Sent) -> tuple[list[str], list[str], list[str], list[str]]:
    return list(done.new), list(done.replaced), list(done.withdrawn), list(done.standing)


def test_only_what_is_approved_is_sent_and_only_once(room: Workroom, manifest: Path) -> None:
    """Also to a folder whose files are taken out of it; `again` sends everything."""
    made = run(room, manifest)
    assert names(sent(room, made)) == ([], [], [], [])
    said(room, made, "approved", "mug")
    said(room, made, "rejected", "cup")
    done = sent(room, made)
    (mug,) = done.new
    shop = room.folder / "shop"
    assert {path.name for path in shop.iterdir()} == {
        mug, Path(mug).with_suffix(".jpg").name, "index.csv", "changes.csv", "contact-sheet.jpg", RECORD,
    }  # fmt: skip
    (row,) = index_of(shop)
    assert (row["id"], row["title"], row["meta.sku"], row["approved_by"]) == ("mug", "'=A mug", "M-1", "anna")
    assert (shop / mug).read_bytes() == next(row.delivery.path for row in made.rows if row.item == "mug").read_bytes()
    assert (shop / mug).stat().st_nlink == 1 and row["type"] == "video/mp4"

    (shop / mug).unlink()
    assert names(sent(room, made)) == ([], [], [], [mug]) and not (shop / mug).exists()
    assert rows_of(shop / "changes.csv") == [] and len(index_of(shop)) == 1
    assert names(sent(room, made, again=True)) == ([], [mug], [], []) and (shop / mug).exists()


def test_a_new_version_takes_its_place_once_it_is_approved_too(room: Workroom, manifest: Path) -> None:
    made = run(room, manifest)
    said(room, made, "approved", "mug", "cup")
    first = sent(room, made)
    mug, cup = first.new
    old = (room.folder / "shop" / mug).read_bytes()
    room.picture("a.png", 7)
    later = run(room, manifest)
    assert names(sent(room, later)) == ([], [], [], [cup, mug]), "what is approved stays until its successor is"
    said(room, later, "rejected", "mug")
    assert (room.folder / "shop" / mug).read_bytes() == old and not sent(room, later).withdrawn
    said(room, later, "approved", "mug")
    assert names(sent(room, later)) == ([], [mug], [], [cup])
    assert (room.folder / "shop" / mug).read_bytes() != old
    assert [(row["change"], row["file"]) for row in rows_of(room.folder / "shop" / "changes.csv")] == [
        ("replaced", mug)
    ]


def test_what_is_no_longer_approved_is_taken_back(room: Workroom, manifest: Path) -> None:
    """But not a file that somebody put in its place."""
    made = run(room, manifest)
    said(room, made, "approved", "mug", "cup")
    mug, cup = sent(room, made).new
    said(room, made, "rejected", "mug")
    with room.tools() as tools:
        tools.catalog.reopen_review("ben", deliveries=[row.delivery.id for row in made.rows if row.item == "cup"])
    (room.folder / "shop" / cup).write_bytes(b"edited by hand")
    done = sent(room, made)
    assert set(done.withdrawn) == {mug, cup} and not done.standing
    assert not (room.folder / "shop" / mug).exists() and (room.folder / "shop" / cup).read_bytes() == b"edited by hand"
    assert {row["change"] for row in rows_of(done.changes)} == {"withdrawn"} and index_of(done.folder) == []


def test_the_index_has_the_receivers_own_columns(room: Workroom, manifest: Path) -> None:
    made = run(room, manifest)
    said(room, made, "approved", "mug")
    sent(room, made, "shop")
    (row,) = index_of(room.folder / "shop")
    assert (row["SKU"], row["Title"], row["Alt text"], row["Seconds"]) == ("mug", "'=A mug", "'=A mug", "0.5")
    sent(room, made, "dam")
    (row,) = index_of(room.folder / "shop")
    assert (row["dc:identifier"], row["dc:type"], row["xmpDM:duration"]) == ("mug", "MovingImage", "0.5")
    own = room.folder / "own.yaml"
    own.write_text('columns: {Handle: "{id}", Address: "https://cdn.example/{meta.sku}/{file}"}')
    sent(room, made, str(own))
    (row,) = index_of(room.folder / "shop")
    assert row["Handle"] == "mug" and row["Address"].startswith("https://cdn.example/M-1/mug_")


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        (None, "NO_RECEIVER", "plain, dam, shop"),
        ("columns: {A: '{colour}'}", "NO_SUCH_COLUMN", "{colour}"),
        ("columns: [A]", "BAD_RECEIVER", "columns"),
        ("about: nothing", "BAD_RECEIVER", "no columns"),
        ("columns: {A: '{id}'", "BAD_RECEIVER", "own.yaml"),
    ],
)
def test_an_index_that_cannot_be_made_is_refused(
    room: Workroom, manifest: Path, text: str | None, code: str, words: str
) -> None:
    own = room.folder / "own.yaml"
    if text is not None:
        own.write_text(text)
    made = run(room, manifest)
    said(room, made, "approved", "mug")
    with pytest.raises(InputError) as refused:
        sent(room, made, str(own) if text is not None else "pim")
    assert refused.value.code == code and words in str(refused.value)
    assert not (room.folder / "shop" / RECORD).exists()


def test_a_record_leads_out_of_no_folder(room: Workroom, manifest: Path) -> None:
    """Whoever may write the record deletes nothing elsewhere; one that is broken is told."""
    made = run(room, manifest)
    said(room, made, "approved", "mug")
    sent(room, made)
    record = room.folder / "shop" / RECORD
    (mug,) = [row for row in made.rows if row.item == "mug"]
    text = record.read_text()
    outside = room.folder / "keep.mp4"
    outside.write_bytes(mug.delivery.path.read_bytes())
    said(room, made, "rejected", "mug")
    record.write_text(text.replace('{\n "', '{\n "../keep.mp4": {"delivery": "d", "sha256": "'
                                   + mug.delivery.artifact + '", "row": {"file": "x"}},\n "', 1))  # fmt: skip
    assert "../keep.mp4" in sent(room, made).withdrawn and outside.exists()
    record.write_text("[]")
    with pytest.raises(InputError, match="delete it") as refused:
        sent(room, made)
    assert refused.value.code == "BAD_RECORD"


def test_columns_are_those_of_every_row_of_the_run_approved_or_not(room: Workroom, manifest: Path) -> None:
    own = room.folder / "own.yaml"
    own.write_text('columns: {SKU: "{meta.sku}", Id: "{id}"}')
    made = run(room, manifest)
    assert not sent(room, made, str(own)).new
    said(room, made, "approved", "cup")
    sent(room, made, str(own))
    assert index_of(room.folder / "shop") == [{"SKU": "", "Id": "cup"}]


def test_a_damaged_clip_sends_nothing_and_what_breaks_off_is_not_sent_twice(
    room: Workroom, manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = run(room, manifest)
    said(room, made, "approved", "mug", "cup")
    shop = room.folder / "shop"

    def full(source: Path, target: Path, **told: Any) -> bool:
        if target.name.startswith("cup"):
            raise OSError(28, "No space left on device")
        return put(source, target, **told)

    with monkeypatch.context() as patched:
        patched.setattr("tasks.approved_folder.put", full)
        with pytest.raises(OSError, match="No space"):
            sent(room, made)
    ((mug, of_mug),) = [(row["file"], row["change"]) for row in rows_of(shop / "changes.csv")]
    assert of_mug == "new" and [row["id"] for row in index_of(shop)] == ["mug"]
    stored = next(row.delivery.path for row in made.rows if row.item == "cup")
    flip_a_byte(stored)
    (shop / mug).unlink()
    with pytest.raises(Damaged):
        sent(room, made, again=True)
    assert not (shop / mug).exists(), "nothing is copied before all is whole"
    mended = run(room, manifest)
    said(room, mended, "approved", "cup")
    done = sent(room, mended)
    assert (len(done.new), list(done.standing)) == (1, [mug]) and done.new[0].startswith("cup")


def test_a_clip_under_a_new_name_is_taken_back_under_the_old_one(room: Workroom, manifest: Path) -> None:
    named: dict[str, Any] = {"defaults": {"seconds": 0.5}, "out": {"folder": "out", "template": "{title}_{preset}"}}
    made = run(room, room.manifest(ROWS, **named))
    said(room, made, "approved", "mug", "cup")
    old, cup = sorted(sent(room, made).new, key=lambda name: "cup" in name.lower())
    later = run(room, room.manifest([ROWS[0] | {"title": "Mug, corrected"}, ROWS[1]], **named))
    assert {row.delivery.id for row in later.rows} == {row.delivery.id for row in made.rows}
    done = sent(room, later)
    assert (list(done.withdrawn), list(done.standing), len(done.new)) == ([old], [cup], 1)
    assert not (done.folder / old).exists() and not (done.folder / old).with_suffix(".jpg").exists()
    assert {row["file"] for row in index_of(done.folder)} == {*done.new, cup}


def test_a_scene_is_replaced_by_its_next_version_and_goes_with_what_lies_beside_it(room: Workroom) -> None:
    first = run(room, board(room, {"dialogue": "Then."}, {}))
    said(room, first, "approved", "s")
    (old,) = sent(room, first).new
    shop = room.folder / "shop"
    beside = {path.name for path in shop.iterdir() if path.stem == Path(old).stem}
    assert {Path(name).suffix for name in beside} >= {".mp4", ".jpg", ".srt", ".vtt"}
    later = run(room, board(room, {"dialogue": "Now!"}, {}))
    assert names(sent(room, later)) == ([], [], [], [old])
    said(room, later, "approved", "s")
    done = sent(room, later)
    assert list(done.withdrawn) == [old] and len(done.new) == 1 and done.new[0] != old
    assert not beside & {path.name for path in shop.iterdir()}
    assert [row["file"] for row in index_of(shop)] == list(done.new)
    said(room, later, "rejected", "s")
    assert list(sent(room, later).withdrawn) == list(done.new)
    assert not [path for path in shop.iterdir() if path.stem == Path(done.new[0]).stem]
