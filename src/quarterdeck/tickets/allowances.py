"""What sessions under a ticket may do: what holds where nothing else was asked for, and the plain words of it."""

from dataclasses import fields

from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import AgreementView, PersonKind
from quarterdeck.tickets.rules import usual_allowance
from quarterdeck.tickets.terms import Allowance, Content

_WORDS = {
    "terminal": "A terminal",
    "command": "Single commands, such as those of Ansible",
    "to_target": "Files to the target, and changes of files there by SFTP",
    "from_target": "Files from the target",
    "rsync": "rsync, whose files are not hashed one by one",
}


def usual(content: Content) -> Allowance:
    """Return what sessions may do where the ticket does not say it; what is unknown counts as CUI and as outside."""
    return usual_allowance(
        cui=_handles_cui(content), outside=_is_done_from_outside(content), kept=_keeps_cui_here(content)
    )


def allowance_of(content: Content) -> Allowance:
    """Return what the content says, or what is usual for it."""
    return content.allowance or usual(content)


def allowance_words(allowance: Allowance) -> tuple[tuple[str, bool], ...]:
    """Return each thing that a session may do or not, in plain words."""
    return tuple((_WORDS[one.name], bool(getattr(allowance, one.name))) for one in fields(allowance))


def against_agreement(content: Content) -> str:
    """Return the sentence that an approver must see where the content lets out what the agreement keeps in."""
    if not allowance_of(content).from_target or usual(content).from_target:
        return ""
    return (
        "Files may be copied from the target, although somebody from outside works on an asset with CUI and no "
        "agreement lets CUI leave the site."
    )


def _handles_cui(content: Content) -> bool:
    try:
        return any(inventory.asset(named.asset_id).handles_cui for named in content.assets)
    except Refused:
        return True


def _is_done_from_outside(content: Content) -> bool:
    try:
        kinds = {personnel.person(person_id).kind for person_id in content.technicians}
    except Refused:
        return True
    return bool(content.pool_id) or bool(kinds - {PersonKind.STAFF})


def _keeps_cui_here(content: Content) -> bool:
    """True unless the agreement of the work lets CUI leave the site (3.8.7, agreement term)."""
    agreement = _agreement(content)
    return agreement is None or agreement.no_cui_offsite


def _agreement(content: Content) -> AgreementView | None:
    try:
        agreement_id = content.agreement_id or (personnel.pool(content.pool_id).agreement_id if content.pool_id else "")
        return personnel.agreement(agreement_id) if agreement_id else None
    except Refused:
        return None
