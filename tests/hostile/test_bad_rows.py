"""One manifest with everything people get wrong between good rows: good ones come out, bad ones are named."""

from __future__ import annotations

import csv
import json
import os
import stat
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from catalog.queries import ShotRow, shots_of
from manifests.errors import InputError
from manifests.loader import load
from tasks.planner.planner import RunPlan
from tasks.prepare import open_picture
from tests.workroom import Ended, Workroom, product_photo

LONG_NAME = "x" * 246 + ".png"
TITLES = {"formula": "=cmd|' /C calc'!A0", "spaced": "  \t+1+1", "script": "<script>alert(1)</script>"}


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def write_pictures(folder: Path) -> None:
    """Every picture of the manifest, good and bad, as other programs and people leave them."""
    photo = product_photo(3)
    photo.save(folder / "good.png")
    for name in ("-first.png", "new\nline.png", 'it\'s "so".png', "фото 商品.png", LONG_NAME):
        photo.save(folder / name)
    grey = (np.asarray(photo.convert("L")).astype(np.uint16)) * 257
    Image.fromarray(grey).save(folder / "sixteen.png")
    photo.convert("CMYK").save(folder / "cmyk.jpg")
    turned = Image.Exif()
    turned[0x0112] = 6
    photo.save(folder / "turned.jpg", exif=turned)
    cut = photo.convert("RGBA")
    cut.putalpha(Image.fromarray(np.where(np.arange(480)[None, :] % 480 > 100, 255, 0).astype(np.uint8).repeat(360, 0)))
    cut.save(folder / "alpha.png")

    photo.save(folder / "whole.jpg")
    (folder / "cut.jpg").write_bytes((folder / "whole.jpg").read_bytes()[:-3000])
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(b"\0" * 9)) + png_chunk(b"IEND", b"")
    (folder / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bomb)
    (folder / "eps.jpg").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n")
    (folder / "psd.png").write_bytes(b"8BPS\0\1" + bytes(100))
    (folder / "fits.tif").write_bytes(b"SIMPLE  =                    T" + b" " * 2850)
    (folder / "text.png").write_text("not a picture")
    (folder / "empty.png").write_bytes(b"")
    (folder / "drawing.svg").write_text('<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>')
    frames = [product_photo(seed) for seed in (1, 2)]
    frames[0].save(folder / "moving.webp", save_all=True, append_images=frames[1:])
    frames[0].save(folder / "pages.tif", save_all=True, append_images=frames[1:])
    Image.new("RGB", (1, 1)).save(folder / "dot.png")
    Image.new("RGB", (20_000, 30)).save(folder / "strip.png")
    (folder / "leaves.png").symlink_to("/etc/passwd")
    os.mkfifo(folder / "pipe.png")
    (folder / "folder.png").mkdir()


GOOD: dict[str, dict[str, Any]] = {
    "dash": {"source": "-first.png"},
    "newline": {"source": "new\nline.png"},
    "quotes": {"source": 'it\'s "so".png'},
    "letters": {"source": "фото 商品.png"},
    "long": {"source": LONG_NAME},
    "sixteen": {"source": "sixteen.png"},
    "cmyk": {"source": "cmyk.jpg"},
    "turned": {"source": "turned.jpg"},
    "alpha": {"source": "alpha.png"},
    "same one": {"source": "good.png"},
    "same two": {"source": "good.png"},
    "-dash id": {"source": "good.png", "seed": 1},
    "first page": {"source": {"path": "pages.tif", "page": 0}},
    **{f"title {name}": {"source": "good.png", "seed": 1, "title": title} for name, title in TITLES.items()},
}
BAD: dict[str, tuple[str, dict[str, Any]]] = {
    "truncated": ("BAD_IMAGE", {"source": "cut.jpg"}),
    "bomb": ("IMAGE_TOO_LARGE", {"source": "bomb.png"}),
    "eps": ("UNSUPPORTED_IMAGE", {"source": "eps.jpg"}),
    "psd": ("UNSUPPORTED_IMAGE", {"source": "psd.png"}),
    "fits": ("UNSUPPORTED_IMAGE", {"source": "fits.tif"}),
    "lying": ("UNSUPPORTED_IMAGE", {"source": "text.png"}),
    "empty": ("BAD_IMAGE", {"source": "empty.png"}),
    "svg": ("UNSUPPORTED_IMAGE", {"source": "drawing.svg"}),
    "animated": ("MULTIPLE_PAGES", {"source": "moving.webp"}),
    "pages": ("MULTIPLE_PAGES", {"source": "pages.tif"}),
    "page": ("PAGE_MISSING", {"source": {"path": "pages.tif", "page": 7}}),
    "dot": ("IMAGE_TOO_SMALL", {"source": "dot.png"}),
    "strip": ("IMAGE_TOO_SMALL", {"source": "strip.png"}),
    "parent": ("PATH_OUTSIDE", {"source": "../good.png"}),
    "absolute": ("PATH_OUTSIDE", {"source": "/etc/passwd"}),
    "symlink": ("PATH_OUTSIDE", {"source": "leaves.png"}),
    "device": ("PATH_OUTSIDE", {"source": "/dev/zero"}),
    "pipe": ("NOT_A_FILE", {"source": "pipe.png"}),
    "directory": ("NOT_A_FILE", {"source": "folder.png"}),
    "url": ("URL_REFUSED", {"source": "https://example.com/a.png"}),
    "missing": ("PICTURE_MISSING", {"source": "gone.png"}),
    "motion": ("OUT_OF_RANGE", {"source": "good.png", "motion": {"amount": 9999}}),
    "negative": ("OUT_OF_RANGE", {"source": "good.png", "seed": -1}),
    "huge seed": ("OUT_OF_RANGE", {"source": "good.png", "seed": 2**64}),
    "no rate": ("OUT_OF_RANGE", {"source": "good.png", "rate": 0}),
    "unknown": ("UNKNOWN_KEY", {"source": "good.png", "motoin": {"amount": 0.1}}),
    "preset": ("UNKNOWN_PRESET", {"source": "good.png", "deliver": ["cinema_16k"]}),
    "unmet": ("PRESET_TOO_LONG", {"source": "good.png", "deliver": ["small_shop"], "seconds": 61}),
    "cut-out": ("BACKDROP_NEEDS_CUTOUT", {"source": "good.png", "backdrop": {"kind": "floor"}}),
}
SHARED = [{"id": "twice", "source": "good.png"}, {"id": "twice", "source": "good.png", "seed": 5}]


def all_rows() -> list[dict[str, Any]]:
    """Bad rows among good ones; those with one id apart from each other, one row without any."""
    bad = [{"id": name} | row for name, (_, row) in BAD.items()]
    rows: list[dict[str, Any]] = [SHARED[0]]
    good = iter([{"id": name} | row for name, row in GOOD.items()])
    for index, row in enumerate([*bad, {"source": "good.png"}]):
        rows.append(row)
        rows += [one for one in [next(good, None)] if one and index >= 0]
    return [*rows, SHARED[1], *good]


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workroom, Ended, RunPlan, list[ShotRow]]]:
    """That manifest, planned and worked once for all tests here."""
    from tests.workroom import teach_small_presets

    with pytest.MonkeyPatch.context() as patch:
        teach_small_presets(patch.setattr)
        above = tmp_path_factory.mktemp("hostile")
        (above / "shop").mkdir()
        room = Workroom(above / "shop")
        write_pictures(room.folder)
        product_photo().save(above / "good.png")
        path = room.manifest(all_rows(), defaults={"motion": {"move": "hold"}})
        ended = room.run(path)
        with room.tools() as tools:
            shots = shots_of(tools.catalog, ended.run_id)
        yield room, ended, ended.plan, shots


Worked = tuple[Workroom, Ended, RunPlan, list[ShotRow]]


@pytest.mark.promise("a bad item never stops a batch")
def test_every_good_row_is_delivered(worked: Worked) -> None:
    _, ended, _, shots = worked
    states = {shot.key: (shot.state, shot.error_message) for shot in shots if shot.key in GOOD}
    assert {key: state for key, state in states.items() if state[0] != "done"} == {}
    assert states.keys() == GOOD.keys()
    assert {row.item for row in ended.rows} == GOOD.keys()
    for path in ended.out.files.values():
        assert path.is_file() and path.parent == ended.out.folder and path.name.isascii(), path


@pytest.mark.promise("a bad item never stops a batch")
def test_every_bad_row_is_quarantined_with_its_code(worked: Worked) -> None:
    _, _, _, shots = worked
    found = {shot.key: (shot.state, shot.error_code) for shot in shots}
    wanted = {name: ("quarantined", code) for name, (code, _) in BAD.items()}
    assert {name: found[name] for name in wanted} == wanted
    shared = [shot for shot in shots if shot.item == "twice"]
    assert [(shot.state, shot.error_code) for shot in shared] == [("quarantined", "DUPLICATE_ID")] * 2
    assert str(shared[1].line) in str(shared[0].error_message), "each names the other"
    assert str(shared[0].line) in str(shared[1].error_message), "each names the other"
    (nameless,) = [shot for shot in shots if shot.error_code == "MISSING_ID"]
    assert nameless.item == nameless.key == f"line {nameless.line}"
    assert len(shots) == len(GOOD) + len(BAD) + 3
    assert [shot.line for shot in shots] == sorted(shot.line or 0 for shot in shots), "in the manifest's order"


def test_problems_say_who_where_what_and_what_to_do(worked: Worked) -> None:
    _, _, plan, shots = worked
    for problem in plan.problems:
        assert problem.code.isupper() and problem.file.endswith("m.yaml") and problem.line and problem.remedy, problem
        assert str(problem).isprintable() and len(str(problem)) < 1000, problem
    assert sum(shot.state == "quarantined" for shot in shots) == len(BAD) + 3


def test_the_same_picture_asked_twice_is_made_once_and_delivered_twice(worked: Worked) -> None:
    _, ended, _, _ = worked
    one, two = (row.delivery for row in ended.rows if row.item.startswith("same "))
    assert one.artifact == two.artifact and one.id != two.id


def test_the_index_lists_all_and_no_cell_is_a_formula(worked: Worked) -> None:
    _, ended, _, shots = worked
    with ended.out.index_csv.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert not [cell for row in rows for cell in row if cell.strip()[:1] in tuple("=+-@") and cell.strip()]
    listed = json.loads(ended.out.index_json.read_text(encoding="utf-8"))
    assert {row["id"] for row in listed} == {shot.item for shot in shots}
    assert {row["id"]: row["error_code"] for row in listed if row["id"] in BAD} == {
        name: code for name, (code, _) in BAD.items()
    }
    titles = {row["id"]: row["title"] for row in listed if str(row["id"]).startswith("title ")}
    assert titles == {f"title {name}": title for name, title in TITLES.items()}, "JSON keeps what was written"


def test_nothing_was_written_outside_home_and_out_folder(worked: Worked) -> None:
    room, _, _, _ = worked
    assert sorted(path.name for path in room.folder.parent.iterdir()) == ["good.png", "shop"]
    own = {"home", "out", "m.yaml"}
    before = {path.name for path in room.folder.iterdir()} - own
    again = room.folder.parent / "pictures again"
    again.mkdir()
    write_pictures(again)
    assert before == {path.name for path in again.iterdir()}


@pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can make a device, and become somebody who may not read a file"
)
def test_devices_and_files_of_others_are_refused(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = Path("/tmp") / f"dailies-unreadable-{os.getpid()}"
    folder.mkdir(mode=0o755)
    try:
        product_photo().save(folder / "a.png")
        secret = folder / "secret.png"
        product_photo().save(secret)
        secret.chmod(0)
        try:
            os.mknod(folder / "zero.png", stat.S_IFCHR | 0o666, os.makedev(1, 5))
        except PermissionError:
            (folder / "zero.png").mkdir()  # a sandbox without devices: any other thing that is no file
        manifest = folder / "m.yaml"
        manifest.write_text(
            "version: 1\nrows: [{id: a, source: a.png}, {id: b, source: secret.png}, {id: c, source: zero.png}]\n"
        )
        os.setresuid(65534, 65534, 0)
        try:
            loaded = load(manifest)
            with pytest.raises(InputError) as caught:
                open_picture(secret, max_pixels=10**6)
        finally:
            os.setresuid(0, 0, 0)
        assert caught.value.code == "UNREADABLE_FILE"
        assert [shot.key for shot in loaded.shots] == ["a"]
        assert [(row.key, row.problems[0].code) for row in loaded.refused] == [("b", "NOT_A_FILE"), ("c", "NOT_A_FILE")]
        assert "not readable" in loaded.refused[0].problems[0].message
    finally:
        for path in folder.iterdir():
            path.rmdir() if path.is_dir() else path.unlink()
        folder.rmdir()
