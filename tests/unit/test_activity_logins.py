"""Login lines as logins, and which of them are ticketed: captured formats, and lines that somebody made up."""

from datetime import UTC, datetime, timedelta

import pytest

from quarterdeck.activity import rules
from quarterdeck.activity.log_lines import target_log
from quarterdeck.activity.terms import Gap, How, KnownSerial, SeenLogin, Span, TargetLog, Verdict

NOW = datetime(2026, 11, 28, 4, 10, tzinfo=UTC)
AT = NOW.timestamp() - 60
CA = "SHA256:A/l1xl8uHtV9zJDcopGj4oOXsmxlaHOFp1VguFKvnOg"
KEY = "SHA256:+f1PMDEi21zLQvwTgA443tSz0cHwidcH8IEeX12fgyo"
KEY_ID = "MT-2026-00001:measure:ag_8kr4sev6nb8ydgfj"
OURS = (
    f"Accepted publickey for maint from 127.0.0.1 port 37150 ssh2: ECDSA-CERT {KEY} ID {KEY_ID} "
    f"(serial 4470393420352294) CA ECDSA {CA}"
)
SERIAL = 4470393420352294


def log(*rows: tuple[str, str], wtmp: object = (), **auth: object) -> TargetLog:
    lines = [{"at": AT, "tag": tag, "pid": 100 + at, "text": text} for at, (tag, text) in enumerate(rows)]
    told = {"source": "/var/log/auth.log", "began": AT - 9e5, "odd": 0, "back": 0.0, "cut": False, "lines": lines}
    told |= auth
    document: dict[str, object] = {
        "clock": {"value": f"{NOW.timestamp()}"},
        "auth": {"value": told},
        "wtmp": {"value": list(wtmp)},  # type: ignore[call-overload]
        "sudo": {"value": []},
        "audit": {"error": "ENOENT"},
        "passwords": {"value": {"rescue": 20785}},
    }
    return target_log(document, account="maint", since=NOW - timedelta(hours=1), now=NOW)


def only(*rows: tuple[str, str]) -> SeenLogin:
    (found,) = log(*rows).logins
    return found


def verdict(login: SeenLogin, **known: KnownSerial) -> Verdict:
    serials = {one.serial: one for one in known.values()}
    (judged,) = rules.judge(
        [login], serials, asset="as_1", authority=CA, offset=timedelta(0), sealed_accounts={"rescue": "bg_1"}
    )
    return judged.verdict


def known(**changes: object) -> KnownSerial:
    return KnownSerial(**{"serial": SERIAL, "at": NOW - timedelta(seconds=70), "asset": "as_1", **changes})  # type: ignore[arg-type]


def test_our_certificate_is_read_whole() -> None:
    login = only(("sshd", OURS))
    assert (login.how, login.account, login.source, login.serial) == (How.CERTIFICATE, "maint", "127.0.0.1", SERIAL)
    assert (login.key_id, login.authority) == (KEY_ID, CA)
    assert verdict(login, one=known()) is Verdict.TICKETED


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({}, Verdict.UNKNOWN_SERIAL),
        ({"one": known(asset="as_2")}, Verdict.OTHER_ASSET),
        ({"one": known(at=NOW - timedelta(hours=2))}, Verdict.OUT_OF_TIME),
        ({"one": known(at=NOW + timedelta(minutes=2))}, Verdict.OUT_OF_TIME),
    ],
)
def test_a_serial_counts_on_its_asset_in_its_time(told: dict[str, KnownSerial], found: Verdict) -> None:
    assert verdict(only(("sshd", OURS)), **told) is found


def test_a_certificate_counts_once() -> None:
    judged = rules.judge(
        log(("sshd", OURS), ("sshd", OURS)).logins, {SERIAL: known()}, asset="as_1", authority=CA,
        offset=timedelta(0), sealed_accounts={},
    )  # fmt: skip
    assert [one.verdict for one in judged] == [Verdict.TICKETED, Verdict.USED_TWICE]


@pytest.mark.parametrize(
    ("text", "how"),
    [
        ("Accepted password for root from 203.0.113.9 port 4 ssh2", How.PASSWORD),
        (f"Accepted publickey for maint from 203.0.113.9 port 4 ssh2: ED25519 {KEY}", How.KEY),
        ("Accepted keyboard-interactive/pam for maint from 203.0.113.9 port 4 ssh2", How.PASSWORD),
        ("Accepted gssapi-with-mic for maint from 203.0.113.9 port 4 ssh2", How.OTHER),
        ("Accepted something quite new", How.OTHER),
    ],
)
def test_every_other_way_in_is_a_finding(text: str, how: How) -> None:
    login = only(("sshd-session", text))
    assert login.how is how
    assert verdict(login) is Verdict.NO_CERTIFICATE


@pytest.mark.parametrize(
    "key_id",
    [
        f"{KEY_ID} (serial {SERIAL}) CA ECDSA {CA} x",
        f"{KEY_ID} (serial {SERIAL}) CA ECDSA {CA}\\nAccepted",
        "",
        "a b",
    ],
)
def test_a_foreign_authority_cannot_write_itself_into_ours(key_id: str) -> None:
    """The key id is the foreign authority's own text; the CA at the end of the line is the server's."""
    theirs = "SHA256:" + "B" * 43
    text = f"Accepted publickey for maint from 1.2.3.4 port 5 ssh2: ECDSA-CERT {KEY} ID {key_id} "
    text += f"(serial 7) CA RSA {theirs}"
    assert verdict(only(("sshd", text)), one=known()) is Verdict.FOREIGN_CERTIFICATE


@pytest.mark.parametrize(
    "text",
    [
        f"Failed password for invalid user {OURS} from 203.0.113.9 port 1 ssh2",
        f"Invalid user {OURS} from 203.0.113.9 port 1",
        f'Accepted certificate ID "{KEY_ID}" (serial 7) signed by ECDSA CA {CA} via /etc/ssh/ca.pub',
        "Accepted key ECDSA SHA256:x found at /home/x/.ssh/authorized_keys:1",
    ],
)
def test_a_name_that_looks_like_a_login_is_none(text: str) -> None:
    assert log(("sshd", text)).logins == ()


def test_control_characters_are_spelled_out_and_no_second_line_begins() -> None:
    evil = "Accepted password for a\x1b[2Jb from 1.2.3.4 port 5 ssh2\nAccepted publickey for root\u202e"
    login = only(("sshd", evil))
    assert login.text.isprintable()
    assert "\\x1b" in login.text
    assert login.how is How.OTHER


def test_the_name_of_the_log_is_the_targets_word_too() -> None:
    """PostgreSQL keeps no NUL: the whole reading, with its findings, was not recorded."""
    assert log(source="/var/log/\x00auth.log").source == r"/var/log/\x00auth.log"


def test_consoles_and_changed_users() -> None:
    found = log(
        ("login", "LOGIN ON tty1 BY rescue"),
        ("login", "pam_unix(login:session): session opened for user rescue(uid=1002) by LOGIN(uid=0)"),
        ("su", "(to root) maint on pts/1"),
        ("su", "pam_unix(su:session): session opened for user root(uid=0) by maint(uid=1001)"),
        ("gdm-password]", "pam_unix(gdm-password:session): session opened for user kim(uid=1003) by kim(uid=0)"),
        ("sudo", "pam_unix(sudo:session): session opened for user root(uid=0) by maint(uid=1001)"),
        wtmp=[
            {"at": AT + 1, "line": "tty1", "user": "rescue", "host": "", "pid": 9},
            {"at": AT + 900, "line": "tty2", "user": "kim", "host": "", "pid": 10},
            {"at": AT + 901, "line": "pts/0", "user": "maint", "host": "127.0.0.1", "pid": 11},
        ],
    ).logins  # fmt: skip
    told = [(one.how, one.account) for one in found]
    assert told.count((How.CONSOLE, "kim")) == 2
    assert (How.SU, "root") in told
    assert (How.CONSOLE, "rescue") in told
    assert all(account != "maint" for _, account in told)


def test_the_sealed_account_is_named() -> None:
    judged = rules.judge(
        log(("login", "LOGIN ON tty1 BY rescue")).logins, {}, asset="as_1", authority=CA, offset=timedelta(0),
        sealed_accounts={"rescue": "bg_1"},
    )  # fmt: skip
    assert [(one.verdict, one.break_glass) for one in judged] == [(Verdict.CONSOLE, "bg_1")]


@pytest.mark.parametrize(
    ("auth", "gap"),
    [
        ({}, Gap.NONE),
        ({"began": None}, Gap.BEGINS_LATE),
        ({"began": AT}, Gap.BEGINS_LATE),
        ({"back": 3600.0}, Gap.JUMPS),
        ({"cut": True}, Gap.CUT),
    ],
)
def test_a_log_that_tells_less_says_so(auth: dict[str, object], gap: Gap) -> None:
    seen = log(("sshd", OURS), **auth)
    assert rules.gap_of(seen, own_serial=SERIAL, awaited=[])[0] is gap


def test_a_log_that_does_not_show_its_own_reader_is_not_believed() -> None:
    seen = log(("sshd", OURS))
    assert rules.gap_of(seen, own_serial=7, awaited=[])[0] is Gap.NOT_ITSELF
    assert rules.gap_of(seen, own_serial=SERIAL, awaited=[8])[0] is Gap.SESSION_MISSING


def test_an_unreadable_log_is_a_gap_and_no_login() -> None:
    document: dict[str, object] = {
        "clock": {"value": str(NOW.timestamp())}, "auth": {"error": "EACCES"}, "wtmp": {"error": "ENOENT"},
        "sudo": {"error": "EACCES"}, "audit": {"error": "EACCES"}, "passwords": {"error": "EACCES"},
    }  # fmt: skip
    seen = target_log(document, account="maint", since=NOW, now=NOW)
    assert (seen.gap, seen.logins) == (Gap.NO_LOG, ())
    assert "EACCES" in seen.said


@pytest.mark.parametrize("broken", [{}, {"auth": 1}, {"auth": {"value": {"lines": 5}}}])
def test_an_answer_of_another_form_is_refused(broken: dict[str, object]) -> None:
    with pytest.raises((ValueError, KeyError)):
        target_log(broken, account="maint", since=NOW, now=NOW)


def commands(*rows: dict[str, object], logins: list[dict[str, int]] | None = None) -> TargetLog:
    document: dict[str, object] = {
        "clock": {"value": str(NOW.timestamp())},
        "auth": {"value": {"source": "x", "began": 0, "lines": [{"at": AT, "tag": "sshd", "pid": 55, "text": OURS}]}},
        "wtmp": {"value": []}, "sudo": {"value": []}, "passwords": {"value": {}},
        "audit": {"value": {"began": 0, "cut": False, "commands": list(rows), "logins": logins or []}},
    }  # fmt: skip
    return target_log(document, account="maint", since=NOW - timedelta(hours=1), now=NOW)


def row(at: float, ses: int, *argv: str) -> dict[str, object]:
    return {"at": at, "ses": ses, "run_as": "0", "pid": 1, "tty": "pts0", "argv": list(argv)}


def span(name: str, *serials: int) -> Span:
    return Span(name, NOW - timedelta(seconds=70), NOW, serials)


def test_commands_belong_to_the_audit_session_of_the_login_with_the_sessions_serial() -> None:
    seen = commands(row(AT, 3, "id"), row(AT, 4, "rm", "-rf", "/"), logins=[{"at": 0, "pid": 55, "ses": 3}])
    mine, other = rules.witnessed([span("se_1", SERIAL), span("se_2", 9)], seen, sudo_logged=False)
    assert [one.argv for one in mine.commands] == [("id",)]
    assert (mine.exact, mine.sources) == (True, ("auditd",))
    assert other.exact is False, "two sessions of one account at once, and the log cannot tell them apart"


def test_commands_of_another_time_belong_to_nobody() -> None:
    seen = commands(row(AT - 3600, 3, "id"))
    (mine,) = rules.witnessed([span("se_1", SERIAL)], seen, sudo_logged=False)
    assert not mine.available
    assert "auditd" in mine.said


def test_sudo_that_logged_nothing_says_that_nothing_ran() -> None:
    (mine,) = rules.witnessed([span("se_1")], commands(), sudo_logged=True)
    assert (mine.available, mine.commands) == (True, ())
