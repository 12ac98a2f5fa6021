"""Licence grants, and under which of them an execution used its weights."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def moment() -> sa.DateTime:
    return sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "licence_grants",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("weights", sa.String(), nullable=False),
        sa.Column("licence", sa.String(), nullable=False),
        sa.Column("text_sha256", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("accepted_by", sa.String(), nullable=False),
        sa.Column("accepted_at", moment(), nullable=False),
        sa.Column("expires_at", moment(), nullable=True),
        sa.Column("note", sa.String(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('community', 'membership', 'commercial', 'research')", name=op.f("ck_licence_grants_kind")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_licence_grants")),
    )
    op.create_index(
        op.f("ix_licence_grants_weights_text_sha256"), "licence_grants", ["weights", "text_sha256"], unique=False
    )
    # Both databases add a column with its reference in place. Alembic would have SQLite copy the whole table, and drop
    # the old one while other tables refer to it, which foreign keys forbid as soon as there are rows.
    op.execute(
        "ALTER TABLE executions ADD COLUMN grant_id VARCHAR "
        "CONSTRAINT fk_executions_grant_id REFERENCES licence_grants (id)"
    )
    op.create_index(op.f("ix_executions_grant_id"), "executions", ["grant_id"], unique=False)
