"""Evidence that a system can be brought back: where its backups are, and proof that one is fresh and verified."""
