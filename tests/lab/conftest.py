"""Servers that several modules of the lab share for the whole run."""

from tests.lab.postgres_lab import cluster, on_postgresql, template
from tests.lab.seaweed import bucket, s3, seaweed

__all__ = ["bucket", "cluster", "on_postgresql", "s3", "seaweed", "template"]
