"""Runbooks and runs: playbooks pinned to a commit, run under a ticket through the gate, told event by event."""
