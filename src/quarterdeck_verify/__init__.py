"""The offline verifier of Quarterdeck's evidence: standard library only, no network.

It also owns the canonical bytes of a ledger entry, the Merkle tree, the checkpoint and the layout of a package;
the application imports these from here, never the other way round.
"""
