"""The writer's side of the evidence: acts, entries, facts, artifacts, checkpoints. The only module others import."""

from quarterdeck.evidence.acting import (
    Act,
    NestedAct,
    act,
    encode_fields,
    openings,
    parse_fields,
    record_refusal,
    row_digest,
)
from quarterdeck.evidence.checkpoints import (
    anchored_size,
    checkpoint,
    checkpoints,
    latest_checkpoint,
    oldest_unanchored,
    receipts,
    save_checkpoint,
    save_receipt,
)
from quarterdeck.evidence.facts import facts
from quarterdeck.evidence.guard import UnrecordedWrite
from quarterdeck.evidence.ledger import (
    DuplicateEvent,
    StoredRow,
    entries,
    entries_of,
    entry,
    head,
    last_entry,
    node_reader,
    read_entry,
    stored_rows,
    ticket_head,
)
from quarterdeck.evidence.store import artifact, object_path, open_artifact, read_artifact, store_artifact
from quarterdeck.evidence.terms import (
    AnchorGrade,
    ArtifactRef,
    ArtifactView,
    CheckpointView,
    Entry,
    Fact,
    Grade,
    JsonMap,
    JsonValue,
    LedgerHead,
    ObjectRef,
    Outcome,
    ReceiptView,
)
from quarterdeck.evidence.verification import LedgerReport, verify_ledger
from quarterdeck_verify import merkle


def inclusion_proof(seq: int, size: int) -> list[bytes]:
    """Return the RFC 6962 audit path of entry `seq` in the log as it was at `size`."""
    return merkle.inclusion_proof(node_reader(), seq, size)


def consistency_proof(old: int, size: int) -> list[bytes]:
    """Return the RFC 6962 proof that the log at `old` is a prefix of the log at `size`."""
    return merkle.consistency_proof(node_reader(), old, size)


__all__ = [
    "Act",
    "AnchorGrade",
    "ArtifactRef",
    "ArtifactView",
    "CheckpointView",
    "DuplicateEvent",
    "Entry",
    "Fact",
    "Grade",
    "JsonMap",
    "JsonValue",
    "LedgerHead",
    "LedgerReport",
    "NestedAct",
    "ObjectRef",
    "Outcome",
    "ReceiptView",
    "StoredRow",
    "UnrecordedWrite",
    "act",
    "anchored_size",
    "artifact",
    "checkpoint",
    "checkpoints",
    "consistency_proof",
    "encode_fields",
    "entries",
    "entries_of",
    "entry",
    "facts",
    "head",
    "inclusion_proof",
    "last_entry",
    "latest_checkpoint",
    "node_reader",
    "object_path",
    "oldest_unanchored",
    "open_artifact",
    "openings",
    "parse_fields",
    "read_artifact",
    "read_entry",
    "receipts",
    "record_refusal",
    "row_digest",
    "save_checkpoint",
    "save_receipt",
    "store_artifact",
    "stored_rows",
    "ticket_head",
    "verify_ledger",
]
