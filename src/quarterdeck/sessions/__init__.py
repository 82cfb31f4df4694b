"""Package of one concern; see its README and api."""
