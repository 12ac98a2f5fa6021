"""Who may do what: a viewer looks, a reviewer gives verdicts too, an operator does everything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Role = Literal["viewer", "reviewer", "operator"]
ROLES: tuple[Role, ...] = ("viewer", "reviewer", "operator")


@dataclass(frozen=True)
class Person:
    """Whoever asks: a name for the audit, and a role."""

    name: str
    role: Role

    def may(self, role: str) -> bool:
        """Whether this role, or a greater one, is theirs."""
        return role in ROLES and ROLES.index(self.role) >= ROLES.index(role)
