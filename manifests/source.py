"""What a clip starts from: a tagged choice, so that text and sketches can join pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


class ImageSource(BaseModel):
    """A picture file. Paths are relative to one of the manifest's roots; after loading they are absolute."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["image"] = Field(
        default="image", description="What the clip starts from; only pictures in this version."
    )
    path: Path = Field(description="The picture: PNG, JPEG, WebP or TIFF, in one of the manifest's roots.")
    mask: Path | None = Field(
        default=None, description="A picture whose white says where the product is; same size as `path`."
    )
    page: int | None = Field(
        default=None,
        ge=0,
        le=9999,
        description="Page of a multi-page picture, from 0; without it such pictures are refused.",
    )


def spelled_out(value: object) -> object:
    """The long form of a source: plain text is a picture's path, and `kind` may be left out of a mapping."""
    if isinstance(value, str | Path):
        return {"kind": "image", "path": str(value)}
    if isinstance(value, dict) and "kind" not in value:
        return {"kind": "image"} | cast("dict[str, object]", value)
    return cast(object, value)


Source = Annotated[ImageSource, BeforeValidator(spelled_out)]
"""Every kind of source; a second one makes it a union with `Field(discriminator="kind")`."""


def _or_word(value: object) -> object:
    return value if value in ("none", "next") else spelled_out(value)


Ending = Annotated[Literal["none", "next"] | ImageSource, BeforeValidator(_or_word)]
"""A picture to end on: named like a source, or by a word (`./next` is a file of that name)."""
