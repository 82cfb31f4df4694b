"""The sealer: a process of its own that holds the sealing key and remembers what it signed last. Knows no database."""
