"""The second half of `qd init`: certificate authorities, tables, the sealing key's entry, the founding roster."""

import argparse
import json
import os
import sys

import django

os.umask(0o077)
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quarterdeck.settings")
django.setup()

from django.core.management import call_command  # noqa: E402  the models need Django first

from quarterdeck.adapters.openssh_ca import init_keys  # noqa: E402
from quarterdeck.config.api import load  # noqa: E402
from quarterdeck.entrypoints.supervisor.roster_file import Entry, parse_roster  # noqa: E402
from quarterdeck.evidence import api as evidence  # noqa: E402
from quarterdeck.evidence.api import ObjectRef  # noqa: E402
from quarterdeck.kernel.actors import OPERATOR  # noqa: E402
from quarterdeck.kernel.clock import SystemClock, rfc3339  # noqa: E402
from quarterdeck.kernel.decision import Refused  # noqa: E402
from quarterdeck.personnel import api as personnel  # noqa: E402
from quarterdeck.personnel.api import FoundingMember, IssuedCode, PersonKind, Role  # noqa: E402
from quarterdeck.tickets import api as tickets  # noqa: E402


def main() -> int:
    """Migrate, record the key, found the roster and print the enrolment codes once."""
    parser = argparse.ArgumentParser(prog="qd init")
    parser.add_argument("--roster", action="store_true")
    parser.add_argument("--key", required=True)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    init_keys(load().signer_folder)
    call_command("migrate", interactive=False, verbosity=0)
    call_command("createcachetable", verbosity=0)
    try:
        install_key(chosen.key)
        adopt_policy()
        codes = found(parse_roster(sys.stdin.buffer.read(), "the roster")) if chosen.roster else ()
    except Refused as refused:
        print(f"qd init: {refused}", file=sys.stderr)
        return 1
    tell(codes, as_json=chosen.json)
    return 0


def install_key(fingerprint: str) -> None:
    """Record the first sealing key's fingerprint, once; another key than that comes only by a change of keys."""
    key = ObjectRef("sealing_key", fingerprint[:16])
    if evidence.last_entry(("sealer.key_installed",)) is None:
        with evidence.act(OPERATOR, SystemClock()) as act:
            act.record("sealer.key_installed", key, data={"sha256": fingerprint})


def adopt_policy() -> None:
    """Adopt the default policy unless one was adopted before."""
    if evidence.last_entry(("policy.adopted",)) is None:
        with evidence.act(OPERATOR, SystemClock()) as act:
            tickets.adopt_policy(act)


def found(entries: tuple[Entry, ...]) -> tuple[IssuedCode, ...]:
    """Enter the founding roster; Refused when there is one already or a ticket exists."""
    members = [
        FoundingMember(
            entry.name, entry.email, frozenset(map(Role, entry.roles)), entry.organisation, PersonKind(entry.kind)
        )
        for entry in entries
    ]
    return personnel.found_roster(members, actor=OPERATOR, clock=SystemClock())


def tell(codes: tuple[IssuedCode, ...], *, as_json: bool) -> None:
    """Print who opens the own login with which code; the only time that a code is seen."""
    rows = [
        {
            "person": code.person_id,
            "name": personnel.person(code.person_id).name,
            "email": personnel.person(code.person_id).email,
            "code": code.code,
            "until": rfc3339(code.expires_at),
        }
        for code in codes
    ]
    if as_json:
        print(json.dumps(rows, indent=1))
    elif rows:
        print(f"\nGive each person their code, nobody else's. They open {load().base_url}/enrol with it.\n")
        for row in rows:
            print(f"  {row['name']:<24} {row['email']:<32} {row['code']}   until {row['until'][:16]}Z")
    else:
        print("No roster was given: run `qd init --roster FILE` to enter the first people.", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
