"""What every table shares: names of constraints, JSON and UTC columns, states as checked strings."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, MetaData
from sqlalchemy.orm import DeclarativeBase

from catalog.dialect import UtcDateTime, Word


class Base(DeclarativeBase):
    """Constraints have names on every database, so that a migration can change them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own protocol
        dict[str, Any]: JSON(none_as_null=True),
        list[Any]: JSON(none_as_null=True),
        datetime: UtcDateTime(),
        int: BigInteger(),
        str: Word(),
    }


def one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    """`column` holds one of `values`: a plain string with a CHECK, which both databases can widen later."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)
