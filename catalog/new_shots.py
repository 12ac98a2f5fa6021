"""What is submitted: shots as they are planned, and what each is rendered as."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from catalog.json_text import JsonText


@dataclass(frozen=True)
class NewRendition:
    """One aspect, size and rate of a shot; `rate` is a fraction as text."""

    name: str
    width: int
    height: int
    rate: str
    frames: int


def _nothing() -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True)
class NewShot:
    """One clip to make, as planned. `key` (item and variant) is unique within the run and stable between runs.

    A shot that needs no work is submitted `done`, one that cannot be made `quarantined` with its error.
    """

    key: str
    item: str
    variant: str = ""
    line: int | None = None
    ask: Mapping[str, Any] | JsonText = field(default_factory=_nothing)
    plan: Mapping[str, Any] | JsonText = field(default_factory=_nothing)
    meta: Mapping[str, Any] = field(default_factory=_nothing)
    state: Literal["waiting", "done", "quarantined"] = "waiting"
    error_code: str | None = None
    error_message: str | None = None
    tags: Sequence[str] = ()
    renditions: Sequence[NewRendition] = ()
    reuses: Sequence[tuple[str, str]] = ()
    """(rendition, delivery): what stands already and serves this shot as it is."""
    awaits: bool = False
    """It is made of the others of its run, and worked when all of them have ended."""
