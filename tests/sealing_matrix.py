"""Who may acknowledge a new sealing key: the part of the matrix about sealing."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from tests.monitoring_matrix import Allowed, Ground, Plain

from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.actors import OPERATOR
from quarterdeck.workflows.change_key import record_acknowledgement, record_change, store_statement
from quarterdeck.workflows.seal_checkpoint import KeyChange

CHANGE = KeyChange("key.rotated", "ab" * 32, "ecdsa-sha2-nistp256 AAAA", b"{}")


def sealing_table(
    made: Ground, columns: tuple[str, ...], allowed: Allowed, aside: Callable[[], AbstractContextManager[None]]
) -> Plain:
    """Try what concerns sealing keys as everybody, after a change that the operator recorded."""
    statement = store_statement(CHANGE)
    with aside():
        with evidence.act(OPERATOR, made.shop.clock) as act:
            record_change(act, CHANGE, statement)
        return {
            "acknowledge a new sealing key": {
                one: allowed(made.shop, one, lambda act: record_acknowledgement(act, CHANGE.sha256)) for one in columns
            }
        }
