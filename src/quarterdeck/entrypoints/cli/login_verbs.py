"""Getting in: enrol, login, step-up, logout, whoami, and the own SSH key."""

import argparse
import getpass
import subprocess
import sys
from pathlib import Path

from quarterdeck.entrypoints.cli import token_file
from quarterdeck.entrypoints.cli.server import Failed, Server, ask_code
from quarterdeck.entrypoints.cli.showing import confirm, show_json, show_rows
from quarterdeck.entrypoints.cli.verbs import Group, as_row, flag, option, text_of

KEY_NAME = "id_ecdsa"


def add(verbs: Group) -> None:
    """Add the verbs of logging in."""
    made = verbs.verb("login", "log in with password and second factor", log_in)
    option(made, "--email", "your mail address; asked for when left out")
    option(made, "--password-file", "file that holds the password; asked for when left out", metavar="FILE")
    option(made, "--code", "six digits of your authenticator app; asked for when left out")
    made = verbs.verb("step-up", "show the second factor again; acts may follow for ten minutes", step_up)
    option(made, "--code", "six digits of your authenticator app; asked for when left out")
    verbs.verb("logout", "revoke the token and forget it", log_out)
    flag(verbs.verb("whoami", "say who you are here and until when", who_am_i), "--json", "print JSON")
    made = verbs.verb("enrol", "open your login with the code that you were given", enrol)
    option(made, "--enrolment-code", "the single-use code; asked for when left out", metavar="CODE")
    keys = verbs.group("key", "your own SSH key")
    made = keys.verb("new", "make an ECDSA P-256 key for `qd access`", new_key)
    flag(made, "--no-passphrase", "leave the key without passphrase (for machines only)")
    made = keys.verb("add", "register your public key under your name", add_key)
    made.add_argument("file", nargs="?", help="public key file; by default the one that `qd key new` made")
    flag(made, "--yes", "replace a key that is registered without asking")


def log_in(arguments: argparse.Namespace) -> int:
    """Log in and keep the token."""
    server = Server()
    email = arguments.email or _ask("Mail address: ")
    if arguments.password_file:
        try:
            password = Path(arguments.password_file).read_text().rstrip("\n")
        except OSError as error:
            raise Failed(f"{arguments.password_file} cannot be read ({error.strerror}).") from error
    else:
        password = _ask_hidden("Password: ")
    kept = server.log_in(email, password, arguments.code or ask_code())
    print(f"Logged in at {server.url} as {email}. The token is kept in {kept}.")
    return 0


def step_up(arguments: argparse.Namespace) -> int:
    """Show the second factor again."""
    Server().step_up(arguments.code or ask_code())
    print("Second factor taken. Acts may follow for ten minutes.")
    return 0


def log_out(_arguments: argparse.Namespace) -> int:
    """Revoke the token there and forget it here."""
    try:
        Server().post("/logout")
    finally:
        token_file.forget()
    print("Logged out.")
    return 0


def who_am_i(arguments: argparse.Namespace) -> int:
    """Print the own person, roles and the token's end."""
    me = as_row(Server().get("/me"))
    if arguments.json:
        show_json(me)
    else:
        columns = {"Name": "name", "Mail": "email", "Roles": "roles", "Second factor": "mfa_at", "Until": "expires_at"}
        show_rows([me], columns, as_json=False, none="")
    return 0


def enrol(arguments: argparse.Namespace) -> int:
    """Choose a password, show the secret for the authenticator app, prove it, print the recovery codes once."""
    server = Server()
    code = arguments.enrolment_code or _ask("Enrolment code: ")
    password = _ask_hidden("New password, at least 14 characters: ")
    if password != _ask_hidden("Once more: "):
        raise Failed("The two passwords differ. Start again.")
    told = as_row(server.post_open("/enrol", {"code": code, "password": password}))
    print(f"Put this into your authenticator app:\n  {told['uri']}\n  or by hand, secret {told['secret']}")
    done = as_row(server.post_open("/enrol/confirm", {"code": code, "totp": _ask("Six digits that it shows: ")}))
    codes = done["recovery_codes"]
    print("Your login is open. Keep these recovery codes on paper; each works once:")
    print("\n".join(f"  {line}" for line in codes) if isinstance(codes, list) else "")
    return 0


def key_file() -> Path:
    """Return where `qd key new` keeps the private key."""
    return token_file.folder() / KEY_NAME


def new_key(arguments: argparse.Namespace) -> int:
    """Make a key pair with ssh-keygen, which asks for the passphrase itself."""
    target = key_file()
    if target.exists():
        raise Failed(f"{target} is there already. Register it with `qd key add`, or use a hardware key.")
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    command = ["ssh-keygen", "-q", "-t", "ecdsa", "-b", "256", "-C", "quarterdeck", "-f", str(target)]
    done = subprocess.run([*command, *(["-N", ""] if arguments.no_passphrase else [])], check=False)
    if done.returncode:
        raise Failed("ssh-keygen made no key.")
    print(f"Made {target}. Register it with `qd key add`.")
    return 0


def add_key(arguments: argparse.Namespace) -> int:
    """Register a public key under the own name."""
    source = Path(arguments.file) if arguments.file else key_file().with_name(KEY_NAME + ".pub")
    try:
        line = source.read_text().strip()
    except OSError as error:
        raise Failed(f"{source} cannot be read ({error.strerror}). `qd key new` makes one.") from error
    if "PRIVATE KEY" in line:
        raise Failed(f"{source} is a private key; it stays with you. Give the file that ends in .pub.")
    server = Server()
    before = text_of(as_row(server.get("/me")), "key_fingerprint")
    if before and not arguments.yes and not confirm(f"Replace your key {before}? It opens nothing afterwards."):
        raise Failed(f"Your key {before} stays. To replace it answer yes, in a script give --yes.")
    told = as_row(server.post("/keys", {"public_key": line}))
    print(f"Registered {told['fingerprint']} under your name{f' instead of {before}' if before else ''}.")
    return 0


def _ask(question: str) -> str:
    if not sys.stdin.isatty():
        raise Failed(f"{question.rstrip(': ')} is not given, and there is no terminal to ask at.")
    return input(question).strip()


def _ask_hidden(question: str) -> str:
    if not sys.stdin.isatty():
        raise Failed(f"{question.rstrip(': ')} is not given, and there is no terminal to ask at.")
    return getpass.getpass(question)
