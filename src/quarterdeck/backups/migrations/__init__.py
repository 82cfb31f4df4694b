"""Migrations of backups."""
