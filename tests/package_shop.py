"""A yard with closed tickets, a real sealer and packages made from them: what tests of exports begin with."""

from dataclasses import dataclass, field
from pathlib import Path

from tests.clock import StillClock
from tests.ticket_yard import Yard

from quarterdeck.adapters.envelopes import Envelopes
from quarterdeck.adapters.sealer_client import SealerClient
from quarterdeck.assessor import api as assessor
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import AnchorGrade, ArtifactRef, Grade, ObjectRef, Outcome
from quarterdeck.kernel.actors import system
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows import export_package, open_window
from quarterdeck.workflows.export_package import Press
from quarterdeck.workflows.package_proofs import KeysBeside
from quarterdeck.workflows.seal_checkpoint import seal
from quarterdeck_verify import checkpoint, signers
from quarterdeck_verify.trust import Anchor
from quarterdeck_verify.verification import Report, verify

BEFORE_OPEN = (
    "backup.verified", "precheck.reachable", "precheck.disk", "precheck.clock", "precheck.dependencies",
    "precheck.defined", "sole_path.proven", "baseline.before",
)  # fmt: skip
AFTER_WORK = ("baseline.after", "drift.explained", "postcheck.passed", "leftovers.none")
ENDED = ("session.ended", "access.revoked", "network.terminated", "session.recorded")
CAST = b'{"version": 2, "width": 80, "height": 24}\n[0.5, "o", "$ ls\\r\\n"]\n'


@dataclass
class PackageShop:
    """The yard, the sealer and what a stranger got from outside: a pin and a checkpoint."""

    yard: Yard
    sealer: SealerClient
    kept: list[bytes] = field(default_factory=list)
    player: dict[str, bytes] = field(default_factory=dict)
    passphrase: str = ""
    tsa_root: bytes | None = None
    witnesses: tuple[str, ...] = ()

    @property
    def clock(self) -> StillClock:
        return self.yard.clock

    def press(self) -> Press:
        return Press(self.sealer, self.player, Envelopes(), KeysBeside(self.tsa_root, self.witnesses))

    def facts(self, number: str, kinds: tuple[str, ...], *, artifacts: tuple[ArtifactRef, ...] = ()) -> None:
        """Let the system say these facts of the ticket; those of a session or the recorder are of no asset."""
        view = tickets.ticket(number)
        with evidence.act(system("ticker"), self.clock) as act:
            entry = act.record("checks.ran", ObjectRef("ticket", number), ticket=number, artifacts=artifacts)
            for kind in kinds:
                asset = None if kind in {*ENDED, "recorder.healthy"} else view.assets[0].asset_id
                act.fact(kind, entry=entry, outcome=Outcome.PASSED, grade=Grade.CAPTURED, ticket=number, asset=asset)

    def opened(self, **changes: object) -> str:
        """A ticket on the CUI server, opened by its technician."""
        number = self.yard.scheduled(**changes).number
        view = tickets.ticket(number)
        self.clock.advance(seconds=(view.window.from_ - self.clock.now()).total_seconds())
        self.facts(number, (*BEFORE_OPEN, "recorder.healthy"))
        open_window.open_ticket(self.yard.actor("max"), self.clock, number)
        return number

    def closed(self, *, recording: bytes = CAST, **changes: object) -> str:
        """A ticket from draft to closed, with one recording that its entry names."""
        number = self.opened(**changes)
        self.clock.advance(minutes=20)
        ref = evidence.store_artifact(
            recording, media_type="application/x-asciicast", role="recording", name=f"{number}.cast",
            may_contain_cui=self.yard.cui,
        )  # fmt: skip
        with evidence.act(self.yard.actor("max"), self.clock) as act:
            tickets.end_work(act, number)
        self.facts(number, AFTER_WORK)
        self.facts(number, ENDED, artifacts=(ref,))
        summary = evidence.store_artifact(
            b"The fix is in.", media_type="text/plain", role="summary", name="summary.txt", may_contain_cui=False
        )
        with evidence.act(self.yard.actor("iris"), self.clock) as act:
            tickets.close(act, number, rolled_back=False, summary=summary)
        self.clock.advance(minutes=1)
        return number

    def anchor(self) -> None:
        """Seal now, send the checkpoint out and let somebody keep it."""
        checkpoint = seal(self.sealer, reason="close")
        assert checkpoint is not None
        evidence.save_receipt(
            size=checkpoint.size, channel="mail", target="avery@example.test", grade=AnchorGrade.INDEPENDENT,
            sent_at=self.clock.now(), receipt="250 2.0.0 Ok: queued",
        )  # fmt: skip
        self.kept.append(checkpoint.body)

    def package(self, who: str = "quinn", *, to: str = "", **scope: object) -> Path:
        """Order a package and make it as the ticker does; `to` as `export_package.address` takes it."""
        recipient, self.passphrase = export_package.address(Envelopes(), to)
        order = export_package.order_package(
            self.yard.actor(who),
            self.clock,
            recipient=recipient,
            **scope,  # type: ignore[arg-type]
        )
        assert export_package.make_next_package(self.clock, self.press)
        done = assessor.order(order.id)
        assert done.state is assessor.OrderState.DONE, done.message
        return export_package.package_path(done)

    def verify(self, path: Path, *, pinned: bool = True, anchored: bool = True) -> Report:
        """Let the stranger verify the package with what came from outside."""
        pins = signers.parse(self.sealer.status().allowed_signers.encode()) if pinned else []
        anchors = [Anchor("kept.checkpoint", tuple(checkpoint.find(body))) for body in self.kept] if anchored else []
        return verify(path, pins, anchors)
