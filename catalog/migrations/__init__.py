"""Alembic revisions: how a database gets to `catalog.tables`. Expand first, contract a release later."""
