"""The sealing keys that this log has had, in order: where each lives, when it signed, what brought it.

One file, `keys.json`, replaced durably. Which of them signs now is what the sealer's memory says; a key that was made
and is not yet in the ledger waits here (`pending`) and signs nothing. Nothing is ever taken out.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path

from quarterdeck.adapters.ssh_signature import SIGNERS_FILE, SshKeygenSigner, fingerprint_of, signers_line
from quarterdeck.entrypoints.sealer.memory import write_durably
from quarterdeck.kernel.clock import parse_rfc3339
from quarterdeck.kernel.decision import Refused, refuse

FIRST_KEY = "sealing_key"
IN_AGENT = "agent"
ROTATED, REPLACED = "key.rotated", "sealer.key_replaced"
_NAME = re.compile(r"sealing_key(?:-[0-9]{1,6})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Custody:
    """What the settings say of keys: where a new one lives (`file` or `agent`), its type, the agent's socket."""

    place: str = "file"
    kind: str = "ecdsa"
    agent: Path | None = None


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """One key: SHA-256 of its public half, that half (`type base64`, empty when only its hash is known), its place.

    `statement` is the signed change that brought it, `event` how the ledger records that; times are RFC 3339.
    """

    sha256: str
    public: str
    place: str
    statement: str = ""
    event: str = ""
    since: str = ""
    until: str = ""
    ended: str = ""
    pending: bool = False


class KeyRing:
    """The keys of one sealer, oldest first; the memory's `key` names the one that signs."""

    def __init__(self, folder: Path, origin: str, custody: Custody) -> None:
        self._folder = folder
        self._origin = origin
        self._custody = custody
        self._file = folder / "keys.json"
        self.records = self._read()
        # An agent's public half is put here by hand before anything was signed; a file without memory is no new one.
        self.is_new = not self._file.exists() and all(item.place == IN_AGENT for item in self.records)

    def _read(self) -> list[KeyRecord]:
        if self._file.exists():
            return [KeyRecord(**item) for item in json.loads(self._file.read_text())["keys"]]
        public = self._folder / f"{FIRST_KEY}.pub"
        if not public.exists():
            return []
        in_agent = self._custody.place == IN_AGENT and not (self._folder / FIRST_KEY).exists()
        line = " ".join(public.read_text().split()[:2])
        return [KeyRecord(fingerprint_of(line), line, IN_AGENT if in_agent else f"file:{FIRST_KEY}")]

    def _keep(self, records: list[KeyRecord]) -> None:
        write_durably(self._file, json.dumps({"keys": [asdict(item) for item in records]}, indent=1).encode())
        self.records = records
        write_durably(self._folder / SIGNERS_FILE, self.allowed_signers().encode())

    def begin(self) -> None:
        """Have a first key: make a file, or take the public half that the administrator put here for the agent's."""
        if not self.records:
            if self._custody.place == IN_AGENT:
                raise Refused(
                    refuse(
                        "sealer.no_public_key",
                        f"The sealing key is to live in an agent, but {self._folder / FIRST_KEY}.pub is not there.",
                        "Put its public half there: `ssh-add -L` prints it.",
                    )
                )
            made = SshKeygenSigner.create(self._folder / FIRST_KEY, self._origin, self._custody.kind)
            self.records = [KeyRecord(made.fingerprint(), made.public_line(), f"file:{FIRST_KEY}")]
        self._keep(self.records)

    def current(self, key: str) -> KeyRecord:
        """Return the key that the memory names, the first for an empty name."""
        return self._of(key) if key else self.records[0]

    @property
    def newest(self) -> KeyRecord:
        """Return the newest key that the ledger has recorded."""
        return [item for item in self.records if not item.pending][-1]

    def signer(self, record: KeyRecord) -> SshKeygenSigner:
        """Return what signs with this key; Refused(sealer.key_missing) when it is gone."""
        if record.place == IN_AGENT:
            return SshKeygenSigner(self._public_file(record), self._custody.agent or Path("/nowhere"))
        key = self._folder / record.place.removeprefix("file:")
        if not record.place or not key.exists():
            raise Refused(
                refuse(
                    "sealer.key_missing",
                    "The sealing key is gone from the sealer's folder; nothing can be sealed.",
                    "Put it back from its encrypted backup. If it is lost: `qd ledger rotate-key --old-key-lost`.",
                )
            )
        return SshKeygenSigner(key)

    def _public_file(self, record: KeyRecord) -> Path:
        path = self._folder / f"agent_key-{record.sha256[:16]}.pub"
        if not path.exists():
            write_durably(path, f"{record.public}\n".encode())
        return path

    def where(self, record: KeyRecord) -> str:
        """Return where the key lives, in words; whether an agent's key lies on a token, only its owner knows."""
        if record.place == IN_AGENT:
            return f"in the agent at {self._custody.agent}"
        if not record.place:
            return "nowhere: lost"
        kind = "on the security key whose handle is" if record.public.startswith("sk-") else "in the file"
        return f"{kind} {self._folder / record.place.removeprefix('file:')}"

    def add_pending(self, public: str, name: str) -> KeyRecord:
        """Have a new key that signs nothing yet: `public` adopts the agent's, `name` a file here, else a new file.

        Asked again before the ledger has it, the same key comes back. Refused when it was one of ours before.
        """
        waiting = [item for item in self.records if item.pending]
        if not public and not name and waiting:
            return waiting[-1]
        record = self._adopted(public, name) if public or name else self._made()
        known = [item for item in self.records if item.sha256 == record.sha256]
        if known and not known[0].pending:
            raise Refused(
                refuse("sealer.key_known", "This key has signed this log before.", "Take a key that is new to it.")
            )
        if not known:
            self._keep([*self.records, record])
        return record

    def _adopted(self, public: str, name: str) -> KeyRecord:
        if name:
            if not _NAME.fullmatch(name) or not (self._folder / f"{name}.pub").exists():
                sentence = f"{name} is no key in the sealer's folder with its public half beside it."
                raise Refused(refuse("sealer.no_public_key", sentence, "Name it sealing_key-2, sealing_key-3 ..."))
            public = (self._folder / f"{name}.pub").read_text()
        line = " ".join(public.split()[:2])
        return KeyRecord(fingerprint_of(line), line, f"file:{name}" if name else IN_AGENT, pending=True)

    def _made(self) -> KeyRecord:
        if self._custody.place == IN_AGENT:
            sentence = "Keys of this log live in an agent, where Quarterdeck makes none."
            raise Refused(refuse("sealer.no_public_key", sentence, "Name the agent's new key with --public-key FILE."))
        number = len(self.records) + 1
        while (self._folder / f"{FIRST_KEY}-{number}").exists():
            number += 1
        name = f"{FIRST_KEY}-{number}"
        made = SshKeygenSigner.create(self._folder / name, self._origin, self._custody.kind)
        return KeyRecord(made.fingerprint(), made.public_line(), f"file:{name}", pending=True)

    def keep_statement(self, sha256: str, statement: str, event: str) -> None:
        """Remember the signed change that is to bring this key, until the ledger has it."""
        self._put(replace(self._of(sha256), statement=statement, event=event, pending=True))

    def know_lost(self, sha256: str) -> None:
        """Remember that the log's key before ours was another, of which only the hash is known."""
        if sha256 not in fingerprints(self.records):
            self._keep([KeyRecord(sha256, "", "", ended="lost"), *self.records])

    def turned(self, old: str, new: str, at: str) -> None:
        """Remember that `new` signs from the change that the ledger recorded at `at` on, and `old` no longer."""
        after = self._of(new)
        if not after.pending:
            return
        self._put(replace(self._of(old), until=at, ended="rotated" if after.event == ROTATED else "lost"))
        made = str(json.loads(after.statement)["at"])
        self._put(replace(after, since=min(made, at), pending=False))

    def by_statement(self, sha256: str) -> KeyRecord | None:
        """Return the key that the signed change with this hash brings."""
        return next((item for item in self.records if item.statement and _hash(item.statement) == sha256), None)

    def after(self, key: str) -> list[KeyRecord]:
        """Return the keys that followed this one in the ledger; none for one that the ledger does not have yet."""
        recorded = [item for item in self.records if not item.pending]
        places = [place for place, item in enumerate(recorded, 1) if item.sha256 == self.current(key).sha256]
        return recorded[places[0] :] if places else []

    def allowed_signers(self) -> str:
        """Return the lines that pin the keys of this log, each for the time in which it signed."""
        return "".join(
            signers_line(self._origin, item.public, after=_stamp(item.since, 0), before=_stamp(item.until, 1))
            for item in self.records
            if item.public and not item.pending
        )

    def _of(self, sha256: str) -> KeyRecord:
        for item in self.records:
            if item.sha256 == sha256:
                return item
        raise Refused(refuse("sealer.key_unknown", "The sealer's memory names a key that it does not have.", ""))

    def _put(self, record: KeyRecord) -> None:
        self._keep([record if item.sha256 == record.sha256 else item for item in self.records])


def _stamp(at: str, plus: int) -> str:
    return f"{parse_rfc3339(at) + timedelta(seconds=plus):%Y%m%d%H%M%SZ}" if at else ""


def _hash(statement: str) -> str:
    return hashlib.sha256(statement.encode()).hexdigest()


def fingerprints(records: Iterable[KeyRecord]) -> set[str]:
    """Return the hashes of these keys."""
    return {item.sha256 for item in records}
