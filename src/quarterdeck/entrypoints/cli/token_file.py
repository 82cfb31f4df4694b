"""The token of `qd login` in a file of mode 0600, bound to the server that gave it."""

import json
import os
import stat
from dataclasses import asdict, dataclass
from pathlib import Path


class NoToken(Exception):
    """There is no usable token; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token: where it counts, whose it is, until when (RFC 3339)."""

    url: str
    email: str
    secret: str
    expires_at: str


def folder() -> Path:
    """Return the folder of `qd`'s own files: XDG_CONFIG_HOME/quarterdeck."""
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "quarterdeck"


def path() -> Path:
    """Return the token's file; QD_TOKEN_FILE names another."""
    return Path(os.environ.get("QD_TOKEN_FILE") or folder() / "token")


def write(token: Token) -> Path:
    """Replace the token; the file is ours alone from its first byte."""
    target = path()
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = target.with_name(target.name + ".new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as out:
        json.dump(asdict(token), out)
    temporary.replace(target)
    return target


def read(url: str) -> Token:
    """Return the token for `url`; NoToken when there is none, it is another server's, or others may read it."""
    source = path()
    try:
        mode = stat.S_IMODE(source.stat().st_mode)
        if mode & 0o077:
            raise NoToken(f"{source} has mode {mode:04o}: others may read it. Run `qd login` again.")
        token = Token(**json.loads(source.read_text()))
    except FileNotFoundError as error:
        raise NoToken("You are not logged in. Run `qd login`.") from error
    except (OSError, ValueError, TypeError) as error:
        raise NoToken(f"{source} cannot be read. Run `qd login` again.") from error
    if token.url != url:
        raise NoToken(f"Your token is for {token.url}, not for {url}. Run `qd login`, or set QD_URL.")
    return token


def forget() -> None:
    """Remove the token."""
    path().unlink(missing_ok=True)
