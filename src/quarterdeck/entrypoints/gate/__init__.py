"""The recording gate: OpenSSH does the cryptography, the gate decides and records."""
