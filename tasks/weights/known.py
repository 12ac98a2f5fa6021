"""The table of known weights, `known.yaml`: where each file is published, what it weighs, and its digest if known."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from importlib.resources import files
from pathlib import PurePosixPath
from typing import Annotated, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from models.errors import EngineError

HUB: Final = "https://huggingface.co/"
NOT_PINNED: Final = "main"
"""What is asked for where no revision is known; the commit that came is recorded."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Sha1 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class File(_Row):
    """One file: `path` in the source, `to` below the folder, and what is known of its bytes before they come."""

    path: str
    to: str = ""
    also: tuple[str, ...] = ()
    bytes: int | None = Field(default=None, gt=0)
    sha256: Sha256 | None = None
    git_blob: Sha1 | None = None

    @property
    def place(self) -> str:
        """Where it goes, below the folder of its weights."""
        return self.to or self.path

    @property
    def names(self) -> tuple[str, ...]:
        """What it may be called in its source."""
        return (self.path, *self.also)


class Shares(_Row):
    """Files of other weights, by their place there."""

    name: str
    files: tuple[str, ...]


class Known(_Row):
    """One set of weights. `gated`: a person must accept its licence text before it is used."""

    name: str
    about: str
    folder: str
    hub: str = ""
    source: str = ""
    revision: str | None
    licence: str
    gated: bool
    figures: str
    shares: Shares | None = None
    files: tuple[File, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _sound(self) -> Known:
        if bool(self.hub) == bool(self.source):
            raise ValueError(f"{self.name}: wanted one of hub and source")
        places = [file.place for file in self.files] + list(self.shares.files if self.shares else ())
        if len(set(places)) != len(places):
            raise ValueError(f"{self.name}: two files have the same place")
        for place in (self.folder, *places):
            if PurePosixPath(place).is_absolute() or ".." in PurePosixPath(place).parts:
                raise ValueError(f"{self.name}: {place} leads out of the weights folder")
        return self

    def url(self, path: str) -> str:
        """Where `path` is published."""
        template = self.source or f"{HUB}{self.hub}/resolve/{{revision}}/{{path}}"
        return template.format(revision=self.revision or NOT_PINNED, path=path)

    @property
    def page(self) -> str:
        """Where a person reads about it, and accepts its terms if the site asks for that."""
        return f"{HUB}{self.hub}" if self.hub else self.source.partition("{")[0].rstrip("/")


class Part(_Row):
    """One file of some weights as it has to lie on the disk. `origin` publishes it: for a shared file other weights."""

    file: File
    origin: Known
    folder: str

    @property
    def place(self) -> str:
        """Below the weights folder."""
        return f"{self.folder}/{self.file.place}"

    @property
    def twin(self) -> str:
        """The same file where its own weights keep it, below the weights folder; the part's own place if not shared."""
        return f"{self.origin.folder}/{self.file.place}"


class _Table(_Row):
    seen: date
    weights: tuple[Known, ...]


@lru_cache(maxsize=1)
def known_weights() -> Mapping[str, Known]:
    """Everything known, by name, in the order of the file."""
    table = _Table.model_validate(
        yaml.safe_load(files("tasks.weights").joinpath("known.yaml").read_text(encoding="utf-8"))
    )
    return {known.name: known for known in table.weights}


def find_known(name: str) -> Known:
    """The weights called `name`. Raises EngineError (`WEIGHTS_UNKNOWN`)."""
    known = known_weights()
    if name not in known:
        raise EngineError(
            f"weights: '{name}' is not known",
            remedy=f"use one of {', '.join(known)}; `dailies weights list` tells what each is for",
            code="WEIGHTS_UNKNOWN",
        )
    return known[name]


def parts_of(known: Known) -> tuple[Part, ...]:
    """Every file of some weights, shared ones too."""
    own = [Part(file=file, origin=known, folder=known.folder) for file in known.files]
    if known.shares is None:
        return tuple(own)
    lender = find_known(known.shares.name)
    lent = {file.place: file for file in lender.files}
    return (*(Part(file=lent[place], origin=lender, folder=known.folder) for place in known.shares.files), *own)
