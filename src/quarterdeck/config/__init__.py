"""Typed settings from the environment or one TOML file."""
