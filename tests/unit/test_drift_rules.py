"""The rules file of drift: its grammar, what a rule may and may not do, ACLs, packages in one line."""

import base64

import pytest

from quarterdeck.baselines.acl import is_widened
from quarterdeck.baselines.comparing import changed_packages, collapse, file_line, package_owners
from quarterdeck.baselines.diff import Change, ChangeKind
from quarterdeck.baselines.drift_rules import RuleBook, default_text, rule_book
from quarterdeck.baselines.rules import DriftClass, Severity, judge, scope
from quarterdeck.kernel.decision import Refused

RULE = '[[rule]]\nname = "n"\nmeaning = "{}"\npaths = ["{}"]\nbecause = "b"\n'
BOOK = rule_book(default_text())


def change(path: str, facts: tuple[str, ...] = ("sha256digest",), **after: bytes) -> Change:
    plain = {"type": b"file", "mode": b"0644", "uid": b"0", "gid": b"0", "sha256digest": b"aa"}
    return Change(path.encode(), ChangeKind.CHANGED, facts, plain, plain | {"sha256digest": b"bb"} | after)


def judged(one: Change, book: RuleBook, declared: tuple[str, ...] = (), package: str = "", *, cui: bool = False):
    rule = book.fitting(one.path.decode(), one.kind.value, one.facts, cui=cui)
    found = judge(one, scope(declared), package, rule)
    return found.drift_class, found.severity


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[[rule", "drift_rules.toml"),
        ("[other]\na = 1", "drift_rules.tables"),
        (RULE.format("ignore", "/var/x"), "drift_rules.meaning"),
        (RULE.format("noise", "/*/x"), "drift_rules.paths"),
        (RULE.format("noise", "/var/../etc"), "drift_rules.paths"),
        (RULE.format("noise", "/var/x") + 'severity = "forbidden"', "drift_rules.severity"),
        (RULE.format("forbidden", "/var/x") + 'severity = "ordinary"', "drift_rules.severity"),
        (RULE.format("noise", "/var/x") + 'kinds = ["unreadable"]', "drift_rules.kinds"),
        (RULE.format("noise", "/var/x") + "hide = true", "drift_rules.unknown"),
        ('[[rule]]\nmeaning = "noise"\npaths = ["/var"]', "drift_rules.because"),
        ("#" * 70_000, "drift_rules.long"),
    ],
)
def test_a_file_that_says_something_else_is_refused(text: str, code: str) -> None:
    with pytest.raises(Refused) as refused:
        rule_book(text)
    assert code in refused.value.decision.codes


def test_noise_is_expected_but_never_a_gain_of_power_a_sensitive_place_or_the_unreadable() -> None:
    everything = rule_book("".join(RULE.format("noise", path) for path in ("/etc/**", "/usr/**", "/srv/**")))
    assert judged(change("/srv/cache"), everything)[0] is DriftClass.EXPECTED
    setuid = change("/usr/bin/x", ("mode",), mode=b"4755")
    assert judged(setuid, everything) == (DriftClass.UNEXPLAINED, Severity.FORBIDDEN)
    assert judged(change("/etc/ssh/sshd_config"), everything)[0] is DriftClass.UNEXPLAINED
    unreadable = Change(b"/srv/x", ChangeKind.UNREADABLE, (), None, {"type": b"file", "error": b"EACCES"})
    assert judged(unreadable, everything)[0] is DriftClass.UNREADABLE


def test_what_is_forbidden_waits_for_a_person_although_the_ticket_declared_it() -> None:
    sudo, cron = change("/etc/sudoers.d/ops"), change("/etc/cron.d/job")
    assert judged(sudo, BOOK, ("/etc/sudoers.d/**",)) == (DriftClass.UNEXPLAINED, Severity.FORBIDDEN)
    assert judged(sudo, BOOK, ("package:sudo",), "sudo") == (DriftClass.UNEXPLAINED, Severity.FORBIDDEN)
    assert judged(cron, BOOK, ("/etc/cron.d/**",)) == (DriftClass.UNEXPLAINED, Severity.SENSITIVE)
    assert judged(cron, BOOK, ("package:cron",), "cron") == (DriftClass.EXPECTED, Severity.SENSITIVE)
    assert judged(change("/etc/systemd/system/a.service"), BOOK)[1] is Severity.SENSITIVE


def test_permissions_of_a_cui_share_are_forbidden_where_cui_is() -> None:
    opened = change("/srv/drawings", ("mode",), mode=b"0750")
    assert judged(opened, BOOK, ("/srv/drawings",), cui=True) == (DriftClass.UNEXPLAINED, Severity.FORBIDDEN)
    assert judged(opened, BOOK, ("/srv/drawings",))[0] is DriftClass.EXPECTED
    written = change("/srv/drawings/a.dwg", ("sha256digest", "time"))
    assert judged(written, BOOK, ("/srv/drawings",), cui=True)[0] is DriftClass.EXPECTED


def test_logs_are_noise_while_they_grow_and_not_when_they_vanish() -> None:
    assert judged(change("/var/log/syslog", ("size", "time", "sha256digest")), BOOK)[0] is DriftClass.EXPECTED
    gone = Change(b"/var/log/syslog", ChangeKind.REMOVED, (), {"type": b"file"}, None)
    assert judged(gone, BOOK)[0] is DriftClass.UNEXPLAINED
    assert judged(change("/var/log/syslog", ("mode",), mode=b"0640"), BOOK)[0] is DriftClass.UNEXPLAINED


def access_list(*entries: tuple[int, int, int]) -> bytes:
    raw = b"\x02\0\0\0" + b"".join(
        tag.to_bytes(2, "little") + may.to_bytes(2, "little") + who.to_bytes(4, "little") for tag, may, who in entries
    )
    return base64.b64encode(raw)


NOBODY = 0xFFFFFFFF
PLAIN = ((1, 7, NOBODY), (4, 5, NOBODY), (16, 7, NOBODY), (32, 0, NOBODY))
NAME = "xattr.system.posix_acl_access"


@pytest.mark.parametrize(
    ("before", "after", "wider"),
    [
        (PLAIN, (*PLAIN, (2, 4, 1000)), True),
        ((*PLAIN, (2, 4, 1000)), PLAIN, False),
        ((*PLAIN, (2, 4, 1000)), (*PLAIN, (2, 6, 1000)), True),
        ((*PLAIN[:2], (16, 4, NOBODY), PLAIN[3], (2, 7, 1000)), (*PLAIN, (2, 7, 1000)), True),
        ((*PLAIN, (2, 7, 1000)), (*PLAIN[:2], (16, 4, NOBODY), PLAIN[3], (2, 7, 1000)), False),
        (PLAIN, (*PLAIN[:3], (32, 4, NOBODY)), True),
        ((), (*PLAIN, (8, 4, 100)), True),
    ],
)
def test_an_access_list_is_wider_when_somebody_may_more(before, after, wider: bool) -> None:
    old = {"mode": b"0750"} | ({NAME: access_list(*before)} if before else {})
    assert is_widened(old, {"mode": b"0750", NAME: access_list(*after)}) is wider
    assert is_widened(old, {NAME: b"broken"}) is True


def test_an_upgrade_is_one_line_although_nobody_declared_it_and_gains_stay_apart() -> None:
    owners = package_owners({"package_files": {"value": {"openssl:amd64": [f"/usr/lib/ssl/{n}" for n in range(300)]}}})
    changes = [change(f"/usr/lib/ssl/{n}") for n in range(299)]
    changes.append(change("/usr/lib/ssl/299", ("mode",), mode=b"4755"))
    lines = collapse([file_line(one, scope(()), owners, BOOK) for one in changes])
    told = {(line.source, line.package, line.count, line.drift_class, line.severity) for line in lines}
    assert told == {
        ("package", "openssl", 299, DriftClass.UNEXPLAINED, Severity.ORDINARY),
        ("file", "openssl", 1, DriftClass.UNEXPLAINED, Severity.FORBIDDEN),
    }


def test_a_windows_update_is_one_line_by_its_kb() -> None:
    paths = [rf"/C:/Windows/System32/{n}.dll" for n in range(40)]
    before = {"hotfixes": {"value": ["KB5034123 2026-10-14"]}}
    after = {
        "hotfixes": {"value": ["KB5034123 2026-10-14", "KB5041585 2026-11-27"]},
        "update_files": {"value": {"KB5041585": paths}},
    }
    assert changed_packages(before, after) == {"KB5041585"}
    owners = package_owners(after)
    lines = collapse([file_line(change(path), scope(("package:KB5041585",)), owners, BOOK) for path in paths])
    assert [(line.package, line.count, line.drift_class) for line in lines] == [("KB5041585", 40, DriftClass.EXPECTED)]


def test_the_noise_of_rules_is_one_line() -> None:
    changes = [change(f"/var/log/a/{n}", ("size", "sha256digest")) for n in range(20)]
    (line,) = collapse([file_line(one, scope(()), {}, BOOK) for one in changes])
    assert (line.path, line.count, line.drift_class) == (b"/var/log/a", 20, DriftClass.EXPECTED)
