"""How one try to tell somebody went."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Answer:
    """`told`, `failed` (again later), or `gone` (never again); `words` hold nothing of an address or a secret."""

    state: Literal["told", "failed", "gone"]
    words: str
