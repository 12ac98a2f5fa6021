"""Who accepted which licence text, for whom, until when."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, get_args

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from catalog.dialect import clock
from catalog.tables.base import Base, one_of

GrantKind = Literal["community", "membership", "commercial", "research"]
"""On what the holder may use the weights: the free terms of the text itself, a paid membership, a contract of one's
own, or for research only."""
GRANT_KINDS: tuple[GrantKind, ...] = get_args(GrantKind)


class LicenceGrant(Base):
    """One acceptance of one licence text, byte for byte (`text_sha256`), for one set of weights. Never changed."""

    __tablename__ = "licence_grants"
    __table_args__ = (one_of("kind", GRANT_KINDS), Index(None, "weights", "text_sha256"))

    id: Mapped[str] = mapped_column(primary_key=True)
    weights: Mapped[str]
    licence: Mapped[str]
    text_sha256: Mapped[str]
    kind: Mapped[str]
    holder: Mapped[str]
    """The company or person who may use the weights."""
    accepted_by: Mapped[str]
    """The person who read the text and said yes."""
    accepted_at: Mapped[datetime] = mapped_column(default=clock())
    expires_at: Mapped[datetime | None]
    note: Mapped[str]
