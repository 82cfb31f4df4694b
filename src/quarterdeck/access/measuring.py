"""What the fixed collector may be asked on a target: only what was approved with the connection. Pure.

The signer puts these arguments into the certificate's force-command, so they are judged here and not believed.
"""

import ipaddress
import re
from collections.abc import Collection, Sequence

from quarterdeck.access.places import Destination
from quarterdeck.kernel.decision import Decision, refuse, require_that
from quarterdeck.kernel.names import is_account, is_hostname

MODES = ("manifest", "posture", "checks", "logs", "texts")
DEVICE = "device"
_SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9@._-]{0,63}", re.ASCII)
_MOST_ARGUMENTS = 200
_MOST_OF_A_DEVICE = 3
_CARRY = re.compile(r"carry=[0-9]{1,11}:(?:[1-9]|[1-9][0-9]):[0-9a-f]{16}", re.ASCII)


# What somebody defined for an asset; each of these questions stands word for word in what was approved.
_DEFINED = ("disk=", "tcp=", "http=", "certificate=", "share=", "reboot=", "clock=", "mechanism=")


def may_measure_with(
    arguments: Sequence[str],
    destination: Destination,
    watched_roots: Sequence[str],
    questions: Collection[str] = (),
    *,
    texts: bool = False,
    carry: bool = False,
    device: bool = False,
) -> Decision:
    """Return whether the collector may run with these arguments on this destination.

    `questions` are those of the checks that were approved with the asset. `texts` may be kept of assets without CUI.
    Digests are carried (`carry`) only between tickets: what a ticket measures is measured whole. A `device` is asked
    by its family's registered commands, whose own grammar the signer applies.
    """
    if device:
        return _is_device_call(arguments)
    if not arguments or arguments[0] not in MODES or len(arguments) > _MOST_ARGUMENTS:
        return refuse(
            "measure.unknown_mode",
            "The collector's modes are manifest, posture, checks, logs and texts.",
            "Start the measurement from the ticket.",
        )
    if arguments[0] == "texts" and not texts:
        return refuse(
            "measure.no_texts",
            "No text is read from this asset: it handles CUI, or nothing was approved for it.",
            "Compare hashes instead.",
        )
    kinds = {
        "manifest": _is_root,
        "posture": _is_moment,
        "checks": _is_question,
        "logs": _is_log_question,
        "texts": _is_root,
    }
    odd = [
        argument
        for argument in arguments[1:]
        if not kinds[arguments[0]](argument, destination, watched_roots)
        and not (carry and arguments[0] == "manifest" and _CARRY.fullmatch(argument))
        and not (arguments[0] == "checks" and argument.startswith(_DEFINED) and argument in questions)
    ]
    return require_that(
        not odd,
        "measure.not_approved",
        f"The measurement asks for something that was not approved with the connection: {odd[0] if odd else ''}.",
        "Watch the folder in the connection and have the ticket approved with it.",
    )


def _is_device_call(arguments: Sequence[str]) -> Decision:
    return require_that(
        list(arguments[:1]) == [DEVICE] and len(arguments) <= _MOST_OF_A_DEVICE,
        "measure.device",
        "A network device is asked by its family's registered commands only.",
        "Measure it from the ticket, or attach its exported configuration.",
    )


def _is_root(argument: str, destination: Destination, watched_roots: Sequence[str]) -> bool:
    del destination
    return argument in watched_roots


def _is_moment(argument: str, destination: Destination, watched_roots: Sequence[str]) -> bool:
    del destination, watched_roots
    return re.fullmatch(r"since=[0-9]{1,11}", argument, re.ASCII) is not None


def _is_log_question(argument: str, destination: Destination, watched_roots: Sequence[str]) -> bool:
    if argument.startswith("since="):
        return _is_moment(argument, destination, watched_roots)
    return argument == f"account={destination.account}"


def _is_question(argument: str, destination: Destination, watched_roots: Sequence[str]) -> bool:
    name, _, value = argument.partition("=")
    if argument.startswith("/"):
        return argument == "/" or argument in watched_roots
    if name == "account":
        return value == destination.account
    if name == "service":
        return _SERVICE.fullmatch(value) is not None
    return name == "sshd" and _is_connection_spec(value)


def _is_connection_spec(spec: str) -> bool:
    """Return whether this is `user=NAME,host=NAME,addr=ADDRESS`, the connection that `sshd -T -C` shall judge."""
    parts = dict(part.partition("=")[::2] for part in spec.split(","))
    if list(parts) != ["user", "host", "addr"]:
        return False
    try:
        ipaddress.ip_address(parts["addr"])
    except ValueError:
        return False
    return is_account(parts["user"]) and is_hostname(parts["host"])
