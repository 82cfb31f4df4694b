"""Public verbs and reads of backups: the only module of this app that others import."""

from quarterdeck.backups.ports import BackupProduct, ProductFailed
from quarterdeck.backups.proving import (
    proofs,
    record_proof,
    record_reimage_plan,
    record_unknown,
    set_source,
    source,
    sources,
)
from quarterdeck.backups.rules import check_reimage, check_source, is_fresh_enough, may_rely_on
from quarterdeck.backups.terms import Depth, Found, Product, Proof, Snapshot, Source, Verification

__all__ = [
    "BackupProduct", "Depth", "Found", "Product", "ProductFailed", "Proof", "Snapshot", "Source", "Verification",
    "check_reimage", "check_source", "is_fresh_enough", "may_rely_on", "proofs", "record_proof", "record_reimage_plan",
    "record_unknown", "set_source", "source", "sources",
]  # fmt: skip
