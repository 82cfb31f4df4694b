"""Schema of access grants."""
