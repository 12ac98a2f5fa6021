"""Stored files by the SHA-256 of their bytes, and by nothing else: no request names a path."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Request, Security
from fastapi.responses import FileResponse, Response

from catalog.catalog import Catalog
from catalog.queries import StoredFile, stored_file
from dashboard.api.words import BEARER, FAULTS, Fault
from dashboard.desk import Desk, desk_of
from dashboard.errors import Refused
from dashboard.previews import Kind

_DIGEST = re.compile(r"[0-9a-f]{64}")
_TYPES: Final = {
    ".mp4": "video/mp4",
    ".mov": "video/quicktime",
    ".webm": "video/webm",
    ".mkv": "video/x-matroska",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".wav": "audio/wav",
    ".m4a": "audio/mp4",
    ".mp3": "audio/mpeg",
    ".flac": "audio/flac",
}
"""Shown in the browser; whatever else is stored is only ever saved."""
_FOREVER: Final = "private, max-age=31536000, immutable"
"""The bytes of a digest never change."""
_BYTES: Final = {"schema": {"type": "string", "format": "binary"}}
_UNREADABLE: Final = {"model": Fault, "content": {"text/plain": {"schema": {"type": "string"}}}}


def _answers(*kinds: str) -> dict[int | str, dict[str, Any]]:
    content = dict.fromkeys(kinds, _BYTES)
    return FAULTS | {
        200: {"description": "All of it", "content": content},
        206: {"description": "A range of it", "content": content | {"multipart/byteranges": _BYTES}},
        304: {"description": "It is what it was"},
        400: {"description": "A range that cannot be read"} | _UNREADABLE,
        410: {"model": Fault, "description": "Its bytes are gone; its run makes them again"},
        416: {"description": "A range it does not have"} | _UNREADABLE,
    }


def _conditions(
    part: Annotated[str | None, Header(alias="Range", description="`bytes=0-99`")] = None,
    known: Annotated[str | None, Header(alias="If-None-Match", description="ETags one has.")] = None,
) -> None:
    """For the document: Starlette reads the one, `_unchanged` the other."""


router = APIRouter(prefix="/media", tags=["media"], dependencies=[Security(BEARER), Depends(_conditions)])


@router.get("/{sha256}", response_class=FileResponse, responses=_answers("application/octet-stream", *_TYPES.values()))
def whole(request: Request, sha256: str, desk: Annotated[Desk, Depends(desk_of)]) -> Response:
    """The file itself, whole or a range of it."""
    found = _known(desk, sha256)
    if (unchanged := _unchanged(request, sha256)) is not None:
        return unchanged
    path = _path(desk.catalog, found)
    kind = _TYPES.get(path.suffix)
    headers = {"ETag": f'"{sha256}"', "Cache-Control": _FOREVER, "Content-Security-Policy": "sandbox"}
    if kind is None:
        headers["Content-Disposition"] = f'attachment; filename="{sha256[:16]}{path.suffix}"'
    return FileResponse(path, media_type=kind or "application/octet-stream", headers=headers)


@router.get("/{sha256}/{kind}", response_class=FileResponse, responses=_answers("image/webp", "video/mp4"))
def small(request: Request, sha256: str, kind: Kind, desk: Annotated[Desk, Depends(desk_of)]) -> Response:
    """A thumbnail (WebP), or a light preview of a clip (H.264)."""
    found = _known(desk, sha256)
    if (unchanged := _unchanged(request, f"{sha256}-{kind}")) is not None:
        return unchanged
    path = desk.previews.get(kind, sha256, lambda: _path(desk.catalog, found))
    headers = {"ETag": f'"{sha256}-{kind}"', "Cache-Control": _FOREVER, "Content-Security-Policy": "sandbox"}
    return FileResponse(path, media_type="image/webp" if kind == "thumbnail" else "video/mp4", headers=headers)


def _known(desk: Desk, sha256: str) -> StoredFile:
    """Raises Refused: it is no digest, nobody knows it (404), or its bytes are gone (410)."""
    if not _DIGEST.fullmatch(sha256):
        raise Refused("NOT_FOUND", "a file is named by the 64 digits of its SHA-256", status=404)
    found = stored_file(desk.catalog, sha256)
    if found is None:
        raise Refused("NOT_FOUND", f"no file {sha256[:12]} in this catalog", status=404)
    if found.state != "present":
        raise Refused("GONE", f"file {sha256[:12]} is {found.state}", "resume its run, and it is made again", 410)
    return found


def _path(catalog: Catalog, found: StoredFile) -> Path:
    return catalog.store.path(found.sha256, found.location)


def _unchanged(request: Request, tag: str) -> Response | None:
    told = {one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")}
    if f'"{tag}"' not in told and "*" not in told:
        return None
    return Response(status_code=304, headers={"ETag": f'"{tag}"', "Cache-Control": _FOREVER})
