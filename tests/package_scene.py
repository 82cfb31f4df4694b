"""One ticket with everything in it: grant, recorded sessions, measured files, backup, refusal, hostile texts."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from tests.measuring import LocalChannel
from tests.package_shop import BEFORE_OPEN, ENDED, PackageShop
from tests.ticket_yard import HOST_KEY

from quarterdeck.access import api as access
from quarterdeck.backups import api as backups
from quarterdeck.baselines import api as baselines
from quarterdeck.baselines.api import Disposition, Phase
from quarterdeck.evidence import api as evidence
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import system
from quarterdeck.kernel.decision import Refused
from quarterdeck.sessions import api as sessions
from quarterdeck.sessions.api import Ending, EndReason, SessionState, Work
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows import open_window, request
from quarterdeck.workflows.disposition_drift import disposition_drift
from quarterdeck.workflows.take_baseline import take_baseline

TICKER, GATE = system("ticker"), system("gate")
HOSTILE = '</script><!--<img src=x onerror=alert(1)> {{ cover }} {% debug %} =HYPERLINK("x")'


def cast(*shown: tuple[float, str]) -> bytes:
    """Return a recording that shows these texts at these seconds."""
    header = {"version": 2, "width": 100, "height": 24, "timestamp": 1795446000}
    lines = [header, *([at, "o", text] for at, text in shown)]
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


PROMPT = "\x1b[1;32mmaint@fs01\x1b[0m:~$ "
WORK = cast(
    (0.4, PROMPT), (2.1, "sudo apt-get install --only-upgrade samba\r\n"), (3.0, "Reading package lists... Done\r\n"),
    (4.2, "Setting up samba (2:4.17.12) ...\r\n"), (9.5, PROMPT), (11.0, "sudo systemctl restart smbd\r\n"),
    (12.5, PROMPT), (14.0, "smbclient -L localhost -N\r\n"), (14.4, "Anonymous login successful\r\n"),
    (14.5, "\x1b]52;c;ZXZpbA==\x07\u202e\x9b2J" + HOSTILE + "\r\n"), (16.0, PROMPT), (17.2, "exit\r\nlogout\r\n"),
)  # fmt: skip


class Scene:
    """The ticket, step by step."""

    def __init__(self, shop: PackageShop, tree: Path) -> None:
        self.shop, self.tree, self.channel = shop, tree, LocalChannel()
        (tree / "samba").mkdir(parents=True)
        (tree / "samba" / "smb.conf").write_text("[global]\nserver min protocol = SMB2\n")
        (tree / "hosts").write_text("127.0.0.1 localhost\n")
        yard = shop.yard
        plain = inventory.connection(yard.connection).fields
        inventory.set_connection(
            yard.server, replace(plain, watched_roots=(str(tree),)), actor=yard.actor("iris"), clock=shop.clock,
            connection_id=yard.connection,
        )  # fmt: skip
        self.number = ""

    def play(self, *, title: str = "Patch the file server", closes: bool = True) -> str:
        """Lead the ticket from request to the end and return its number."""
        yard, clock = self.shop.yard, self.shop.clock
        self.number = yard.scheduled(
            title=title, expected_paths=(f"{self.tree}/samba/**",), plan=f"Install the vendor's fix.\n\n{HOSTILE}"
        ).number
        number = self.number
        try:
            open_window.open_ticket(yard.actor("max"), clock, number)
        except Refused:
            clock.advance(minutes=1)
        request.comment(yard.actor("iris"), clock, number, f"Shares are quiet after six. {HOSTILE}")
        clock.advance(seconds=(tickets.ticket(number).window.from_ - clock.now()).total_seconds())
        self._backup()
        take_baseline(number, Phase.BEFORE, channel=self.channel, actor=TICKER, clock=clock)
        kinds = (kind for kind in BEFORE_OPEN if not kind.startswith(("backup", "baseline")))
        self.shop.facts(number, (*kinds, "recorder.healthy"))
        open_window.open_ticket(yard.actor("max"), clock, number)
        self._work()
        if closes:
            self._close()
        return number

    def _backup(self) -> None:
        clock, number = self.shop.clock, self.number
        log = evidence.store_artifact(
            b"no errors were found\n", media_type="text/plain", role="backup_log", name="restic-check.txt",
            may_contain_cui=False,
        )  # fmt: skip
        with evidence.act(TICKER, clock) as act:
            found = backups.Found(
                ticket=number, asset=self.shop.yard.server, product=backups.Product.RESTIC, source_id=None,
                snapshot=backups.Snapshot("4f2a9c1b", clock.now() - timedelta(hours=3), 7_340_032, True),
                verification=backups.Verification(True, "All data was read back and agrees.", b""),
                max_age=timedelta(hours=24), attached=False,
            )  # fmt: skip
            backups.record_proof(act, found, log)

    def _work(self) -> None:
        yard, clock, number = self.shop.yard, self.shop.clock, self.number
        window = tickets.ticket(number).window
        with evidence.act(yard.actor("max"), clock) as act:
            grant = access.create_grant(
                act, ticket=number, person=yard.shop.ids["max"], asset=yard.server, connection=yard.connection,
                purpose=access.Purpose.WORK, public_key=HOST_KEY, valid_from=clock.now(), valid_until=window.until,
            )  # fmt: skip
        with evidence.act(system("signer"), clock) as act:
            access.bind_certificate(act, grant.id, 4711, "cd" * 32)
        clock.advance(minutes=4)
        with evidence.act(GATE, clock) as act:
            began = sessions.begin(
                act, ticket=number, person=yard.shop.ids["max"], asset=yard.server, grant=grant.id, serial=4711,
                work=Work.TERMINAL, source="203.0.113.9",
            )  # fmt: skip
        (self.tree / "samba" / "smb.conf").write_text("[global]\nserver min protocol = SMB3\n")
        (self.tree / "hosts").write_text("127.0.0.1 localhost\n192.0.2.8 mirror\n")
        clock.advance(minutes=9)
        ref = evidence.store_artifact(
            WORK, media_type="application/x-asciicast", role="recording", name=f"{began.id}.cast",
            may_contain_cui=yard.cui,
        )
        ended = Ending(
            began.id, EndReason.COMPLETED, SessionState.ENDED, clock.now(), clock.now(), exit_status=0, lines=13,
            head="ef" * 32,
        )  # fmt: skip
        with evidence.act(GATE, clock) as act:
            sessions.end(act, ended, ref)
        self.session = began.id

    def _close(self) -> None:
        yard, clock, number = self.shop.yard, self.shop.clock, self.number
        with evidence.act(yard.actor("max"), clock) as act:
            tickets.end_work(act, number)
            access.revoke_for(act, ticket=number, reason="work.ended")
        clock.advance(minutes=1)
        take_baseline(number, Phase.AFTER, channel=self.channel, actor=TICKER, clock=clock)
        waiting = [item.id for view in baselines.drift(number) for item in view.open_items]
        clock.advance(minutes=3)
        if waiting:
            disposition_drift(
                waiting, how=Disposition.EXPLAINED, reason="The mirror's name was entered for the update; it stays.",
                actor=yard.actor("avery"), clock=clock,
            )  # fmt: skip
        self.shop.facts(number, ("postcheck.passed", "leftovers.none"))
        self.shop.facts(number, ENDED)
        summary = evidence.store_artifact(
            b"The fix is in; shares answered again after 90 s.", media_type="text/plain", role="summary",
            name="summary.txt", may_contain_cui=False,
        )  # fmt: skip
        with evidence.act(yard.actor("iris"), clock) as act:
            tickets.close(act, number, rolled_back=False, summary=summary)
        clock.advance(minutes=1)
