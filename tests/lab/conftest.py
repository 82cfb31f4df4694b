"""Servers that several modules of the lab share for the whole run."""

from tests.lab.postgres_lab import cluster, on_postgresql, template

__all__ = ["cluster", "on_postgresql", "template"]
