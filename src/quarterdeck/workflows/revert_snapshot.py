"""Going back to the snapshot that a ticket took, as a step of its rollback: the product does it, outside any act."""

from dataclasses import dataclass

from quarterdeck.backups import api as backups
from quarterdeck.backups.api import ProductFailed, SnapshotMaker, SnapshotState, Source, TakenSnapshot, Verification
from quarterdeck.evidence.api import Act
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import ALLOWED, Decision, Refused
from quarterdeck.tickets.ports import Reverted
from quarterdeck.workflows.take_snapshot import Makers, look_again, maker_of, refused_by_product, stored_log


@dataclass(frozen=True, slots=True)
class SnapshotReverter:
    """Fulfils tickets.ports.Reverter with the products that make snapshots; acts as one of our processes."""

    makers: Makers
    actor: Actor
    clock: Clock

    def may_revert(self, *, ticket: str, asset_id: str) -> Decision:
        """Decide whether the ticket took a snapshot of the asset that is whole, and still the very one."""
        try:
            self._sound(ticket, asset_id)
        except Refused as refused:
            return refused.decision
        return ALLOWED

    def revert(self, *, ticket: str, asset_id: str) -> Reverted:
        """Go back to it, and tell how that went; what the product said goes into the same act as the step's end."""
        try:
            taken, source, maker = self._sound(ticket, asset_id)
            back = maker.revert(source, taken.name, self.clock.now())
        except Refused as refused:
            return Reverted(False, str(refused), codes=tuple(refused.decision.codes))
        except ProductFailed as failed:
            return Reverted(False, str(failed), codes=("snapshot.not_reached",))
        log = stored_log(back, asset_id)

        def record(act: Act) -> None:
            backups.record_reverted(act, taken.id, back, log)

        codes = () if back.verified else ("snapshot.revert_failed",)
        return Reverted(back.verified, back.sentence, log, codes=codes, records=record)

    def _sound(self, ticket: str, asset_id: str) -> tuple[TakenSnapshot, Source, SnapshotMaker]:
        taken = backups.point_of(ticket, asset_id)
        if taken.state is SnapshotState.PENDING:
            taken = look_again(ticket, taken.id, self.makers, self.actor, self.clock)
        backups.may_revert(ticket, taken).require()
        source = backups.source_of(taken.source)
        maker = maker_of(self.makers, source)
        backups.is_the_same(taken, self._looked(maker, source, taken)).require()
        return taken, source, maker

    @staticmethod
    def _looked(maker: SnapshotMaker, source: Source, taken: TakenSnapshot) -> Verification:
        try:
            return maker.look(source, taken.name)
        except ProductFailed as failed:
            raise refused_by_product(failed) from failed
