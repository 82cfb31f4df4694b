"""Files of a session in the books: classes refused at admission, numbers in the ledger, names in the recording only."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from tests.access_shop import Place, authorise, make_shop, open_ticket
from tests.access_signer import near_signer
from tests.app.test_sessions_admission import Gate
from tests.clock import StillClock

from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.decision import Refused
from quarterdeck.sessions import api as sessions
from quarterdeck.sessions.api import (
    Change,
    Direction,
    Ending,
    EndReason,
    FileChange,
    FileTally,
    FileTransfer,
    Presented,
    Protocol,
    SessionState,
    Stage,
    StreamSum,
    Unhashed,
    Work,
    files_in,
    tally,
)
from quarterdeck.sessions.models import MaintenanceSession
from quarterdeck.sessions.terms import encode_told
from quarterdeck.tickets.api import Allowance

pytestmark = pytest.mark.django_db
SECRET = "/srv/cui/drawing-4711.dwg"
TOLD = (
    FileTransfer(SECRET, Direction.TO_TARGET, 1, size=7, sha256="ab" * 32, closed=True, whole=True),
    FileTransfer("/srv/b", Direction.FROM_TARGET, 2, size=9, unhashed=Unhashed.RESUMED, closed=True),
    FileTransfer("/srv/c", Direction.FROM_TARGET, stage=Stage.REFUSED),
    FileChange(Change.REMOVED, SECRET, done=True),
)


def gate_with(clock: StillClock, tmp_path: Path, allowance: Allowance) -> Gate:
    shop = make_shop(clock, {"web01": Place(), "db01": Place(address="192.0.2.11")})
    authorise(shop, "sam")
    open_ticket(shop, allowance=allowance)
    return Gate(shop, near_signer(tmp_path / "signer", clock))


def ask(gate: Gate, work: Work, protocol: Protocol | None = None) -> tuple[str, ...]:
    try:
        gate.desk.admit(Presented(gate.blob, "192.0.2.77", work, protocol=protocol))
    except Refused as refused:
        return refused.decision.codes
    return ()


@pytest.mark.parametrize(
    ("allowance", "refused"),
    [
        (Allowance(), {}),
        (Allowance(terminal=False), {"terminal": "session.terminal_not_allowed"}),
        (Allowance(command=False), {"command": "session.command_not_allowed"}),
        (Allowance(rsync=False), {"rsync": "session.rsync_not_allowed"}),
        (Allowance(to_target=False), {}),
        (Allowance(from_target=False), {}),
        (
            Allowance(to_target=False, from_target=False),
            dict.fromkeys(("sftp", "scp", "rsync"), "session.transfer_not_allowed"),
        ),
    ],
)
def test_only_the_classes_that_the_ticket_allows_are_admitted(clock, tmp_path, allowance, refused):
    gate = gate_with(clock, tmp_path, allowance)
    asked = {
        "terminal": (Work.TERMINAL, None),
        "command": (Work.COMMAND, None),
        **{protocol.value: (Work.TRANSFER, protocol) for protocol in Protocol},
    }
    assert {name: ask(gate, *what) for name, what in asked.items()} == {
        name: (refused[name],) if name in refused else () for name in asked
    }
    assert len(sessions.running()) == 5 - len(refused)
    if refused:
        entry = evidence.last_entry(["refusal.recorded"])
        assert entry is None or entry.ticket == gate.shop.ticket


def test_admission_carries_what_the_ticket_allows(clock, tmp_path):
    gate = gate_with(clock, tmp_path, Allowance(from_target=False))
    admitted = gate.desk.admit(Presented(gate.blob, "192.0.2.77", Work.TRANSFER, protocol=Protocol.SFTP))
    assert admitted.allowance == Allowance(from_target=False)
    began = evidence.last_entry(["session.began"])
    assert (began.data["protocol"], sessions.session(admitted.session).protocol) == ("sftp", "sftp")


def recorded(folder: Path, session: str) -> Path:
    lines = [json.dumps({"version": 2, "width": 80, "height": 24})]
    lines += [json.dumps([at, "f", encode_told(told)], separators=(",", ":")) for at, told in enumerate(TOLD)]
    path = folder / f"{session}.cast"
    path.write_text("".join(line + "\n" for line in lines))
    return path


def sealed(gate: Gate, clock: StillClock, tmp_path: Path) -> sessions.SessionView:
    admitted = gate.desk.admit(Presented(gate.blob, "192.0.2.77", Work.TRANSFER, protocol=Protocol.SFTP))
    path = recorded(tmp_path, admitted.session)
    gate.desk.seal(
        Ending(
            session=admitted.session, reason=EndReason.COMPLETED, state=SessionState.ENDED,
            session_terminated=clock.now(), network_terminated=clock.now(), exit_status=0, recording=path, lines=5,
            head="ab" * 32, streams={"stdin": StreamSum(99), "stdout": StreamSum(17)},
            files=tally(files_in(path.read_bytes().splitlines(keepends=True))),
        )
    )  # fmt: skip
    return sessions.session(admitted.session)


def test_the_ledger_says_how_many_files_and_never_which(clock, tmp_path):
    gate = gate_with(clock, tmp_path, Allowance())
    seen = sealed(gate, clock, tmp_path)
    numbers = FileTally(
        to_target=1, from_target=1, bytes_to_target=7, bytes_from_target=9, refused=1, not_hashed=1, changes=1
    )
    wanted = asdict(numbers)
    entry = evidence.last_entry(["session.ended"])
    assert entry.data["files"] == seen.files == wanted
    assert entry.data["bytes"] == {"stdin": 99, "stdout": 17}
    for one in evidence.entries(ticket=gate.shop.ticket):
        assert b"drawing" not in one.body
        assert b"abababab" not in one.body or one.event == "session.ended"
    assert sessions.check_row(seen).allowed
    assert evidence.read_artifact(seen.recording).count(b"drawing-4711.dwg") == 2


@pytest.mark.parametrize("field", ["files", "protocol"])
def test_numbers_changed_by_hand_are_found(clock, tmp_path, field):
    gate = gate_with(clock, tmp_path, Allowance())
    seen = sealed(gate, clock, tmp_path)
    changed = replace(seen, **{field: type(getattr(seen, field))()})
    assert sessions.check_row(changed).codes == ("row.altered",)


def test_a_session_without_files_has_the_digest_that_it_always_had(clock, tmp_path):
    gate = gate_with(clock, tmp_path, Allowance())
    seen = sessions.session(gate.admit().session)
    assert (seen.files, seen.protocol) == ({}, "")
    assert MaintenanceSession._meta.get_field("files").default is dict
    assert sessions.check_row(seen).allowed
