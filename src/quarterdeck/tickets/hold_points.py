"""The hold points as pure rules over one picture of the ticket and its surroundings. No database, no clock.

Each rule returns a Decision for one hold point; which hold points apply is the policy's matter (policy.py), and all
ways in (web, API, command line, gate) evaluate the same ones. Sentences name the asset or person concerned.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from quarterdeck.evidence.terms import Fact, Outcome
from quarterdeck.kernel.decision import ALLOWED, Decision, all_of, refuse, require_that
from quarterdeck.tickets.policy import PolicyRow
from quarterdeck.tickets.rollback_rules import boot_is_prepared, changes_boot
from quarterdeck.tickets.rules import lead_time
from quarterdeck.tickets.terms import (
    ApprovalKind,
    ApprovalRole,
    Before,
    Method,
    TicketView,
    Verdict,
    WorkClass,
)

MOMENT = "%Y-%m-%d %H:%M UTC"


@dataclass(frozen=True, slots=True)
class AssetPicture:
    """What a rule needs to know of an asset."""

    id: str
    hostname: str
    handles_cui: bool
    category: str
    owner: str
    kind: str
    active: bool
    has_connection: bool
    names_account: bool


@dataclass(frozen=True, slots=True)
class PersonPicture:
    """What a rule needs to know of a technician: standing, and the answer of the personnel rules per asset."""

    id: str
    name: str
    vendor: bool
    supervised: bool
    may_maintain: Decision


@dataclass(frozen=True, slots=True)
class Picture:
    """A ticket and everything around it at one moment."""

    ticket: TicketView
    at: datetime
    content_now: str
    assets: tuple[AssetPicture, ...]
    technicians: tuple[PersonPicture, ...]
    escort: PersonPicture | None
    duties: Decision
    agreement: Decision
    items: Decision
    conflicts: tuple[str, ...]
    facts: tuple[Fact, ...]
    notice_at: datetime | None
    pool: tuple[PersonPicture, ...] = ()
    waived: frozenset[str] = frozenset()
    working_since: datetime | None = None

    @property
    def needs_cui_owner(self) -> bool:
        """True when one of the assets handles CUI."""
        return any(asset.handles_cui for asset in self.assets)

    @property
    def has_vendor(self) -> bool:
        """True when somebody of a vendor does the work."""
        return bool(self.ticket.content.pool_id) or any(person.vendor for person in self.technicians)


Rule = Callable[[Picture, PolicyRow], Decision]


@dataclass(frozen=True, slots=True)
class HoldPoint:
    """A point that work may not pass: id, place, label, control reference, rule."""

    id: str
    before: Before
    label: str
    control: str
    rule: Rule


def approvals_missing(picture: Picture) -> tuple[ApprovalRole, ...]:
    """Return the roles whose standing approval of exactly this content is missing."""
    ticket = picture.ticket
    kinds = {ApprovalKind.PRIOR, ApprovalKind.TEMPLATE} | ({ApprovalKind.EMERGENCY} if ticket.emergency else set())
    given = {
        approval.role
        for approval in ticket.approvals
        if approval.kind in kinds
        and approval.verdict is Verdict.APPROVED
        and approval.void_at is None
        and approval.content_hash == picture.content_now
    }
    wanted = [ApprovalRole.APPROVER]
    if picture.needs_cui_owner and not ticket.emergency:
        wanted.append(ApprovalRole.CUI_OWNER)
    return tuple(role for role in wanted if role not in given)


def _scope(picture: Picture, row: PolicyRow) -> Decision:
    if not picture.assets:
        return refuse("scope.empty", "The ticket names no asset.", "Name at least one asset of the inventory.")
    decisions = []
    for asset in picture.assets:
        decisions += [
            require_that(asset.active, "scope.retired", f"{asset.hostname} is retired.", "Name an asset in use."),
            require_that(
                bool(asset.owner), "scope.no_owner", f"{asset.hostname} has no owner.", "Give it one on its asset page."
            ),
            require_that(
                asset.has_connection or picture.ticket.content.method is not Method.SSH,
                "scope.no_connection",
                f"{asset.hostname} has no connection for work over SSH.",
                "Add its address, host key and account on its asset page.",
            ),
            require_that(
                asset.names_account or not asset.has_connection,
                "scope.no_account",
                f"The connection to {asset.hostname} names no account.",
                "Set the login name on its asset page, or choose work on site.",
            ),
        ]
    return all_of(decisions)


def _duties(picture: Picture, row: PolicyRow) -> Decision:
    return all_of(
        [
            require_that(
                bool(picture.technicians) or bool(picture.ticket.content.pool_id),
                "duties.no_technician",
                "Nobody is named to do the work.",
                "Name a technician, or a vendor's pool.",
            ),
            picture.duties,
        ]
    )


def _plan(picture: Picture, row: PolicyRow) -> Decision:
    content = picture.ticket.content
    texts = [("plan", content.plan), ("impact", content.impact), ("rollback", content.rollback)]
    missing = [name for name, text in texts if not text.strip()]
    return all_of(
        [
            *(
                refuse(
                    f"plan.no_{name}", f"The {name} is empty.", f"Write the {name}; 3.4.4[a] wants it before the work."
                )
                for name in missing
            ),
            require_that(
                bool(content.items) or picture.ticket.emergency,
                "plan.no_items",
                "The ticket names no tool, technique or mechanism.",
                "Name what is used from the registers (3.7.2[a] to [c]).",
            ),
        ]
    )


def _agreement(picture: Picture, row: PolicyRow) -> Decision:
    return picture.agreement


def _conflict(picture: Picture, row: PolicyRow) -> Decision:
    return all_of(
        refuse(
            "window.conflict",
            f"{number} has one of these assets in an overlapping window.",
            "Move the window, or let each ticket name the other.",
        )
        for number in picture.conflicts
    )


def _approved(picture: Picture, row: PolicyRow) -> Decision:
    changed = require_that(
        picture.ticket.content_hash == picture.content_now,
        "content.changed",
        "What the approved names mean has changed since approval (address, key, account, tool, agreement or policy).",
        "Look at the difference on the ticket's page and freeze it as it is now, or `qd ticket freeze`.",
    )
    missing = approvals_missing(picture)
    return all_of(
        [
            changed,
            *(
                refuse(
                    f"approval.no_{role}",
                    f"The approval of the {role.replace('_', ' ').replace('cui', 'CUI')} is missing.",
                    "Ask for it; the ticket page says who can.",
                )
                for role in missing
            ),
        ]
    )


def _window(picture: Picture, row: PolicyRow) -> Decision:
    window = picture.ticket.window
    if picture.at < window.from_:
        return refuse(
            "window.before",
            f"Not inside the window: it opens {window.from_.strftime(MOMENT)}, in {spoken(window.from_ - picture.at)}.",
            "Wait for the window, or ask for an earlier one.",
        )
    return require_that(
        window.contains(picture.at),
        "window.after",
        f"The window ended {window.until.strftime(MOMENT)}.",
        "Ask for an extension, or request a new ticket.",
    )


def _notice(picture: Picture, row: PolicyRow) -> Decision:
    lead = lead_time(picture.ticket.content.maintenance_type, emergency=picture.ticket.emergency)
    if picture.ticket.work_class is WorkClass.STANDARD:
        lead = timedelta(0)
    if picture.notice_at is None:
        return refuse("notice.none", "Those concerned were not told yet.", "Schedule the ticket: that tells them.")
    return require_that(
        picture.at - picture.notice_at >= lead,
        "notice.short",
        f"Those concerned were told {spoken(picture.at - picture.notice_at)} ago; planned work wants {spoken(lead)}.",
        "Wait, or move the window.",
    )


def _person(picture: Picture, row: PolicyRow) -> Decision:
    if picture.pool and not picture.technicians and not any(one.may_maintain.allowed for one in picture.pool):
        return all_of(person.may_maintain for person in picture.pool)
    return all_of(person.may_maintain for person in picture.technicians)


def _escort(picture: Picture, row: PolicyRow) -> Decision:
    supervised = [person.name for person in (*picture.technicians, *picture.pool) if person.supervised]
    if not supervised:
        return ALLOWED
    if picture.escort is None:
        return refuse(
            "escort.none",
            f"{', '.join(supervised)} may not work unsupervised and no escort is named (3.7.6[a]).",
            "Name an escort with the required access authorisation.",
        )
    present = newest_fact(picture.facts, "escort.present", "")
    another = present is not None and present.detail.get("escort") != picture.escort.id
    whose = f"the escort {picture.escort.name}"
    return all_of(
        [
            picture.escort.may_maintain,
            refuse("escort.present.missing", f"Not known yet for {whose}: present.", row.next_step)
            if another
            else _fact_holds(picture, row, "", whose),
        ]
    )


def _items(picture: Picture, row: PolicyRow) -> Decision:
    return picture.items


def _facts(picture: Picture, row: PolicyRow) -> Decision:
    """A hold point that asks for facts: of every asset of the row's class, or of the ticket as a whole."""
    if row.per_asset:
        return all_of(
            _fact_holds(picture, row, asset.id, asset.hostname) for asset in picture.assets if row.covers(asset)
        )
    return _fact_holds(picture, row, "", "the ticket")


def _fact_holds(picture: Picture, row: PolicyRow, asset_id: str, whose: str) -> Decision:
    return all_of(_one_fact(picture, row, kind, asset_id, whose) for kind in row.fact_kinds)


def newest_fact(facts: Sequence[Fact], kind: str, asset_id: str) -> Fact | None:
    """Return the newest fact of this kind about the asset (or the ticket, for an empty id)."""
    found = [fact for fact in facts if fact.kind == kind and (fact.asset or "") == asset_id]
    return found[-1] if found else None


def _one_fact(picture: Picture, row: PolicyRow, kind: str, asset_id: str, whose: str) -> Decision:
    label = row.wording.get(kind, kind)
    fact = newest_fact(picture.facts, kind, asset_id)
    if fact is None:
        return refuse(f"{kind}.missing", f"Not known yet for {whose}: {label}.", row.next_step)
    if _is_of_earlier_work(picture, row, fact):
        return refuse(f"{kind}.stale", f"Not known yet for {whose} since the reopening: {label}.", row.next_step)
    if fact.outcome is not Outcome.PASSED:
        return refuse(f"{kind}.failed", f"Failed for {whose}: {label}.", row.next_step)
    if row.minimum_grade == "captured" and fact.grade.value != "captured":
        return refuse(f"{kind}.grade", f"Only attached by a person for {whose}: {label}.", "Let the system capture it.")
    too_old = row.maximum_age is not None and picture.at - fact.at > row.maximum_age
    if too_old or (fact.valid_until is not None and picture.at > fact.valid_until):
        return refuse(f"{kind}.stale", f"Out of date for {whose}: {label}.", row.next_step)
    return ALLOWED


def _is_of_earlier_work(picture: Picture, row: PolicyRow, fact: Fact) -> bool:
    """What was found after the first work says nothing of the work after a reopening."""
    after_work = HOLD_POINTS[row.hold_point].before is Before.CLOSE
    return after_work and picture.working_since is not None and fact.at < picture.working_since


def _recovery(picture: Picture, row: PolicyRow) -> Decision:
    """Kernel and firmware: known-good boot media, a time-boxed procedure, and the fact that both lie ready."""
    content = picture.ticket.content
    if not changes_boot(content):
        return ALLOWED
    return all_of((boot_is_prepared(content), _fact_holds(picture, row, "", "the ticket")))


def _ratified(picture: Picture, row: PolicyRow) -> Decision:
    if not picture.ticket.emergency:
        return ALLOWED
    given = {
        approval.role
        for approval in picture.ticket.approvals
        if approval.kind is ApprovalKind.RATIFICATION and approval.verdict is Verdict.APPROVED
    }
    wanted = [ApprovalRole.APPROVER, *([ApprovalRole.CUI_OWNER] if picture.needs_cui_owner else [])]
    if picture.ticket.finding == "not_ratified":
        wanted = []
    changed = newest_fact(picture.facts, "credentials.rotated", "")
    unchanged = require_that(
        changed is None or changed.outcome is Outcome.PASSED,
        "credentials.not_rotated",
        "The credential of the sealed account that was used is not changed yet.",
        "Change it, seal it anew and record it on the asset's page.",
    )
    missing = all_of(
        refuse(
            f"ratification.no_{role}",
            f"The emergency is not ratified by the {role.replace('_', ' ').replace('cui', 'CUI')}.",
            "Ask for the ratification; a refusal closes the ticket with the finding 'not ratified'.",
        )
        for role in wanted
        if role not in given
    )
    return all_of((missing, unchanged))


def spoken(span: timedelta) -> str:
    """Return a span as people say it: '2 h 10 min'."""
    minutes = max(0, int(span.total_seconds() // 60))
    days, rest = divmod(minutes, 1440)
    hours, minutes = divmod(rest, 60)
    parts = [f"{days} d" if days else "", f"{hours} h" if hours else "", f"{minutes} min" if minutes else ""]
    return " ".join(part for part in parts if part) or "less than a minute"


HOLD_POINTS: Mapping[str, HoldPoint] = {
    point.id: point
    for point in (
        HoldPoint("HP-SCOPE", Before.APPROVE, "Scope is inventoried", "CM.L2-3.4.1[d]", _scope),
        HoldPoint("HP-DUTIES", Before.APPROVE, "Duties can be kept apart", "AC.L2-3.1.4[b]", _duties),
        HoldPoint("HP-PLAN", Before.APPROVE, "Plan, impact, rollback, tools", "CM.L2-3.4.4[a]", _plan),
        HoldPoint("HP-AGREEMENT", Before.APPROVE, "Agreement covers the work", "MA.L2-3.7.2[d]", _agreement),
        HoldPoint("HP-CONFLICT", Before.APPROVE, "No clash with other work", "CM.L2-3.4.3[b]", _conflict),
        HoldPoint("HP-APPROVED", Before.OPEN, "Approved as it stands", "CM.L2-3.4.3[c]", _approved),
        HoldPoint("HP-WINDOW", Before.OPEN, "Inside the window", "MA.L2-3.7.1[a]", _window),
        HoldPoint("HP-NOTICE", Before.OPEN, "Those concerned were told", "CM.L2-3.4.3[b]", _notice),
        HoldPoint("HP-PERSON", Before.OPEN, "Personnel authorised", "MA.L2-3.7.2[d]", _person),
        HoldPoint("HP-ESCORT", Before.OPEN, "Escort present", "MA.L2-3.7.6[a]", _escort),
        HoldPoint("HP-TOOLS", Before.OPEN, "Tools as registered", "MA.L2-3.7.2[a]", _items),
        HoldPoint("HP-BACKUP", Before.OPEN, "Backup verified", "MP.L2-3.8.9[a]", _facts),
        HoldPoint("HP-STAGING", Before.OPEN, "Tried in staging", "CM.L2-3.4.4[a]", _facts),
        HoldPoint("HP-RECOVERY", Before.OPEN, "Way back for kernel and firmware", "CM.L2-3.4.4[a]", _recovery),
        HoldPoint("HP-PRECHECK", Before.OPEN, "Pre-checks passed", "CM.L2-3.4.3[b]", _facts),
        HoldPoint("HP-SOLE-PATH", Before.OPEN, "The gate is the only way in", "AC.L2-3.1.14[b]", _facts),
        HoldPoint("HP-BASELINE", Before.OPEN, "Baseline before", "CM.L2-3.4.1[a]", _facts),
        HoldPoint("HP-RECORDER", Before.OPEN, "Recorder ready", "AC.L2-3.1.12[d]", _facts),
        HoldPoint("HP-ENDED", Before.CLOSE, "Sessions ended, access withdrawn", "MA.L2-3.7.5[b]", _facts),
        HoldPoint("HP-RECORDED", Before.CLOSE, "Sessions recorded", "AC.L2-3.1.12[d]", _facts),
        HoldPoint("HP-BASELINE-AFTER", Before.CLOSE, "Baseline after", "CM.L2-3.4.1[c]", _facts),
        HoldPoint("HP-DRIFT", Before.CLOSE, "Differences explained", "CM.L2-3.4.3[a]", _facts),
        HoldPoint("HP-POSTCHECK", Before.CLOSE, "Post-checks passed", "CM.L2-3.4.3[d]", _facts),
        HoldPoint("HP-LEFTOVERS", Before.CLOSE, "Nothing left running", "MA.L2-3.7.5[b]", _facts),
        HoldPoint("HP-MANUAL", Before.CLOSE, "Work written down", "MA.L2-3.7.1[a]", _facts),
        HoldPoint("HP-RATIFIED", Before.CLOSE, "Emergency ratified", "CM.L2-3.4.3[c]", _ratified),
    )
}
