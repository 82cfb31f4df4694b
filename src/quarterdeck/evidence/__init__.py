"""The append-only ledger, the facts and the artifact store: the writer's side of the evidence."""
