"""The head of a manifest: everything but the asks."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from manifests.names import DEFAULT_TEMPLATE, template_fault
from manifests.part import Part
from manifests.scene import Scene
from manifests.schedule import Schedule

Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Cell = str | bool | int | float | None


def _sound_template(template: str) -> str:
    if fault := template_fault(template):
        told = {"what": f"{template!r}: {fault}", "remedy": f"try {DEFAULT_TEMPLATE}"}
        raise PydanticCustomError("BAD_TEMPLATE", "{what}", told)
    return template


def _sound_review(policy: str) -> str:
    if re.fullmatch(r"all|flagged|sample (100|[1-9]?[0-9])%", policy):
        return policy
    raise PydanticCustomError(
        "BAD_REVIEW", "{what}", {"what": f"{policy!r} is no way to review", "remedy": "try all, flagged or sample 5%"}
    )


class Out(Part):
    """Where finished files go, and how they are called."""

    folder: Name = Field(default="out", description="Folder for finished files, relative to the manifest.")
    template: Annotated[str, AfterValidator(_sound_template)] = Field(
        default=DEFAULT_TEMPLATE,
        description="File name: {id} {variant} {preset} {title} {shot} {panel} {meta.x}; / makes folders; "
        "an empty field vanishes with its separator; the extension is the preset's.",
    )


class Limits(Part):
    """Guards against a manifest that is not what it should be."""

    min_rows: int = Field(default=1, ge=0, description="Fewer rows are refused; 0 lets a night without work pass.")
    max_rows: int = Field(default=100_000, ge=1, le=1_000_000, description="More rows are refused.")
    max_shots: int = Field(
        default=200_000, ge=1, le=2_000_000, description="More shots are refused: variants multiply."
    )


class Except(Part):
    """A condition turned round."""

    unwanted: Cell | tuple[Cell, ...] = Field(alias="not", description="Rows with this value are left out.")


Condition = Cell | tuple[Cell, ...] | Except


class RowsFile(Part):
    """Rows in a file of their own: a CSV, or one JSON object per line."""

    csv: Name | None = Field(default=None, description="CSV file with a line of headings, relative to the manifest.")
    jsonl: Name | None = Field(
        default=None, description="File with one JSON object per line, relative to the manifest."
    )
    delimiter: Literal["auto", ",", ";", "tab", "|"] = Field(default="auto", description="What parts CSV cells.")
    columns: dict[str, Name] = Field(
        default={},
        description="Which heading fills which key: {id: SKU, source: Image, meta.brand: Brand}.",
    )
    rest: Literal["refuse", "meta"] = Field(
        default="refuse", description="Headings that fill no key: refuse them, or keep them as meta.<heading>."
    )
    profile_from: Name | None = Field(default=None, description="Heading whose value chooses the row's profile.")
    profile_map: dict[str, Name] = Field(
        default={},
        description="From that heading's values to profiles; '*' is for all others; else values are profile names.",
    )
    where: dict[str, Condition] = Field(
        default={}, description="Only rows whose heading has this value, one of these, or {not: ...}."
    )


class Header(Part):
    """The keys of a manifest file besides `defaults`, `profiles` and `rows`."""

    version: Literal[1] = Field(description="Version of the manifest's schema.")
    kind: Literal["product", "storyboard"] = Field(
        default="product", description="What the rows are; sets built-in defaults."
    )
    name: Name = Field(
        default="", description="What people call it; the file's own name if left out.", validate_default=False
    )
    out: Out = Field(default=Out.model_construct(), description="Where finished files go, and how they are called.")
    roots: tuple[Name, ...] = Field(
        default=(".",),
        min_length=1,
        max_length=50,
        description="Folders pictures may live in, relative to the manifest.",
    )
    profile: Name | None = Field(default=None, description="The profile of rows that name none.")
    scenes: dict[Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,79}$")], Scene] = Field(
        default={}, max_length=200, description="Files that rows are cut together into, by name."
    )
    review: Annotated[str, AfterValidator(_sound_review)] = Field(
        default="all",
        description="What the run's review page shows: all, flagged, or sample 5% of the others too.",
    )
    schedule: Schedule | None = Field(default=None, description="When it is run by itself: `dailies schedule apply`.")
    limits: Limits = Field(default=Limits.model_construct(), description="Guards.")
