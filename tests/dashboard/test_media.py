"""Stored files: by digest, in ranges, and small ones made once."""

from __future__ import annotations

import io

import av
from fastapi.testclient import TestClient
from PIL import Image

from catalog.queries import deliveries_of
from tests.dashboard.gallery import Gallery


def test_a_clip_is_served_whole_and_in_ranges(client: TestClient, gallery: Gallery) -> None:
    row = deliveries_of(gallery.catalog, run_id=gallery.night())[0]
    content = row.delivery.path.read_bytes()
    address = f"/media/{row.delivery.artifact}"
    whole = client.get(address)
    assert (whole.status_code, whole.content, whole.headers["content-type"]) == (200, content, "video/mp4")
    assert whole.headers["etag"] == f'"{row.delivery.artifact}"' and "immutable" in whole.headers["cache-control"]
    part = client.get(address, headers={"range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, content[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(content)}"
    assert client.get(address, headers={"range": f"bytes={len(content)}-"}).status_code == 416
    assert client.get(address, headers={"if-none-match": whole.headers["etag"]}).status_code == 304
    stale = client.get(address, headers={"range": "bytes=0-1", "if-range": '"another"'})
    assert (stale.status_code, stale.content) == (200, content)


def test_small_pictures_are_made_once(client: TestClient, gallery: Gallery) -> None:
    row = deliveries_of(gallery.catalog, run_id=gallery.night())[0]
    thumbnail = client.get(f"/media/{row.delivery.poster}/thumbnail")
    assert thumbnail.headers["content-type"] == "image/webp"
    assert max(Image.open(io.BytesIO(thumbnail.content)).size) <= 640
    preview = client.get(f"/media/{row.delivery.artifact}/preview")
    with av.open(io.BytesIO(preview.content)) as clip:
        assert (clip.streams.video[0].codec_context.name, clip.streams.audio) == ("h264", ())
    made = {path: path.stat().st_mtime_ns for path in (gallery.folder / "dashboard" / "pictures").rglob("*.*")}
    assert len(made) == 2
    assert client.get(f"/media/{row.delivery.poster}/thumbnail").content == thumbnail.content
    assert client.get(f"/media/{row.delivery.artifact}/preview").content == preview.content
    assert {path: path.stat().st_mtime_ns for path in made} == made


def test_a_file_that_is_gone_or_no_picture_says_so(client: TestClient, gallery: Gallery) -> None:
    row = deliveries_of(gallery.catalog, run_id=gallery.night())[0]
    gallery.catalog.mark_damaged(row.delivery.artifact, "a test")
    answer = client.get(f"/media/{row.delivery.artifact}")
    assert (answer.status_code, answer.json()["code"]) == (410, "GONE")
    note = gallery.folder / "note.html"
    note.write_text("<script>alert(1)</script>")
    sha256 = gallery.catalog.ingest(note)
    assert client.get(f"/media/{sha256}/thumbnail").status_code == 415
    saved = client.get(f"/media/{sha256}")
    assert saved.headers["content-type"] == "application/octet-stream"
    assert saved.headers["content-disposition"].startswith("attachment")
