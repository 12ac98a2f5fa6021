"""The columns of an index as its receiver, an asset manager or a shop, names them: data in `receivers.yaml`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from manifests.errors import InputError, Problem

PLAIN: Final = "plain"
_HERE: Final = Path(__file__).with_name("receivers.yaml")
_LARGEST_BYTES: Final = 100_000
_NAMED: Final = re.compile(r"\{([^{}]*)\}")


class _Form(BaseModel):
    """One receiver, as it is written down."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    about: str = ""
    source: str = ""
    columns: dict[str, str] = Field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Receiver:
    """`columns`: the receiver's own names, and text with `{name}` for a column of ours; none: ours as they are."""

    name: str
    columns: Mapping[str, str]

    def header(self, ours: Iterable[str]) -> list[str]:
        """The first line of its index."""
        return list(self.columns or ours)

    def line(self, row: Mapping[str, Any], ours: Iterable[str]) -> list[Any]:
        """One row of its index; what ours lacks is empty."""
        if not self.columns:
            return [_said(row, name) for name in ours]
        return [_NAMED.sub(lambda found: str(_said(row, found[1])), text) for text in self.columns.values()]

    def refuse_unknown(self, ours: Iterable[str]) -> None:
        """Raise InputError where a column asks for one that our index does not have."""
        known = list(ours)
        for column, text in self.columns.items():
            for name in _NAMED.findall(text):
                if name not in known:
                    found = f"--index {self.name}: column '{column}' wants {{{name}}}, and no row has that"
                    raise InputError(Problem("NO_SUCH_COLUMN", found, f"columns are {', '.join(known)}"))


def receiver(name: str) -> Receiver:
    """The receiver that `receivers.yaml` knows by this name, or the one that a YAML file of a person's describes.

    Raises InputError: NO_RECEIVER, BAD_RECEIVER.
    """
    known = TypeAdapter(dict[str, _Form]).validate_python(yaml.safe_load(_HERE.read_text(encoding="utf-8")))
    if name in known:
        return Receiver(name, known[name].columns)
    path = Path(name)
    if path.suffix not in (".yaml", ".yml"):
        found = f"--index {name}: there is no such index"
        raise InputError(Problem("NO_RECEIVER", found, f"say {', '.join(known)}, or a YAML file with columns:"))
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise ValueError(f"it has {path.stat().st_size} bytes, the limit is {_LARGEST_BYTES}")
        form = _Form.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        if not form.columns:
            raise ValueError("it has no columns")
    except (OSError, ValueError, yaml.YAMLError) as error:
        told = "; ".join(_told(error)) if isinstance(error, ValidationError) else str(error)
        remedy = 'write such lines as `columns: {SKU: "{id}", Video: "{file}"}`'
        raise InputError(Problem("BAD_RECEIVER", f"--index {name}: {told}", remedy)) from error
    return Receiver(name, form.columns)


def _told(error: ValidationError) -> list[str]:
    return [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:5]]


def _said(row: Mapping[str, Any], name: str) -> Any:
    value = row.get(name)
    return "" if value is None else value
