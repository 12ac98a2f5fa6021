"""What requests may say: bounded, so that nothing that comes in is larger than what it asks about."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Query
from fastapi.security import HTTPBearer
from pydantic import BaseModel, StringConstraints

NAME = r"^[\x21-\x7e]{1,120}$"
"""Ids are plain letters: nothing else is looked up."""

Name = Annotated[str, Path(pattern=NAME)]
Word = Annotated[str | None, Query(max_length=200)]
Day = Annotated[str, Query(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", json_schema_extra={"format": "date"})]
After = Annotated[int, Query(ge=0, lt=2**31, description="The last position that was seen.")]
Before = Annotated[int | None, Query(ge=1, lt=2**31, description="`id` of the last that was seen.")]
Cursor = Annotated[str | None, Query(max_length=100, description="`cursor` of the last that was seen.")]
Limit = Annotated[int, Query(ge=1, le=500)]
Id = Annotated[str, StringConstraints(pattern=NAME)]


BEARER = HTTPBearer(auto_error=False, scheme_name="token", description="Of `dailies token add`; loopback needs none.")
"""For the document: `dashboard.auth` lets in."""


class Fault(BaseModel):
    """Why something was refused: a stable code, what was found, what to do."""

    code: str
    message: str
    remedy: str


class Said(BaseModel):
    """What was done, in words."""

    said: str


FAULTS: dict[int | str, dict[str, Any]] = {
    status: {"model": Fault, "description": words}
    for status, words in {
        400: "What was asked makes no sense",
        401: "Nobody knows who asks",
        403: "Not theirs, or not from our pages",
        404: "Not there",
        405: "Not done here",
        409: "Not as things stand",
        413: "Too much was sent",
        415: "Not read here",
        422: "Something asked is out of bounds, or a manifest is wrong",
        429: "Too many wrong tokens",
        503: "The database or store is away",
    }.items()
}
