"""What requests may say: bounded, so that nothing that comes in is larger than what it asks about."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query
from pydantic import BaseModel, StringConstraints

NAME = r"^[\x21-\x7e]{1,120}$"
"""Ids are plain letters: nothing else is looked up."""

Name = Annotated[str, Path(pattern=NAME)]
Word = Annotated[str | None, Query(max_length=200)]
After = Annotated[int, Query(ge=0, lt=2**31, description="The last position that was seen.")]
Cursor = Annotated[str | None, Query(max_length=100, description="`cursor` of the last that was seen.")]
Limit = Annotated[int, Query(ge=1, le=500)]
Id = Annotated[str, StringConstraints(pattern=NAME)]


class Fault(BaseModel):
    """Why something was refused: a stable code, what was found, what to do."""

    code: str
    message: str
    remedy: str


class Said(BaseModel):
    """What was done, in words."""

    said: str


FAULTS = {
    status: {"model": Fault, "description": words}
    for status, words in {
        400: "What was asked makes no sense",
        401: "Nobody knows who asks",
        403: "Not theirs, or not from our pages",
        404: "Not there",
        409: "Not as things stand",
        413: "Too much was sent",
        415: "Not read here",
        422: "Something asked is out of bounds, or a manifest is wrong",
        429: "Too many wrong tokens",
        503: "The database or store is away",
    }.items()
}
