"""Joins a person's descriptors to those of the upstream client: a terminal, plain pipes, or a followed transfer."""

from quarterdeck.entrypoints.gate.audits import Audit
from quarterdeck.entrypoints.gate.person import Person
from quarterdeck.entrypoints.gate.streams import Drain, Keep, Stream

Joined = tuple[dict[str, Stream], list[Drain]]


def joined(person: Person, ends: tuple[int, int, int], keep: Keep, audit: Audit | None) -> Joined:
    """Return the streams by name, and what is read only to be forgotten; `keep` records before bytes are forwarded."""
    stdin, stdout, stderr = ends
    if person.terminal:
        # Keys are neither kept nor summed: they hold passwords.
        keys = Stream(person.stdin, stdin, hashed=False)
        return {"stdin": keys, "stdout": Stream(stdout, person.stdout, keep=keep)}, [Drain(stderr)]
    streams = {"stderr": Stream(stderr, person.stderr, keep=keep, owns="source")}
    if audit is None:
        streams["stdin"] = Stream(person.stdin, stdin, owns="sink")
        streams["stdout"] = Stream(stdout, person.stdout, keep=keep, owns="source")
        return streams, []
    hashed = not audit.hashes
    streams["stdin"] = Stream(
        person.stdin,
        stdin,
        passes=audit.from_client,
        waits=lambda: audit.client_waits,
        hashed=hashed,
        owns="sink",
    )
    streams["stdout"] = Stream(
        stdout,
        person.stdout,
        passes=audit.from_server,
        waits=lambda: audit.server_waits,
        hashed=hashed,
        owns="source",
    )
    return streams, []
