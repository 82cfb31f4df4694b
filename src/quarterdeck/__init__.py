"""Quarterdeck: the maintenance ticket that opens the door, films the room, and hands the assessor the proof."""

__version__ = "0.1.0"
