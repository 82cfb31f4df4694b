"""`--sign-with KEY`: the person's own key signs what is approved, by the machine's own ssh-keygen."""

import subprocess

from quarterdeck.entrypoints.cli.server import Failed, Server
from quarterdeck.entrypoints.cli.showing import JsonValue, clean
from quarterdeck.entrypoints.cli.verbs import as_row, text_of

_PATIENCE = 120


def signed_statement(server: Server, ticket: str, role: str, content_hash: str, key: str) -> dict[str, JsonValue]:
    """Return statement and signature for an approval of the ticket at this path.

    Failed when the content moved, or ssh-keygen does not sign.
    """
    told = as_row(server.get(f"{ticket}/approval-statement", role=role))
    if text_of(told, "content_hash") != content_hash:
        raise Failed("The content has changed since you read it. Read it again.")
    statement, namespace = text_of(told, "statement"), text_of(told, "namespace")
    # With a .pub file the key comes from the agent; a security key asks for its touch on standard error.
    command = ["ssh-keygen", "-Y", "sign", "-q", "-f", key, "-n", namespace]
    try:
        done = subprocess.run(command, input=statement.encode(), stdout=subprocess.PIPE, timeout=_PATIENCE, check=False)
    except FileNotFoundError as error:
        raise Failed("ssh-keygen is missing; install the OpenSSH client.") from error
    except subprocess.TimeoutExpired as error:
        raise Failed(f"ssh-keygen did not sign within {_PATIENCE} seconds.") from error
    if done.returncode != 0:
        raise Failed(f"ssh-keygen did not sign with {clean(key)}; see what it said above.")
    return {"statement": statement, "signature": done.stdout.decode("ascii", "replace")}
