"""How long evidence is kept, what holds it longer, and how two people dispose of it or redact it."""
