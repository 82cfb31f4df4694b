"""What the signer signs and what it refuses: a grant id comes in, everything else is derived here from sealed rows.

The web, the gate and the ticker can only name a grant. Ticket or plan, person, account, address, window and state are
read by the signer itself and checked against the ledger (attacks.md rows 1, 3, 14, 28), which `evidence` reads by its
bytes. The ledger must not be older than what the signer saw when it last signed (row 15), nor its time ahead of this
machine's clock (row 18).
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from quarterdeck.access import api as access
from quarterdeck.adapters.openssh_ca import (
    CertificateAuthority,
    Minted,
    Order,
    entry_order,
    measure_order,
    target_order,
)
from quarterdeck.adapters.openssh_host_ca import mint_host
from quarterdeck.adapters.signed_order import sign_order
from quarterdeck.baselines import api as baselines
from quarterdeck.entrypoints.signer.hosts import sealed_order
from quarterdeck.entrypoints.signer.revocations import revocations
from quarterdeck.entrypoints.signer.serial_log import LedgerSight, SerialLog
from quarterdeck.entrypoints.signer.sight import ledger_is_current
from quarterdeck.evidence import api as evidence
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.clock import Clock, rfc3339
from quarterdeck.kernel.decision import Refused, refuse, require_that
from quarterdeck.tickets import api as tickets

UNEXPLAINED_AFTER = timedelta(minutes=5)
_GRANT = re.compile(r"ag_[a-z2-9]{16}", re.ASCII)
_SESSION = re.compile(r"se_[a-z2-9]{16}", re.ASCII)


@dataclass(frozen=True, slots=True)
class SignerSettings:
    """What the signer is told at its start and never by a request; `retired` are authorities that count no more."""

    organisation: str
    gate_address: str
    retired: tuple[str, ...] = ()
    keys: access.KeyPolicy = field(default_factory=access.KeyPolicy)


class Signer:
    """Holds both authorities and the serial log; `handle` answers one request."""

    def __init__(
        self,
        *,
        entry_ca: CertificateAuthority,
        target_ca: CertificateAuthority,
        host_ca: CertificateAuthority,
        log: SerialLog,
        settings: SignerSettings,
        clock: Clock,
    ) -> None:
        self._entry_ca = entry_ca
        self._target_ca = target_ca
        self._host_ca = host_ca
        self._log = log
        self._settings = settings
        self._clock = clock
        self._operations: dict[str, Callable[[dict[str, object]], dict[str, object]]] = {
            "entry": self._entry,
            "target": self._target,
            "measure": self._measure,
            "monitor": self._monitor,
            "host": self._host,
            "revocations": self._revocations,
            "elevate": self._elevate,
            "status": self._status,
            "reconcile": self._reconcile,
        }

    def handle(self, request: dict[str, object]) -> dict[str, object]:
        """Return the answer to one request; a refusal is an answer, never an exception."""
        try:
            operation = self._operations.get(_text(request, "op"))
            if operation is None:
                raise Refused(refuse("signer.unknown_op", "The signer does not know this request.", ""))
            return operation(request)
        except Refused as refused:
            return {"refused": [reason.as_dict() for reason in refused.decision.reasons]}

    def _entry(self, request: dict[str, object]) -> dict[str, object]:
        now, admitted = self._admitted(request, *access.ENTERING)
        given = admitted.grant
        require_that(
            given.serial is None,
            "signer.already_signed",
            "This access grant has its certificate already.",
            "Take access again to get a new certificate.",
        ).require()
        key = access.read_public_key(given.public_key)
        order = entry_order(
            key,
            serial=self._log.fresh_serial(),
            key_id=_key_id(given),
            principal=access.entry_principal(self._settings.organisation),
            now=now,
            valid_until=given.valid_until,
            verified=self._verified(given, key.kind),
        )
        return self._sign(self._entry_ca, order, given, "entry", "", now)

    def _verified(self, given: access.GrantView, kind: str) -> bool:
        """Return whether the certificate asks for the key's PIN; Refused for a key that this asset does not take."""
        handles_cui = inventory.asset(given.asset).handles_cui
        keys = access.demanded_keys(self._settings.keys)
        keys.may_take_with(kind, handles_cui=handles_cui).require()
        return keys.wants_verification(handles_cui=handles_cui)

    def _target(self, request: dict[str, object]) -> dict[str, object]:
        now, admitted = self._admitted(request, *access.ENTERING)
        session = _text(request, "session")
        self._verified(admitted.grant, access.read_public_key(admitted.grant.public_key).kind)
        require_that(
            _SESSION.fullmatch(session) is not None and admitted.grant.serial is not None,
            "signer.no_session",
            "A target certificate is made for a session through the gate.",
            "Connect through the gate.",
        ).require()
        order = target_order(
            _key(request),
            serial=self._log.fresh_serial(),
            key_id=_key_id(admitted.grant),
            principal=admitted.destination.principal,
            source_address=self._settings.gate_address,
            now=now,
        )
        return self._sign(self._target_ca, order, admitted.grant, "target", session, now)

    def _measure(self, request: dict[str, object]) -> dict[str, object]:
        return self._collect(request, access.Purpose.MEASURE)

    def _monitor(self, request: dict[str, object]) -> dict[str, object]:
        return self._collect(request, access.Purpose.MONITOR)

    def _collect(self, request: dict[str, object], purpose: access.Purpose) -> dict[str, object]:
        now, admitted = self._admitted(request, purpose)
        arguments = _texts(request, "arguments")
        given, destination = admitted.grant, admitted.destination
        require_that(
            baselines.is_installed(given.collector_sha256, admitted.platform, admitted.elevation),
            "signer.other_collector",
            "The grant names another collector than the installed one.",
            "Start the measurement again; a monitoring plan of another collector is approved anew.",
        ).require()
        admitted.may_be_asked(arguments).require()
        order = measure_order(
            _key(request),
            serial=self._log.fresh_serial(),
            key_id=_key_id(given),
            principal=destination.principal,
            source_address=self._settings.gate_address,
            force_command=self._collector_command(admitted, arguments, now),
            now=now,
        )
        return self._sign(self._target_ca, order, given, purpose.value, "", now)

    def _host(self, request: dict[str, object]) -> dict[str, object]:
        now = self._clock.now()
        ledger_is_current(self._log.last_sight, now).require()
        order, seen = sealed_order(_text(request, "order"), self._host_ca, self._log.fresh_serial(), now)
        return self._log_signed(mint_host(self._host_ca, order), order.serial, "host", now, grant=seen.id)

    def _revocations(self, request: dict[str, object]) -> dict[str, object]:
        del request
        now = self._clock.now()
        ledger_is_current(self._log.last_sight, now).require()
        entry, target = self._entry_ca.public_key.line, self._target_ca.public_key.line
        return revocations(self._log.lines, entry, target, self._settings.retired, now)

    def _collector_command(self, admitted: access.Admissible, arguments: list[str], now: datetime) -> str:
        """The collector itself or, where it needs sudo, an order to the target's helper to run it as root."""
        sha256, size = admitted.grant.collector_sha256, len(baselines.collector_bytes())
        if admitted.elevation != "sudo":
            return _plain_command(sha256, admitted.platform, arguments)
        baselines.check_call(sha256, size, arguments)
        return self._ordered(admitted, "collect", now, {"collector": sha256, "size": size, "arguments": arguments})

    def _ordered(self, admitted: access.Admissible, action: str, now: datetime, more: dict[str, object]) -> str:
        place = admitted.destination
        order = access.order_bytes(
            action, hostname=place.hostname, account=place.account, serial=self._log.fresh_serial(), now=now, more=more
        )
        return access.order_command(order, sign_order(self._target_ca, order, access.ELEVATION_NAMESPACE))

    def _elevate(self, request: dict[str, object]) -> dict[str, object]:
        """Sign the one command that places or withdraws the ticket's sudo rule; what it says is derived here."""
        now, admitted = self._admitted(request, access.Purpose.MEASURE)
        given, action = admitted.grant, _text(request, "action")
        seen = tickets.ticket(given.ticket)
        access.may_order(
            action,
            elevation=admitted.elevation,
            helper_sha256=given.collector_sha256,
            is_open=seen.state is tickets.State.OPEN,
            until=seen.window.until,
            now=now,
        ).require()
        more: dict[str, object] = {"name": access.rule_name(given.ticket)}
        if action == "allow":
            more["rule"] = access.SudoRule(given.ticket, admitted.destination.account, now, seen.window.until).text
        order = measure_order(
            _key(request),
            serial=self._log.fresh_serial(),
            key_id=_key_id(given),
            principal=admitted.destination.principal,
            source_address=self._settings.gate_address,
            force_command=self._ordered(admitted, action, now, more),
            now=now,
        )
        rule = more.get("rule", "")
        signed = self._sign(self._target_ca, order, given, "elevate", "", now)
        return {**signed, "until": rfc3339(seen.window.until), "rule": rule}

    def _status(self, request: dict[str, object]) -> dict[str, object]:
        del request
        return {
            "entry_ca": self._entry_ca.public_key.line,
            "target_ca": self._target_ca.public_key.line,
            "host_ca": self._host_ca.public_key.line,
            "entry_principal": access.entry_principal(self._settings.organisation),
            "signed": len(self._log.lines),
            "ready": ledger_is_current(self._log.last_sight, self._clock.now()).allowed,
        }

    def _reconcile(self, request: dict[str, object]) -> dict[str, object]:
        del request
        before = self._clock.now() - UNEXPLAINED_AFTER
        found = unexplained(self._log, before)
        lines: list[object] = [
            {"serial": line.serial, "at": rfc3339(line.at), "purpose": line.purpose, "grant": line.grant}
            for line in self._log.lines
            if line.serial in found
        ]
        return {"signed": len(self._log.lines), "unexplained": lines}

    def _admitted(self, request: dict[str, object], *purposes: access.Purpose) -> tuple[datetime, access.Admissible]:
        grant_id = _text(request, "grant")
        if _GRANT.fullmatch(grant_id) is None:
            raise Refused(refuse("signer.no_grant", "The request names no access grant.", "Take access first."))
        now = self._clock.now()
        ledger_is_current(self._log.last_sight, now).require()
        admitted = access.admit(grant_id, now)
        require_that(
            admitted.grant.purpose in purposes,
            "signer.other_purpose",
            "This access grant is for another purpose.",
            "Ask for the certificate that the grant is for.",
        ).require()
        return now, admitted

    def _sign(
        self,
        authority: CertificateAuthority,
        order: Order,
        given: access.GrantView,
        purpose: str,
        session: str,
        now: datetime,
    ) -> dict[str, object]:
        minted = authority.mint(order)
        return self._log_signed(
            minted, order.serial, purpose, now, grant=given.id, ticket=given.ticket, session=session
        )

    def _log_signed(
        self,
        minted: Minted,
        serial: int,
        purpose: str,
        now: datetime,
        *,
        grant: str,
        ticket: str = "",
        session: str = "",
    ) -> dict[str, object]:
        """Log the certificate, durably, and only then hand it out."""
        head = evidence.head()
        self._log.append(
            at=now,
            serial=serial,
            purpose=purpose,
            grant=grant,
            ticket=ticket,
            session=session,
            cert_sha256=hashlib.sha256(minted.blob).hexdigest(),
            sight=LedgerSight(head.size, head.tip.hex(), access.current_epoch()),
        )
        return {"certificate": minted.line, "serial": serial}


def unexplained(log: SerialLog, before: datetime) -> list[int]:
    """Return the serials signed before `before` that no ledger entry carries: each is a finding (row 14)."""
    explained = [
        serial
        for entry in evidence.entries(events=access.SERIAL_EVENTS)
        if isinstance(serial := entry.data.get("serial"), int)
    ]
    return access.unexplained_serials({line.serial: line.at for line in log.lines}, explained, before)


def _key_id(given: access.GrantView) -> str:
    """Return what the target's own log will show of the certificate: ticket or plan, person or purpose, grant."""
    return f"{given.ticket or given.plan}:{given.person or given.purpose.value}:{given.id}"


def _key(request: dict[str, object]) -> access.PublicKey:
    try:
        return access.read_public_key(_text(request, "public_key"))
    except ValueError as error:
        raise Refused(refuse("signer.bad_key", f"The public key is not usable: {error}.", "Make a new key.")) from error


def _text(request: dict[str, object], name: str) -> str:
    value = request.get(name)
    if not isinstance(value, str) or len(value) > 4096:
        raise Refused(refuse("signer.bad_request", f"The request has no text {name!r}.", ""))
    return value


def _texts(request: dict[str, object], name: str) -> list[str]:
    value = request.get(name)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Refused(refuse("signer.bad_request", f"The request has no list {name!r}.", ""))
    return [str(item) for item in value]


def _plain_command(sha256: str, platform: inventory.Platform, arguments: list[str]) -> str:
    try:
        return baselines.command_for(sha256, platform, arguments)
    except ValueError as error:
        raise Refused(
            refuse("signer.not_called_so", f"No measurement is called so: {error}.", "Look at the connection.")
        ) from error
