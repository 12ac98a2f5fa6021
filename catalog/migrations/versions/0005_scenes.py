"""Shots that are made of the others of their run.

It expands: older code leaves the column alone, and a plan of a scene is newer than what it works.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

oldest_revision = "0001"


def upgrade() -> None:
    op.add_column("shots", sa.Column("awaits", sa.Boolean(), server_default=sa.false(), nullable=False))
