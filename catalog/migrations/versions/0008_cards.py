"""How each worker's card is, when it was last heard of.

It expands: older code leaves the column alone.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

oldest_revision = "0001"


def upgrade() -> None:
    op.add_column("workers", sa.Column("gpu", sa.JSON(none_as_null=True), nullable=True))
