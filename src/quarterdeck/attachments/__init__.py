"""Attached evidence: files and links that a person hands in, checked, hashed on arrival, graded attached."""
