"""Access grants and the certificates bound to them; see README.md and api.py."""
