"""Work that one machine at a time does for all of them, such as the nightly upkeep."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from catalog.tables.base import Base


class Duty(Base):
    """Who does it now, until when he said so last, and when it was last done."""

    __tablename__ = "duties"

    name: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str | None]
    expires_at: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    detail: Mapped[dict[str, Any] | None]
    """What it came to, the last time."""
