"""What is missing though nothing was altered: recordings, ends and explanations of sessions, unused certificates."""

import json

from tests.attack.package_fixture import Ledger, judge_world, make_world

from quarterdeck_verify import report

TICKET = "MT-2026-00001"
CAST = [("recording", "session.cast", b'{"version":2}\n')]


def began(ledger: Ledger, session: str, serial: int) -> None:
    told(ledger, "session.began", session, {"serial": serial, "grant": "ag_1"})


def told(ledger: Ledger, event: str, thing: str, data: dict[str, object], files=()) -> None:
    """An entry about a thing of its own; `Ledger.add` names the ticket as the thing."""
    ledger.add(event, TICKET, data, files, thing=thing)  # type: ignore[arg-type]


def gaps(ledger: Ledger, tmp_path) -> list[tuple[str, str]]:
    found = judge_world(make_world(ledger, tickets=(TICKET,)), tmp_path)
    assert found.exit_code == 0, "nothing was altered"
    assert len(json.loads(report.as_json(found, "x"))["gaps"]) == len(found.gaps)
    return [(gap.code, gap.where) for gap in found.gaps]


def test_a_whole_session_leaves_no_gap(tmp_path) -> None:
    ledger = Ledger()
    told(ledger, "access.granted", "ag_1", {"purpose": "work"})
    told(ledger, "access.certificate_bound", "ag_1", {"serial": 7})
    began(ledger, "se_1", 7)
    told(ledger, "access.certificate_used", "ag_1", {"serial": 9, "session": "se_1"})
    told(ledger, "session.ended", "se_1", {}, CAST)
    assert gaps(ledger, tmp_path) == []


def test_sessions_without_recording_end_or_explanation(tmp_path) -> None:
    ledger = Ledger()
    for number in (1, 2, 3, 4):
        began(ledger, f"se_{number}", number)
    told(ledger, "session.ended", "se_1", {})
    told(ledger, "session.interrupted", "se_2", {}, CAST)
    told(ledger, "session.interrupted", "se_3", {}, CAST)
    told(ledger, "session.explained", "se_3", {})
    told(ledger, "session.ended", "se_0", {}, CAST)
    told(ledger, "session.written_down", "se_5", {})
    told(ledger, "session.written_down", "se_6", {}, [("attachment", "rmm.mp4", b"x")])
    assert gaps(ledger, tmp_path) == [
        ("session.beginning", f"{TICKET} se_0"),
        ("session.unrecorded", f"{TICKET} se_1"),
        ("session.unexplained", f"{TICKET} se_2"),
        ("session.open", f"{TICKET} se_4"),
        ("session.unrecorded", f"{TICKET} se_5"),
    ]


def test_certificates_without_a_session(tmp_path) -> None:
    ledger = Ledger()
    told(ledger, "access.granted", "ag_1", {"purpose": "work"})
    told(ledger, "access.granted", "ag_2", {"purpose": "measure"})
    told(ledger, "access.certificate_bound", "ag_1", {"serial": 7})
    told(ledger, "access.certificate_bound", "ag_2", {"serial": 8})
    told(ledger, "access.certificate_used", "ag_1", {"serial": 9, "session": "se_9"})
    found = gaps(ledger, tmp_path)
    assert found == [("certificate.unused", f"{TICKET} entry 2"), ("certificate.session", f"{TICKET} entry 4")]


def test_the_report_names_them(tmp_path) -> None:
    ledger = Ledger()
    for number in range(25):
        began(ledger, f"se_{number}", number)
    found = judge_world(make_world(ledger, tickets=(TICKET,)), tmp_path)
    text = report.as_text(found, "x")
    assert "Missing:                25 that the entries let expect" in text
    assert "MT-2026-00001 se_3: The session that began with entry 3 has no end here." in text
    assert "and 5 more; --json lists them" in text
