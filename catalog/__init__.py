"""What happened: tables, artifact store, ledger (writes) and queries (reads)."""
