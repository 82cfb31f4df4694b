"""The operator's verbs on the server itself: init, up, doctor, backup, restore, ledger verify; each a `-m` module."""
