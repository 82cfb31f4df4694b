"""SSH keys: each person registers the own one; no key is ever two people's (attacks.md row 26)."""

from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Refused, refuse, require_that
from quarterdeck.personnel.acting import personnel_act
from quarterdeck.personnel.models import Person, PersonKey
from quarterdeck.personnel.notices import tell
from quarterdeck.personnel.reading import key_view
from quarterdeck.personnel.rules import PersonnelAct
from quarterdeck.personnel.sealing import fetch, new_row, require_sealed, save_sealed
from quarterdeck.personnel.ssh_keys import ReadKey, UnreadableKey, read_public_key
from quarterdeck.personnel.terms import KeyView


def register_key(person_id: str, public_key: str, *, actor: Actor, clock: Clock) -> KeyView:
    """Register the actor's own SSH key in place of the one before; registering the same key again changes nothing.

    Refused(key.shared) for a key that is or was another person's, Refused(key.unreadable) for anything but one strong
    OpenSSH public key. Returns the key in its one canonical form.
    """
    key = _read(public_key)
    with personnel_act(PersonnelAct.REGISTER_KEY, actor, clock, concerns=person_id) as act:
        person = fetch(Person, person_id, locked=True)
        known = PersonKey.objects.filter(fingerprint=key.fingerprint).first()
        if known is not None and known.person_id == person_id and known.replaced_at is None:
            return key_view(fetch(PersonKey, known.id))
        require_that(
            known is None or known.person_id == person_id, "key.shared",
            "This key is or was registered by somebody else; a key belongs to one person for good.",
            "Make an own pair with `ssh-keygen -t ecdsa` and register its public half.",
        ).require()
        require_that(
            known is None, "key.given_up", "You replaced this key before; a given-up key doesn't come back.",
            "Make a new pair with `ssh-keygen -t ecdsa`.",
        ).require()
        for old in PersonKey.objects.filter(person=person, replaced_at__isnull=True):
            require_sealed(old)
            old.replaced_at = act.at
            save_sealed(act, "key.replaced", old, {"person": person_id, "fingerprint": _bare(old.fingerprint)})
        row = new_row(
            PersonKey, person=person, public_key=key.line, fingerprint=key.fingerprint, registered_at=act.at
        )
        told = save_sealed(act, "key.registered", row, {"person": person_id, "fingerprint": _bare(key.fingerprint)})
        tell(act, told, "key.registered", person, ())
        return key_view(row)


def _read(public_key: str) -> ReadKey:
    try:
        return read_public_key(public_key)
    except UnreadableKey as error:
        raise Refused(refuse("key.unreadable", str(error), "Register the .pub file of your own SSH key.")) from error


def _bare(fingerprint: str) -> str:
    """The fingerprint in URL-safe letters: an entry carries no slash."""
    return fingerprint.replace("/", "_").replace("+", "-")
