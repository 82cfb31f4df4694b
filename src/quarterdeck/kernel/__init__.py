"""Ids, time, actors, decisions and strict names. Knows no Django and does no input or output."""
