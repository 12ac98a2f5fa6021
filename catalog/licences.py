"""Licences: a person accepts one text for one set of weights; an acceptance ends by its date or by another text.

What was accepted is the text that lay with the weights, by the SHA-256 of its bytes: where the text differs, nothing
was accepted. Whether a grant has run out is for the database's clock to say, like every other deadline here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, insert, select

from catalog.dialect import clock
from catalog.errors import CatalogError
from catalog.ids import new_id
from catalog.ledger import Ledger, write_audit
from catalog.tables import LicenceGrant
from catalog.tables.licences import GRANT_KINDS, GrantKind

__all__ = ["GRANT_KINDS", "Grant", "GrantKind", "LicenceLedger", "grant_of", "grants_query"]


@dataclass(frozen=True)
class Grant:
    """One acceptance. `seconds_left` is what was left of it when it was read; None where it has no end."""

    id: str
    weights: str
    licence: str
    text_sha256: str
    kind: str
    holder: str
    accepted_by: str
    accepted_at: datetime
    expires_at: datetime | None
    note: str
    seconds_left: float | None

    @property
    def expired(self) -> bool:
        """Whether its last moment has passed."""
        return self.seconds_left is not None and self.seconds_left <= 0

    def facts(self) -> dict[str, Any]:
        """The same as JSON, for whoever traces a clip."""
        return {
            "id": self.id,
            "weights": self.weights,
            "licence": self.licence,
            "text_sha256": self.text_sha256,
            "kind": self.kind,
            "holder": self.holder,
            "accepted_by": self.accepted_by,
            "accepted_at": self.accepted_at.isoformat(),
            "expires_at": self.expires_at.isoformat() if self.expires_at else None,
            "note": self.note,
        }


class LicenceLedger(Ledger):
    """Writes and look-ups of acceptances."""

    def accept_licence(
        self,
        *,
        weights: str,
        licence: str,
        text_sha256: str,
        kind: GrantKind,
        holder: str,
        accepted_by: str,
        expires_at: datetime | None = None,
        note: str = "",
    ) -> Grant:
        """Write down that `accepted_by` accepted a licence text for `holder`; timed by the database's clock.

        Raises CatalogError (`BAD_GRANT`) where a name is empty, the kind unknown, or the end is not ahead.
        """
        named = {"weights": weights, "holder": holder, "accepted_by": accepted_by}
        empty = [name for name, value in named.items() if not any(letter.isalnum() for letter in value)]
        if empty or kind not in GRANT_KINDS or len(text_sha256) != 64:
            raise CatalogError(
                f"licence of '{weights}': kind '{kind}', text '{text_sha256}', no name: "
                f"{', '.join(empty) or 'nothing'}; "
                f"wanted a kind of {', '.join(GRANT_KINDS)}, the SHA-256 of the text, and every name",
                code="BAD_GRANT",
            )
        grant_id = new_id("g")
        values: dict[str, Any] = {"licence": licence, "text_sha256": text_sha256, "kind": kind, "holder": holder}
        values |= {"accepted_by": accepted_by, "expires_at": expires_at, "note": note}
        with self.database.write() as connection:
            connection.execute(insert(LicenceGrant).values(id=grant_id, weights=weights, **values))
            audited = values | {"expires_at": expires_at.isoformat() if expires_at else None, "grant": grant_id}
            write_audit(connection, accepted_by, "accepted licence", weights, audited)
            row = connection.execute(grants_query().where(LicenceGrant.id == grant_id)).one()
            grant = grant_of(row)
            if grant.expired:  # the transaction is rolled back
                raise CatalogError(
                    f"licence of '{weights}': the end {grant.expires_at} is not ahead of now; give a later one",
                    code="BAD_GRANT",
                )
        return grant

    def grants(self, weights: str | None = None) -> list[Grant]:
        """Every acceptance (of one set of weights), newest first, the expired ones too."""
        query = grants_query().order_by(LicenceGrant.accepted_at.desc(), LicenceGrant.id.desc())
        if weights is not None:
            query = query.where(LicenceGrant.weights == weights)
        with self.database.read() as connection:
            return [grant_of(row) for row in connection.execute(query)]

    def covering_grant(self, weights: str, text_sha256: str) -> Grant | None:
        """The acceptance of exactly this text that holds now and longest, or None."""
        holding = [grant for grant in self.grants(weights) if grant.text_sha256 == text_sha256 and not grant.expired]
        return max(
            holding, key=lambda grant: float("inf") if grant.seconds_left is None else grant.seconds_left, default=None
        )


def grants_query() -> Select[LicenceGrant, datetime]:
    """Acceptances with the database's time as `now`: rows for `grant_of`."""
    return select(LicenceGrant, clock().label("now"))


def grant_of(row: Any) -> Grant:
    """A grant from a row of `grants_query`."""
    return Grant(
        id=row.id,
        weights=row.weights,
        licence=row.licence,
        text_sha256=row.text_sha256,
        kind=row.kind,
        holder=row.holder,
        accepted_by=row.accepted_by,
        accepted_at=row.accepted_at,
        expires_at=row.expires_at,
        note=row.note,
        seconds_left=(row.expires_at - row.now).total_seconds() if row.expires_at else None,
    )
