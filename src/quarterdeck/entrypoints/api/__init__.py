"""The REST API under /api/v1: thin handlers over the same verbs and rules as every other way in."""
