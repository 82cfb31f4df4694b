"""The maintenance ticket: the authorised unit of work, its life, its approvals and hold points."""
