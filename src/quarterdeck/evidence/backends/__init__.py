"""Database backends that refuse unrecorded writes; see guard.py."""
