"""Pure rules: which logins are ticketed, which commands belong to a session, who may explain, seal and rotate."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from quarterdeck.activity.terms import (
    LONGEST_SEAL,
    Gap,
    How,
    Judged,
    KnownSerial,
    SeenCommand,
    SeenLogin,
    Span,
    TargetLog,
    Verdict,
    Witnessed,
)
from quarterdeck.kernel.decision import Decision, all_of, refuse, require_that
from quarterdeck.kernel.names import is_account

# A target certificate lives 90 seconds; clocks may differ by what the reading tolerates.
CERTIFICATE_COUNTS = timedelta(seconds=100)
CLOCKS_DIFFER = timedelta(seconds=10)
SETTLERS = ("approver", "cui_owner", "it_lead")
_SHORTEST_REASON = 8
_NEXT = {
    How.KEY: Verdict.NO_CERTIFICATE,
    How.PASSWORD: Verdict.NO_CERTIFICATE,
    How.OTHER: Verdict.NO_CERTIFICATE,
    How.CONSOLE: Verdict.CONSOLE,
    How.SU: Verdict.CHANGED_USER,
}


def judge(
    seen: Iterable[SeenLogin],
    known: Mapping[int, KnownSerial],
    *,
    asset: str,
    authority: str,
    offset: timedelta,
    sealed_accounts: Mapping[str, str],
) -> list[Judged]:
    """Return what each login is; `authority` is our target CA's fingerprint, `offset` the target's clock minus ours.

    `sealed_accounts` maps break-glass accounts to their ids. Whatever a certificate says of itself counts for nothing
    but its serial and authority; both stand in the part of the line that the server writes.
    """
    used: set[int] = set()
    found = []
    for login in seen:
        verdict = _verdict(login, known, asset, authority, offset, used)
        if login.serial is not None and verdict is Verdict.TICKETED:
            used.add(login.serial)
        found.append(Judged(login, verdict, sealed_accounts.get(login.account, "")))
    return found


def _verdict(
    login: SeenLogin,
    known: Mapping[int, KnownSerial],
    asset: str,
    authority: str,
    offset: timedelta,
    used: Collection[int],
) -> Verdict:
    if login.how is not How.CERTIFICATE:
        return _NEXT[login.how]
    if login.serial is None or login.authority != authority:
        return Verdict.FOREIGN_CERTIFICATE
    mine = known.get(login.serial)
    if mine is None:
        return Verdict.UNKNOWN_SERIAL
    if mine.asset != asset:
        return Verdict.OTHER_ASSET
    if login.serial in used:
        return Verdict.USED_TWICE
    after = login.at - offset - mine.at
    in_time = -CLOCKS_DIFFER <= after <= CERTIFICATE_COUNTS + CLOCKS_DIFFER
    return Verdict.TICKETED if in_time else Verdict.OUT_OF_TIME


def gap_of(log: TargetLog, *, own_serial: int | None, awaited: Iterable[int]) -> tuple[Gap, str]:
    """Return what a reading lacks: the log's own gap, this very login, or the login of a session through the gate.

    A log that does not show the login by which it is read (`own_serial`) shows no other login either.
    """
    seen = {one.serial for one in log.logins}
    if log.gap is Gap.NO_LOG:
        return log.gap, log.said
    if own_serial is not None and own_serial not in seen:
        return Gap.NOT_ITSELF, "The log does not show the login by which it was read, so it does not show all logins."
    missing = sorted(set(awaited) - seen)
    if missing and log.gap is Gap.NONE:
        return Gap.SESSION_MISSING, f"{len(missing)} session(s) through the gate left no login in the target's log."
    return log.gap, log.said


def witnessed(spans: Sequence[Span], log: TargetLog, *, sudo_logged: bool) -> list[Witnessed]:
    """Return for each session the commands of the target's log that belong to it.

    By the audit session of the login with the session's serial where the log has it, else by account and time, which
    two sessions at once share. `sudo_logged` says that a rule of ours had sudo write its log.
    """
    return [_of_session(span, spans, log, sudo_logged) for span in spans]


def _of_session(span: Span, spans: Sequence[Span], log: TargetLog, sudo_logged: bool) -> Witnessed:
    pids = {one.pid for one in log.logins if one.serial in span.serials}
    audited = {ses for pid, ses in log.audit_sessions.items() if pid in pids}
    begin, end = span.began_at + log.offset - CLOCKS_DIFFER, span.ended_at + log.offset + CLOCKS_DIFFER
    in_time = [one for one in log.commands if begin <= one.at <= end]
    mine = [one for one in in_time if not audited or one.ses is None or one.ses in audited]
    sources = _sources(mine, log, sudo_logged, audited)
    if not sources:
        said = f"Neither log of the target tells. auditd: {log.audit_said or 'silent'}; sudo: {_sudo_words(log)}."
        return Witnessed(span.session, (), (), False, said)
    alone = not any(other is not span and _meet(span, other) for other in spans)
    by_session = bool(audited) and all(one.ses is not None for one in mine)
    return Witnessed(span.session, tuple(mine), sources, by_session or alone, "")


def _sources(
    mine: Sequence[SeenCommand], log: TargetLog, sudo_logged: bool, audited: Collection[int]
) -> tuple[str, ...]:
    found = {one.origin for one in mine}
    if sudo_logged and not log.sudo_said:
        found.add("sudo")
    if audited and not log.audit_said:
        found.add("auditd")
    return tuple(sorted(found))


def _sudo_words(log: TargetLog) -> str:
    return log.sudo_said or "it logged nothing in this time"


def _meet(one: Span, other: Span) -> bool:
    return one.began_at <= other.ended_at and other.began_at <= one.ended_at


def may_explain(
    person: str, roles: Collection[str], workers: Collection[str], *, is_person: bool, is_open: bool, reason: str
) -> Decision:
    """Decide whether this person may explain a login: of a settling role, not one who worked on the asset then."""
    return all_of(
        (
            require_that(is_person, "login.person", "Only a person explains a login.", "Log in and explain it."),
            require_that(is_open, "login.explained", "This login is explained already.", "Look at its page."),
            require_that(
                len(reason.strip()) >= _SHORTEST_REASON,
                "login.reason",
                "The reason is empty or too short to tell an assessor anything.",
                "Write who logged in, why, and how you know.",
            ),
            require_that(
                person not in workers,
                "login.own_work",
                "You worked on this asset at that time, so somebody else explains its logins.",
                "Ask the approver, the CUI owner or the IT lead.",
            ),
            _settles(roles),
        )
    )


def _settles(roles: Collection[str]) -> Decision:
    return require_that(
        bool(set(SETTLERS) & {str(role) for role in roles}),
        "login.role",
        "Logins without a ticket are explained by an approver, the CUI owner or the IT lead.",
        "Ask one of them.",
    )


def may_seal(account: str, place: str, due_at: datetime, at: datetime, *, is_new: bool, is_way_in: bool) -> Decision:
    """Decide whether a break-glass account may be registered: a name of its own, a place, changed within a year.

    An account that tickets use is none: its use would be told as an emergency whenever somebody works.
    """
    return all_of(
        (
            require_that(
                is_account(account),
                "break_glass.account",
                "The account is no login name.",
                "Write it as on the target.",
            ),
            names_a_place(place),
            require_that(
                at < due_at <= at + LONGEST_SEAL,
                "break_glass.due",
                "A sealed credential is changed at least once a year.",
                "Choose a day within a year.",
            ),
            require_that(
                is_new, "break_glass.twice", "This asset has a sealed account already.", "Retire the old one first."
            ),
            require_that(
                not is_way_in,
                "break_glass.way_in",
                "This account is one that tickets use.",
                "Make a local account of its own for the day of need.",
            ),
        )
    )


def names_a_place(place: str) -> Decision:
    """Refuse a place under which nobody would find the envelope."""
    return require_that(
        3 <= len(place.strip()) <= 300,
        "break_glass.place",
        "Nobody would find the envelope.",
        "Say where it lies, such as: safe in room 12. Never write the secret itself.",
    )


def may_rotate(
    *, sealed_by: str, person: str, roles: Collection[str], state: str, due_at: datetime, at: datetime
) -> Decision:
    """Decide whether this person may record that the credential was changed and sealed anew."""
    return all_of(
        (
            _settles(roles),
            require_that(
                state != "retired", "break_glass.retired", "This account is retired.", "Register another one."
            ),
            require_that(
                bool(sealed_by) and bool(person),
                "break_glass.person",
                "A credential is sealed by a person.",
                "Name who sealed the envelope.",
            ),
            require_that(
                at < due_at <= at + LONGEST_SEAL,
                "break_glass.due",
                "A sealed credential is changed at least once a year.",
                "Choose a day within a year.",
            ),
        )
    )


def row_is_sealed(found: str, sealed: object) -> Decision:
    """Refuse a row that is not what its newest entry says (attacks.md row 28)."""
    if found == sealed:
        return Decision()
    return refuse("activity.unsealed", "A row is not what the ledger says of it.", "Tell the IT lead.")
