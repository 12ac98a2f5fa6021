"""Being told: webhooks, mail and chat, sent from the catalog's outbox."""
