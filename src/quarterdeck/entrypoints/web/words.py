"""What a state looks like: word, tone and icon, so that a status is never a colour alone."""

from dataclasses import dataclass

from quarterdeck.attachments.api import KINDS


@dataclass(frozen=True, slots=True)
class Status:
    """A status as every page shows it; `tone` is good, bad, warn, busy or idle."""

    word: str
    tone: str
    icon: str


_IDLE = "idle"
STATUSES: dict[str, Status] = {
    # maintenance tickets
    "draft": Status("Draft", _IDLE, "pencil"),
    "submitted": Status("Waiting for approval", "warn", "eye"),
    "approved": Status("Approved", "busy", "circle-check"),
    "scheduled": Status("Scheduled", "busy", "calendar-event"),
    "open": Status("Open", "good", "lock-open"),
    "verifying": Status("Verifying", "warn", "list-check"),
    "closed": Status("Closed", _IDLE, "lock"),
    "rejected": Status("Refused", "bad", "circle-x"),
    "withdrawn": Status("Withdrawn", _IDLE, "arrow-back-up"),
    "rolled_back": Status("Rolled back", "bad", "history"),
    "expired": Status("Never opened", "bad", "clock"),
    # hold points
    "passed": Status("Passed", "good", "circle-check"),
    "failed": Status("Not yet", "bad", "circle-x"),
    "waived": Status("Waived", "warn", "alert-triangle"),
    "not_applicable": Status("Does not apply", _IDLE, "minus"),
    # sessions
    "running": Status("Running", "bad", "player-record"),
    "ended": Status("Ended", _IDLE, "circle-check"),
    "interrupted": Status("Interrupted", "bad", "alert-triangle"),
    "running_job": Status("Running", "busy", "refresh"),
    # more time
    "waiting": Status("Waits for a decision", "warn", "clock-hour-4"),
    "granted": Status("Granted", "good", "circle-check"),
    "lapsed": Status("Lapsed", _IDLE, "clock"),
    # files of a session
    "partly": Status("In part", "warn", "alert-triangle"),
    "cut_off": Status("Cut off", "bad", "player-stop"),
    "refused": Status("Refused", "bad", "ban"),
    # drift
    "expected": Status("Expected", "good", "circle-check"),
    "unexplained": Status("Unexplained", "bad", "alert-circle"),
    "unreadable": Status("Unreadable", "warn", "eye"),
    "ordinary": Status("Ordinary", _IDLE, "circle"),
    "sensitive": Status("Sensitive", "warn", "alert-triangle"),
    "forbidden": Status("Gains power", "bad", "urgent"),
    "reverted": Status("Put back", "good", "arrow-back-up"),
    "finding": Status("Kept as a finding", "warn", "flag"),
    "explained": Status("Explained", "good", "check"),
    # evidence
    "captured": Status("Captured", "good", "shield-check"),
    "attached": Status("Attached", "warn", "file-upload"),
    "kept": Status("Kept", "good", "archive"),
    "due": Status("Due", "warn", "clock"),
    "held": Status("Legal hold", "warn", "hand-stop"),
    "confirmed": Status("Confirmed", _IDLE, "circle-check"),
    "given_up": Status("Given up", _IDLE, "trash"),
    "missing": Status("Missing", "bad", "circle-dashed"),
    # registers, people, grants
    "active": Status("Active", "good", "circle-check"),
    "inactive": Status("Inactive", _IDLE, "ban"),
    "pending": Status("Waiting", "warn", "clock-hour-4"),
    "revoked": Status("Withdrawn", _IDLE, "ban"),
    "listed": Status("Listed", "good", "circle-check"),
    "enrolled": Status("Enrolled", "good", "shield-lock"),
    "not_enrolled": Status("Not enrolled", "bad", "shield-off"),
    "unknown": Status("Unknown", "warn", "help"),
    "not_read": Status("Not read yet", _IDLE, "clock"),
    "intact": Status("Intact", "good", "shield-check"),
    "anchored": Status("Anchored", "good", "anchor"),
    "anchored_inside": Status("Same administrator", "warn", "anchor"),
    "stamped": Status("Time only", _IDLE, "clock"),
    "unanchored": Status("Not yet", "warn", "clock"),
    "unanchored_late": Status("Overdue", "bad", "alert-circle"),
    "self_attested": Status("Self-attested only", "bad", "alert-circle"),
    "anchor_reached": Status("Reached", "good", "circle-check"),
    "anchor_untried": Status("Not tried yet", _IDLE, "clock"),
    "anchor_failing": Status("Failing", "bad", "alert-circle"),
    # objectives: what is proposed; whether one is met is for the assessor to say
    "evidence present": Status("Evidence present", "good", "circle-check"),
    "gaps": Status("Gaps", "bad", "alert-circle"),
    "no evidence": Status("No evidence yet", _IDLE, "circle-dashed"),
    # questions
    "answered": Status("Answered", "good", "circle-check"),
    "asked": Status("Waits for an answer", "warn", "message"),
}


def status(code: str) -> Status:
    """Return the look of `code`; an unknown code is shown in its own words, never hidden."""
    found = STATUSES.get(code)
    return found if found is not None else Status(code.replace("_", " ").capitalize(), _IDLE, "circle")


ACT_ICONS = {
    "approved": "circle-check",
    "rejected": "circle-x",
    "refused": "ban",
    "submitted": "send",
    "opened": "lock-open",
    "closed": "lock",
    "began": "player-record",
    "ended": "player-stop",
    "granted": "key",
    "revoked": "ban",
    "issued": "certificate",
    "captured": "fingerprint",
    "exported": "package",
    "added": "plus",
    "created": "clipboard-plus",
    "drafted": "clipboard-plus",
    "scheduled": "calendar-event",
    "changed": "pencil",
    "commented": "message",
    "attached": "file-upload",
    "verified": "shield-check",
    "measured": "fingerprint",
    "requested": "clipboard-plus",
    "edited": "pencil",
    "recorded": "circle-check",
    "ran": "checklist",
    "checked": "checklist",
    "proven": "database",
    "compared": "arrows-diff",
    "disposed": "check",
    "waived": "flag",
    "confirmed": "user-check",
    "work_ended": "player-stop",
    "certificate_bound": "certificate",
    "certificate_used": "key",
    "logged": "notebook",
    "concluded": "list-check",
    "monitored": "fingerprint",
    "found": "arrows-diff",
    "proposed": "clipboard-plus",
    "decided": "circle-check",
    "voided": "ban",
}


_NAMES = {
    "cui_owner": "CUI owner", "it_lead": "IT lead", "ssh": "SSH", "on_site": "on site", "cui_asset": "CUI asset",
    "rmm": "RMM", "bmc": "BMC", "firewall_gui": "firewall GUI",
    "unix": "Unix", "windows": "Windows", "cisco_ios": "Cisco IOS", "cisco_nxos": "Cisco NX-OS", "junos": "Junos",
    "fortios": "FortiOS", "pfsense": "pfSense", "opnsense": "OPNsense", "other_device": "other network device",
}  # fmt: skip


def called(code: str) -> str:
    """Return a code of the domain as people say it: `cui_owner` is `CUI owner`."""
    return _NAMES.get(code, code.replace("_", " "))


_FILES = {
    "recording": "Recording of a session", "manifest": "Watched files as measured",
    "posture": "How the machine is set up",
    "configuration": "Configuration of a device, secrets withheld", "texts": "Texts of small files",
    "measurement": "Account of the measuring", "drift": "List of every difference", "snapshot": "Frozen content",
    "backup_log": "Output of the backup check", "sole_path": "Ways in as they were found", "summary": "Closing summary",
    "reason": "Reason", "reimage_plan": "Plan to rebuild the machine", "inspection": "Record of an inspection",
    "precheck_ran": "Checks before the work", "postcheck_ran": "Checks after the work",
    "leftovers_checked": "Look for processes left behind", "attached": "Attached file",
    "inventory-import": "Inventory as imported", "session_log": "Log of a session",
    "commands": "Commands as the target saw them", "target-log": "Logins and commands in the target's log",
    "sudo-rule": "sudo rules as the target listed them", "rotation": "Record of a changed credential",
    "transcript": "Transcript", "sample_population": "List that was drawn from",
    "attachment": "Attached document", "attached_link": "Link to where it lies", "redacted_copy": "Redacted copy",
    "approval-signature": "Signature of an approval", "runbook": "Files of a runbook",
    "run_report": "Report of a run", "run_events": "Every event of a run", "run_output": "What a run printed",
} | {kind.role: kind.label for kind in KINDS.values() if kind.role != "attachment"}  # fmt: skip


def file_label(role: str, phase: str = "") -> str:
    """Return what an artifact is by its role, and before or after the work where that tells two apart."""
    label = _FILES.get(role) or called(role).capitalize()
    return f"{label}, {phase}" if phase in ("before", "after") else label


def act_icon(event: str) -> str:
    """Return the icon of a ledger event by its past-tense verb."""
    return ACT_ICONS.get(event.rpartition(".")[2], "circle")


_ACTS = {
    "ticket.requested": "Ticket requested",
    "ticket.edited": "Ticket changed",
    "ticket.submitted": "Submitted for approval, content frozen",
    "ticket.approved": "All approvals given",
    "ticket.rejected": "Refused",
    "ticket.scheduled": "Window fixed, those concerned told",
    "ticket.opened": "Window opened",
    "ticket.work_ended": "Work ended",
    "ticket.reopened": "Back to work",
    "ticket.extended": "Window extended",
    "extension.asked": "More time asked for",
    "extension.decided": "Decision on more time",
    "extension.refused": "No more time",
    "ticket.closed": "Ticket closed and sealed",
    "ticket.rolled_back": "Closed as rolled back",
    "ticket.expired": "Window over, never opened",
    "ticket.logged": "Chore written down",
    "ticket.commented": "Comment",
    "approval.recorded": "Decision",
    "approval.inherited": "Pre-approval of the standard work",
    "emergency.authorised": "Emergency authorised",
    "emergency.ratified": "Emergency ratified",
    "emergency.not_ratified": "Ratification refused",
    "hold_point.waived": "Hold point waived",
    "escort.confirmed": "Escort present",
    "precheck.ran": "Checks before the work",
    "leftovers.checked": "Looked for processes left behind",
    "postcheck.ran": "Checks after the work",
    "backup.proven": "Backup proof",
    "backup.found_wanting": "Backup that does not count",
    "backup.not_reached": "Backup product not reached",
    "backup.plan_attached": "Reimage plan counts",
    "reimage_plan.set": "Reimage plan set",
    "reimage_plan.ended": "Reimage plan ended",
    "snapshot.attached": "Shadow copies handed in",
    "snapshot.taken": "Snapshot taken",
    "snapshot.pending": "Snapshot asked for, not whole yet",
    "snapshot.failed": "Snapshot failed",
    "snapshot.reverted": "Put back to a snapshot",
    "restore.drilled": "Restore tried",
    "drill_plan.set": "Restore drills planned",
    "drill_plan.asked": "Restore drill asked for",
    "drill_plan.ended": "Restore drills ended",
    "sole_path.checked": "Ways in checked",
    "recorder.checked": "Recorder checked",
    "baseline.recorded": "Watched files measured",
    "drift.compared": "Before and after compared",
    "drift.disposed": "Differences settled",
    "drift.found": "Change found that no ticket explains",
    "baseline.monitored": "Watched files measured between tickets",
    "baseline.failed": "Watched files could not be measured",
    "monitoring_plan.proposed": "Monitoring plan proposed",
    "monitoring_plan.decided": "Decision on a monitoring plan",
    "monitoring_plan.approved": "Monitoring plan approved by two",
    "monitoring_plan.rejected": "Monitoring plan refused",
    "monitoring_plan.ended": "Monitoring plan ended",
    "monitoring_plan.expired": "Monitoring plan expired",
    "monitoring_plan.voided": "Monitoring plan void: what was approved has changed",
    "access.granted": "Access granted",
    "access.certificate_bound": "Certificate issued",
    "access.certificate_used": "Certificate used",
    "access.revoked": "Access withdrawn",
    "access.ended": "Access ended",
    "host_certificate.ordered": "Host certificate ordered",
    "host_certificate.signed": "Host certificate signed",
    "host_certificate.replaced": "Host certificate replaced",
    "host_certificate.revoked": "Host key given up",
    "window.looked_ahead": "Looked ahead before the window",
    "access.withdrawn": "All access of the ticket withdrawn",
    "revocation.ordered": "Access revoked until it is lifted",
    "revocation.lifted": "Revocation lifted",
    "session.began": "Session began",
    "session.ended": "Session ended",
    "session.explained": "Session explained",
    "session.watched": "Session watched while it ran",
    "session.paused": "Input paused",
    "session.resumed": "Input resumed",
    "session.messaged": "Message to the terminal",
    "session.end_ordered": "End of a session ordered",
    "escort.arrived": "Escort watching a session",
    "escort.left": "Escort left a session",
    "sessions.concluded": "Sessions concluded",
    "artifact.found_altered": "File found altered in the store",
    "artifact.found_missing": "File found missing in the store",
    "artifact.found_whole": "File found whole again",
    "ledger.checked": "Whole ledger checked",
    "store.scrubbed": "Evidence store read through",
    "store.swept": "Evidence store swept",
    "store.copied": "Evidence copied to another store",
    "store.chosen": "Evidence store put to use",
    "package.ordered": "Package ordered",
    "package.exported": "Package exported",
    "anchor.trial_asked": "Trial of an anchor asked",
    "act.refused": "Refused by a rule",
    "evidence.attached": "Evidence attached",
    "evidence.viewed": "Evidence looked at",
    "recording.consent_asked": "Consent for recordings asked",
    "recording.consented": "Recordings may leave in packages",
    "recording.consent_refused": "Recordings stay here",
    "recording.consent_withdrawn": "Consent for recordings withdrawn",
    "sample.drawn": "Sample drawn",
    "question.asked": "Question of the assessor",
    "question.answered": "Answer to the assessor",
    "tool.listed": "Tool registered",
    "item.listed": "Registered",
    "item.inspected": "Inspected",
    "authorisation.granted": "Person authorised to maintain",
    "login.accepted": "Signed in",
    "login.stepped_up": "Second factor shown again",
    "token.issued": "Signed in from a terminal",
    "asset.added": "Asset added",
    "asset.changed": "Asset changed",
    "role.granted": "Role granted",
    "artifact.cui_marked": "Marked: may contain CUI",
    "artifact.cui_cleared": "Mark of CUI taken off",
    "artifact.disposed": "File disposed of by two people",
    "artifact.redacted": "File redacted by two people",
    "hold.placed": "Legal hold placed",
    "hold.released": "Legal hold released",
    "disposal.proposed": "End of files proposed",
    "disposal.confirmed": "End of files confirmed",
    "disposal.refused": "End of files refused",
    "retention.adopted": "Retention policy adopted",
    "policy.adopted": "Policy adopted",
    "assessment.recorded": "Assessment recorded",
    "assessment.dated": "CMMC status date recorded",
    "passkey.registered": "Passkey registered",
    "passkey.removed": "Passkey removed",
    "snapshot.kept": "Frozen content kept",
    "runbook.proposed": "Runbook proposed",
    "runbook.approved": "Runbook approved",
    "runbook.rejected": "Runbook rejected",
    "run.ordered": "Run ordered",
    "run.begun": "Run began",
    "run.ended": "Run over",
    "run.cancel_asked": "Run asked to stop",
}


def act_words(event: str) -> str:
    """Return a ledger event in words; one without a phrase of its own is spelt out."""
    return _ACTS.get(event) or event.replace(".", " ").replace("_", " ").capitalize()
