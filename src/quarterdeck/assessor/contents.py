"""What a package of a scope holds, told before it is made: tickets, files, size, and what stays here and why."""

from datetime import datetime

from quarterdeck.assessor.rules import well_formed_scope
from quarterdeck.assessor.slices import cut
from quarterdeck.assessor.terms import Contents, KeptBack, Recipient, Scope
from quarterdeck.assessor.withholding import ENCRYPTED, withheld
from quarterdeck.tickets import api as tickets

# What every package carries besides its entries and files: report with player, verifier, views. Measured on the demo.
FIXED_BYTES = 560_000
# An entry stands once with its proof and again in the views (report, timeline).
ENTRY_FACTOR = 3


def contents(scope: Scope, recipient: Recipient, now: datetime) -> Contents:
    """Return what a package of a scope is going to hold; Refused for no scope."""
    known = [tickets.exists(number) for number in scope.tickets]
    well_formed_scope(scope, known=known, now=now).require()
    slice_ = cut(scope)
    kept = withheld(slice_, recipient)
    files: dict[str, tuple[KeptBack, int]] = {}
    for entry in slice_.entries:
        for item in entry.artifacts:
            sha256 = str(item["sha256"])
            one = KeptBack(
                str(item["name"]), str(item["role"]), entry.ticket or "", int(item["size"]), kept.get(sha256, "")
            )
            files.setdefault(sha256, (one, int(item["size"])))
    leaving = [size for sha256, (_, size) in files.items() if kept.get(sha256, ENCRYPTED) == ENCRYPTED]
    entry_bytes = sum(len(entry.body) for entry in slice_.entries)
    return Contents(
        tickets=tuple(view.number for view in slice_.tickets),
        left_out=slice_.left_out,
        entries=len(slice_.entries),
        files=len(leaving),
        bytes=FIXED_BYTES + sum(leaving) + ENTRY_FACTOR * entry_bytes,
        withheld=tuple(one for sha256, (one, _) in files.items() if sha256 in kept),
    )
