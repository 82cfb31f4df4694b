"""Pure rules of drift: what a ticket declared is expected, everything else waits for a person's explanation.

A gain of power (setuid, capability, world-writable, device, lost encryption) is never expected by declaration alone,
and a sensitive place (logins, sudo, SSH, cron, units) only when the ticket names that place itself.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from quarterdeck.baselines import sddl
from quarterdeck.baselines.acl import is_widened
from quarterdeck.baselines.diff import Change, ChangeKind
from quarterdeck.baselines.drift_rules import Meaning, Rule
from quarterdeck.baselines.manifest import unescape
from quarterdeck.baselines.patterns import PATTERN, is_below, matches, plain_start
from quarterdeck.kernel.decision import ALLOWED, Decision, all_of, refuse, require_that

PACKAGE = "package:"
MOST_ROWS = 1000
_PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+_-]{0,99}", re.ASCII)
_SENSITIVE_IN_ETC = (
    "ssh", "sudoers", "sudoers.d", "pam.d", "security", "passwd", "shadow", "group", "gshadow", "crontab", "cron.d",
    "cron.hourly", "cron.daily", "cron.weekly", "cron.monthly", "systemd", "init.d", "rc.local", "profile",
    "profile.d", "ld.so.preload", "ld.so.conf", "ld.so.conf.d", "crypttab", "audit", "polkit-1", "modules",
    "modules-load.d", "modprobe.d", "udev", "hosts.allow", "hosts.deny", "nftables.conf",
)  # fmt: skip
_SENSITIVE = (
    *("/etc/" + name for name in _SENSITIVE_IN_ETC),
    *("/var/spool/cron", "/lib/systemd", "/usr/lib/systemd", "/boot"),
)
# Compared in small letters: Windows tells no two spellings of a path apart.
_SENSITIVE_ON_WINDOWS = tuple(
    "/c:/" + place
    for place in (
        "windows/system32/drivers", "windows/system32/tasks", "windows/tasks", "windows/system32/config",
        "windows/system32/grouppolicy", "windows/system32/windowspowershell/v1.0", "windows/system32/inetsrv/config",
        "windows/system32/wbem/repository", "windows/sysvol", "programdata/ssh",
        "programdata/microsoft/windows/start menu/programs/startup",
    )
)  # fmt: skip
_DRIVE = re.compile(r"/[A-Za-z]:/")
_ATTRIBUTE_ENCRYPTED = 0x4000
_LOGIN_KEYS = re.compile(r".*/\.ssh(?:/.*)?", re.DOTALL)
ACCESS_POSTURE = frozenset({
    "etc.passwd", "etc.group", "etc.shadow", "etc.sudoers", "etc.sudoers.d", "etc.ssh", "sshd", "accounts", "groups",
    "sudo", "protections", "firewall",
})  # fmt: skip
ENCRYPTION_POSTURE = frozenset({"encryption", "etc.crypttab", "fips", "swap", "luks", "crypt", "bitlocker"})

FORBIDDEN_CODES = frozenset({"encryption_off", "protection_off", "power_gained"})


class Phase(StrEnum):
    """When a baseline was taken: around the work of a ticket, or between tickets under a monitoring plan."""

    BEFORE = "before"
    AFTER = "after"
    BETWEEN = "between"


class DriftClass(StrEnum):
    """What a difference is to the ticket; unreadable is never folded into unchanged."""

    EXPECTED = "expected"
    UNEXPLAINED = "unexplained"
    UNREADABLE = "unreadable"


class Severity(StrEnum):
    """How much a difference matters."""

    ORDINARY = "ordinary"
    SENSITIVE = "sensitive"
    FORBIDDEN = "forbidden"


_WORST = (Severity.FORBIDDEN, Severity.SENSITIVE, Severity.ORDINARY)


class Disposition(StrEnum):
    """How a person settled a difference: explained, put back, or kept as a finding."""

    EXPLAINED = "explained"
    REVERTED = "reverted"
    FINDING = "finding"


@dataclass(frozen=True, slots=True)
class Scope:
    """What a ticket declared: path patterns and package names."""

    patterns: tuple[str, ...] = ()
    packages: frozenset[str] = frozenset()

    def covers_package(self, package: str) -> bool:
        """True when the package is named; of files that came with several updates, when each of those is."""
        updates = package.split("+") if package.startswith("KB") else [package]
        return self.packages.issuperset(updates)

    def covers(self, path: str) -> bool:
        """True when a pattern names the path, or a folder above it without wildcards."""
        return any(matches(pattern, path) for pattern in self.patterns)

    def names_place(self, path: str, place: str) -> bool:
        """True when a pattern that covers `path` has its plain beginning at or below `place`."""
        return any(matches(pattern, path) and is_below(plain_start(pattern), place) for pattern in self.patterns)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a difference is: class, severity and the codes of what is remarkable."""

    drift_class: DriftClass
    severity: Severity
    codes: tuple[str, ...] = ()


def check_scope(declared: Sequence[str]) -> Decision:
    """Refuse declarations that are neither an absolute path pattern with a plain first folder nor `package:name`."""
    return all_of(
        require_that(
            _PACKAGE.fullmatch(text.removeprefix(PACKAGE)) is not None
            if text.startswith(PACKAGE)
            else PATTERN.fullmatch(text) is not None
            and ".." not in text.split("/")
            and not re.search(r"[*?]", text.split("/")[1])
            and len(re.findall(r"[*?]", text)) <= 20,
            "drift.scope",
            "A declared change is a path like /etc/nginx/** whose first folder is spelled out, or package:nginx.",
            "Write the folders or packages that the work changes.",
        )
        for text in declared
    )


def scope(declared: Sequence[str]) -> Scope:
    """Return the scope of a ticket's declarations; raises Refused for a malformed one."""
    check_scope(declared).require()
    return Scope(
        tuple(text for text in declared if not text.startswith(PACKAGE)),
        frozenset(text.removeprefix(PACKAGE) for text in declared if text.startswith(PACKAGE)),
    )


def sensitive_place(path: str) -> str:
    """Return the sensitive place that a path belongs to, empty for none."""
    if _LOGIN_KEYS.fullmatch(path):
        return path.partition("/.ssh")[0] + "/.ssh"
    if _DRIVE.match(path):
        found = next((place for place in _SENSITIVE_ON_WINDOWS if is_below(path.lower(), place)), "")
        return path[: len(found)]
    return next((place for place in _SENSITIVE if is_below(path, place)), "")


def _mode(facts: Mapping[str, bytes] | None) -> int:
    return int((facts or {}).get("mode", b"0"), 8)


def _flags(facts: Mapping[str, bytes] | None) -> set[bytes]:
    return set((facts or {}).get("lflags", b"").split(b","))


def _sddl(facts: Mapping[str, bytes] | None) -> str:
    return unescape((facts or {}).get("sddl", b"")).decode("utf-8", "replace")


def _is_encrypted(facts: Mapping[str, bytes] | None) -> bool:
    return bool(int((facts or {}).get("attributes", b"0"), 16) & _ATTRIBUTE_ENCRYPTED)


def gains(change: Change) -> tuple[str, ...]:
    """Return the codes of power that a change gives or protection that it takes away."""
    before, after = change.before or {}, change.after
    if after is None:
        return ()
    kind, old, new = after.get("type", b""), _mode(change.before), _mode(after)
    capability = "xattr.security.capability"
    tests = (
        ("setuid_gained", new & 0o4000 and kind == b"file" and not old & 0o4000),
        ("setgid_gained", new & 0o2010 == 0o2010 and kind == b"file" and not old & 0o2000),
        ("world_writable", kind in (b"file", b"dir") and new & 0o002 and not old & 0o002 and not new & 0o1000),
        ("capability_gained", capability in after and after.get(capability) != before.get(capability)),
        ("device_added", kind in (b"char", b"block") and before.get("type") != kind),
        (
            "encryption_lost",
            b"encrypt" in _flags(before) - _flags(after) or (_is_encrypted(before) and not _is_encrypted(after)),
        ),
        ("acl_widened", is_widened(change.before, after) or sddl.is_widened(_sddl(before), _sddl(after))),
        ("protection_lost", _flags(before) & {b"immutable", b"append", b"verity"} - _flags(after)),
    )
    return tuple(code for code, holds in tests if holds)


def remarks(change: Change) -> tuple[str, ...]:
    """Return the codes of what deserves a look but may be expected: owner, ACL, label, type."""
    names = set(change.facts)
    tests = (
        ("setuid_replaced", _mode(change.after) & 0o6000 and "sha256digest" in names),
        (
            "owner_changed",
            names & {"uid", "gid"}
            or ("sddl" in names and sddl.owner(_sddl(change.before)) != sddl.owner(_sddl(change.after))),
        ),
        ("acl_changed", any(name == "sddl" or name.startswith("xattr.system.posix_acl") for name in names)),
        ("streams_changed", "streams" in names),
        ("label_changed", "xattr.security.selinux" in names),
        ("type_changed", "type" in names),
    )
    return tuple(code for code, holds in tests if holds)


def judge(change: Change, declared: Scope, package: str = "", rule: Rule | None = None) -> Judgement:
    """Return what a difference is to a ticket with this declared scope.

    `package` owns the path, empty if unknown; `rule` is the one of the rules file that fits. A forbidding rule makes
    what the ticket declared wait for a person; only a declared package covers it, and a forbidden severity not even
    that. Noise and expectation never cover a gain of power, a sensitive place or what could not be read.
    """
    path = change.path.decode("utf-8", "surrogateescape")
    forbidden, place = gains(change), sensitive_place(path)
    codes = forbidden + remarks(change) + (("sensitive_place",) if place else ())
    severity = Severity.FORBIDDEN if forbidden else Severity.SENSITIVE if codes else Severity.ORDINARY
    forbids = rule is not None and rule.meaning is Meaning.FORBIDDEN
    if rule is not None:
        codes += (f"rule_{rule.meaning}",)
    if rule is not None and forbids:
        severity = min(severity, Severity(rule.severity), key=_WORST.index)
    if change.kind is ChangeKind.UNREADABLE:
        return Judgement(DriftClass.UNREADABLE, severity, codes)
    named = declared.names_place(path, place) if place else declared.covers(path)
    covered = (
        (named and not forbids) or declared.covers_package(package) or (rule is not None and not forbids and not place)
    )
    if severity is not Severity.FORBIDDEN and covered:
        return Judgement(DriftClass.EXPECTED, severity, codes)
    return Judgement(DriftClass.UNEXPLAINED, severity, codes)


def judge_posture(
    name: str, declared: Scope, changed_packages: Collection[str] = (), codes: tuple[str, ...] = ()
) -> Judgement:
    """Return what a changed posture fact is: package lists are expected when every changed package was declared.

    `codes` say what the change takes away or gives; protection lost and power gained are forbidden.
    """
    if FORBIDDEN_CODES.intersection(codes):
        return Judgement(DriftClass.UNEXPLAINED, Severity.FORBIDDEN, codes)
    if codes:
        return Judgement(DriftClass.UNEXPLAINED, Severity.SENSITIVE, codes)
    if name in ACCESS_POSTURE | ENCRYPTION_POSTURE:
        return Judgement(DriftClass.UNEXPLAINED, Severity.SENSITIVE, ("posture_changed",))
    if name in ("packages", "hotfixes") and changed_packages and declared.packages.issuperset(changed_packages):
        return Judgement(DriftClass.EXPECTED, Severity.ORDINARY, ("packages_changed",))
    return Judgement(DriftClass.UNEXPLAINED, Severity.ORDINARY, ("posture_changed",))


def may_record(phase: Phase, *, opened: bool, final: bool, named: bool) -> Decision:
    """Refuse a baseline for a strange asset, after the end, or a `before` once work may have begun (and vice versa)."""
    return all_of(
        (
            require_that(
                named,
                "baseline.asset",
                "This asset is not in the ticket with this connection.",
                "Choose an asset of the ticket.",
            ),
            require_that(
                not final,
                "baseline.final",
                "The ticket has ended; nothing is added to it.",
                "Request a new ticket if the asset has to be measured again.",
            ),
            require_that(
                phase is not Phase.BEFORE or not opened,
                "baseline.too_late",
                "The ticket was opened already: a measurement now is no longer one from before the work.",
                "Take the baseline after the work; the ticket shows that the one before is missing.",
            ),
            require_that(
                phase is not Phase.AFTER or opened,
                "baseline.too_early",
                "The ticket was never opened: there is no work yet to measure after.",
                "Take the baseline before the work, or open the ticket.",
            ),
        )
    )


def row_is_sealed(agrees: bool) -> Decision:
    """Refuse a row that is not what its sealed entry says (attacks.md row 28)."""
    return require_that(
        agrees,
        "baseline.unsealed",
        "The baseline's row is not what the ledger says of it.",
        "Take the baseline again and tell the IT lead: somebody changed the database.",
    )


def measured_alike(one_in_shell: bool, other_in_shell: bool) -> Decision:
    """Refuse to compare a baseline of the shell collector with one of the other: it knows fewer facts."""
    return require_that(
        one_in_shell == other_in_shell,
        "drift.other_collector",
        "One of the two baselines was measured without Python: access lists and capabilities can't be compared.",
        "Find out why the target had Python only once, put that back, and measure again.",
    )


def drift_is_sealed(agrees: bool) -> Decision:
    """Refuse differences, or words about them, that are not what their sealed entries say (attacks.md row 28)."""
    return require_that(
        agrees,
        "drift.unsealed",
        "The differences of this ticket, or the explanations of them, are not what the ledger says.",
        "Stop and tell the IT lead: somebody wrote into the database. Compare with 'qd ledger verify'.",
    )


def may_dispose(person: str, technicians: Iterable[str], roles: Collection[str]) -> Decision:
    """Refuse who did the work and who has none of the roles that settle drift (800-171A 3.4.3[b], 3.1.4)."""
    own = refuse(
        "drift.own_work",
        "You did the work of this ticket, so somebody else explains its differences.",
        "Ask the approver, the CUI owner or the IT lead.",
    )
    role = require_that(
        bool({"approver", "cui_owner", "it_lead"} & {str(role) for role in roles}),
        "drift.role",
        "Differences are settled by an approver, the CUI owner or the IT lead.",
        "Ask one of them.",
    )
    return all_of((own if person in set(technicians) else ALLOWED, role))


def check_reason(reason: str) -> Decision:
    """Refuse a reason that says nothing."""
    return require_that(
        len(reason.strip()) >= 8,
        "drift.reason",
        "The reason is empty or too short to tell an assessor anything.",
        "Write what made the change and how you know.",
    )


def disposable(*, found: int, wanted: int, tickets: int) -> Decision:
    """Refuse an empty choice, numbers that name nothing, and differences of more than one ticket."""
    return require_that(
        0 < wanted == found and tickets == 1,
        "drift.choice",
        "Choose differences that exist, all of one ticket.",
        "Open the ticket's page again and choose there.",
    )


def may_settle_now(*, final: bool) -> Decision:
    """Refuse to add to a ticket that has ended."""
    return require_that(
        not final,
        "drift.final",
        "The ticket has ended; nothing is added to it.",
        "Request a new ticket for what has to be corrected.",
    )


def not_settled_yet(settled: int) -> Decision:
    """Refuse differences that somebody settled already: the word that was given stands in the ledger."""
    return require_that(
        settled == 0,
        "drift.settled",
        "One of these differences was settled already.",
        "Open the ticket's page again and choose from those that are still open; measure again after putting one back.",
    )


def are_current(agrees: bool) -> Decision:
    """Refuse differences of an older comparison and those that need no explanation."""
    return require_that(
        agrees,
        "drift.outdated",
        "One of these differences is expected anyway, or belongs to an older comparison.",
        "Open the ticket's page again and choose from what is shown now.",
    )
