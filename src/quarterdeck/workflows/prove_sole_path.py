"""Proving that the gate is the only way in: the target's effective sshd settings and a stranger's knock, as a fact.

`sole_path.proven` fails with the exact doors still open; the full settings and attempts are kept as an artifact
(3.1.14[b], 3.1.12[c], attacks.md row 4). Asked for the gate's address, for a foreign one, and for root.
"""

import dataclasses
import ipaddress
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from quarterdeck.access import api as access
from quarterdeck.baselines.api import MeasureChannel
from quarterdeck.evidence.api import ArtifactRef, Grade, ObjectRef, Outcome, act, store_artifact
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock, rfc3339
from quarterdeck.workflows.ask_target import Answers, ask

# TEST-NET-1 of RFC 5737: an address that no network of the organisation has.
FOREIGN_ADDRESS = "192.0.2.77"
# An account that no maintenance uses and every system has.
ANOTHER_ACCOUNT = "nobody"
_MOST_PORTS = 40


@dataclass(frozen=True, slots=True)
class SolePathProof:
    """What was found: `outcome`, one sentence for each open door, remarks, and the stored artifact."""

    outcome: Outcome
    doors: tuple[str, ...]
    remarks: tuple[str, ...]
    artifact: ArtifactRef
    entry: str


@dataclass(frozen=True, slots=True)
class GateView:
    """What a prepared target must show: the gate's address, the target authority, the gate's own configurations."""

    address: str
    authority: str
    own_configs: tuple[str, ...] = ()


def prove_sole_path(
    actor: Actor,
    clock: Clock,
    *,
    ticket: str,
    asset_id: str,
    connection_id: str,
    channel: MeasureChannel,
    stranger: access.Stranger,
    gate: GateView,
) -> SolePathProof:
    """Measure and knock, keep the artifact, then record the fact `sole_path.proven` for the asset of the ticket."""
    destination = access.destination_of(asset_id, connection_id)
    specs = _specs(destination, gate)
    answers = ask(
        channel,
        clock,
        ticket=ticket,
        asset_id=asset_id,
        connection_id=connection_id,
        questions=[f"sshd={spec}" for spec in specs],
    )
    servers = [server for spec in specs for server in _servers(answers, spec)]
    judged, remarks = _judged(servers, destination, gate)
    remarks += _keys_left(answers)
    probes = _probes(answers, destination, stranger, gate, clock)
    expected = access.expected_target(
        hostname=destination.hostname,
        account=destination.account,
        authority=gate.authority,
        gate_address=gate.address,
    )
    readable = [server for server in judged if server.effective]
    doors = [door for server in readable for door in access.doors_of_server(server, expected)]
    doors += [door for probe in probes for door in access.doors_of_probe(probe)]
    unread = _unread(answers, judged)
    outcome = Outcome.FAILED if doors else Outcome.UNKNOWN if unread else Outcome.PASSED
    found = (*dict.fromkeys(doors), *unread)
    artifact = _kept(destination, answers, servers, probes, found, remarks)
    counts = {"open_doors": len(found) - len(unread), "servers": len(judged), "probes": len(probes)}
    entry = _record(actor, clock, ticket, asset_id, outcome, artifact, counts)
    return SolePathProof(outcome, found, tuple(remarks), artifact, entry)


def _specs(destination: access.Destination, gate: GateView) -> list[str]:
    """Return the connections that the target's settings are judged for."""
    users = dict.fromkeys((destination.account, "root"))
    strangers = dict.fromkeys((*users, ANOTHER_ACCOUNT))
    return [f"user={user},host=gate,addr={gate.address}" for user in users] + [
        f"user={user},host=elsewhere,addr={FOREIGN_ADDRESS}" for user in strangers
    ]


def _servers(answers: Answers, spec: str) -> list[access.Server]:
    """Return what every ssh server of the target says for one connection; unreadable settings stay empty."""
    said = dict(part.split("=", 1) for part in spec.split(","))
    found = answers.value(f"sshd:{spec}")
    return [
        access.Server(
            config=str(one.get("config", "")),
            account=said["user"],
            address=said["addr"],
            effective=access.parse_effective(_lines(one.get("value"))),
            file_sha256=_digests(one.get("files")),
            matches=_matches(one.get("matches")),
        )
        for one in (found if isinstance(found, list) else [])
        if isinstance(one, dict)
    ]


def _lines(value: object) -> list[str]:
    return [str(line) for line in value] if isinstance(value, list) else []


def _matches(said: object) -> tuple[access.MatchBlock, ...]:
    blocks = said.get("value") if isinstance(said, dict) else None
    return tuple(
        access.MatchBlock(str(one.get("criteria", "")), tuple(_lines(one.get("keywords"))))
        for one in (blocks if isinstance(blocks, list) else [])
        if isinstance(one, dict)
    )


def _digests(files: object) -> dict[str, str]:
    found = files if isinstance(files, dict) else {}
    return {str(path): str(said.get("value", "")) for path, said in found.items() if isinstance(said, dict)}


def _judged(
    servers: Sequence[access.Server], destination: access.Destination, gate: GateView
) -> tuple[list[access.Server], list[str]]:
    """Return the servers that count, and remarks about those that do not.

    A target on this very machine (a trial) shares it with the gate and with the machine's own sshd: there only the
    server on the connection's port is the target's. On a machine of its own every server counts.
    """
    if not ipaddress.ip_address(_literal(destination.address)).is_loopback:
        return list(servers), []
    mine = [one for one in servers if str(destination.port) in one.effective.get("port", ())]
    others = dict.fromkeys(one.config for one in servers if one not in mine and one.config not in gate.own_configs)
    return mine, [f"Not judged, since the target is a part of this machine: the ssh server of {c}." for c in others]


def _keys_left(answers: Answers) -> list[str]:
    """Return a remark for each account whose old keys still lie there: no door today, one with the next change."""
    said = [line.partition(" ")[::2] for line in _lines(answers.value("keys_left"))]
    return [f"Old keys are left behind, unused as sshd is set now: {n} of the account {name}." for name, n in said]


def _literal(address: str) -> str:
    """Return the address when it is one, else an address that is not loopback: a name is a machine of its own."""
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return "127.0.0.1" if address == "localhost" else FOREIGN_ADDRESS


def _probes(
    answers: Answers, destination: access.Destination, stranger: access.Stranger, gate: GateView, clock: Clock
) -> list[access.Probe]:
    ports = [destination.port, *_other_ssh_ports(answers, destination, stranger)]
    return [
        stranger.knock(dataclasses.replace(destination, port=port), source=gate.address, now=clock.now())
        for port in ports
    ]


def _other_ssh_ports(answers: Answers, destination: access.Destination, stranger: access.Stranger) -> list[int]:
    """Return the target's other ports on which something greets like ssh: a second server is a second door."""
    if ipaddress.ip_address(_literal(destination.address)).is_loopback:
        return []
    words = [line.split() for line in _lines(answers.value("listening"))]
    open_ports = {
        int(port)
        for kind, address, port in (w for w in words if len(w) == 3)
        if kind.startswith("tcp") and port.isdigit() and not ipaddress.ip_address(address).is_loopback
    }
    others = sorted(open_ports - {destination.port})[:_MOST_PORTS]
    return [port for port in others if stranger.speaks_ssh(destination.address, port)]


def _unread(answers: Answers, servers: Sequence[access.Server]) -> list[str]:
    """Return a sentence for what could not be read: without it nothing is proven."""
    if answers.failure:
        return [f"The target's settings could not be measured: {answers.failure}"]
    if not servers:
        return ["The target did not say which ssh servers run on it."]
    return [
        f"{server.config}: the effective settings for {server.account} could not be read (sshd -T needs root)."
        for server in servers
        if not server.effective
    ]


def _kept(
    destination: access.Destination,
    answers: Answers,
    servers: Sequence[access.Server],
    probes: Sequence[access.Probe],
    found: Sequence[str],
    remarks: Sequence[str],
) -> ArtifactRef:
    document = {
        "format": "quarterdeck-sole-path-1",
        "hostname": destination.hostname,
        "address": destination.address,
        "port": destination.port,
        "account": destination.account,
        "asked_at": rfc3339(answers.asked_at),
        "open_doors": list(found),
        "remarks": list(remarks),
        "servers": [asdict(server) for server in servers],
        "outside": [asdict(probe) for probe in probes],
        "listening": _lines(answers.value("listening")),
        "cryptography": answers.value("cryptography"),
    }
    return store_artifact(
        json.dumps(document, indent=1, sort_keys=True, ensure_ascii=True).encode() + b"\n",
        media_type="application/json",
        role="sole_path",
        name=f"sole-path-{destination.hostname}.json",
        may_contain_cui=False,
    )


def _record(
    actor: Actor,
    clock: Clock,
    ticket: str,
    asset_id: str,
    outcome: Outcome,
    artifact: ArtifactRef,
    counts: dict[str, int],
) -> str:
    with act(actor, clock) as current:
        entry = current.record(
            "sole_path.checked",
            ObjectRef("asset", asset_id),
            ticket=ticket,
            data={"asset": asset_id, **counts},
            artifacts=[artifact],
        )
        current.fact(
            "sole_path.proven",
            entry=entry,
            outcome=outcome,
            grade=Grade.CAPTURED,
            ticket=ticket,
            asset=asset_id,
            detail={"open_doors": counts["open_doors"]},
        )
    return entry
