"""Migrations of baselines."""
