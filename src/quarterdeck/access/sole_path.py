"""Whether a target's ssh servers admit only the gate: judges effective settings and an outside probe. Pure.

The input is what `sshd -T -C ...` says on the target, per server and per (user, address), and what an outsider was
offered. Each open door is a sentence for the ticket; none means `sole_path.proven` (3.1.14[b], attacks.md row 4).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

Effective = Mapping[str, Sequence[str]]

_MUST_BE = {
    "passwordauthentication": ("no", "passwords are accepted"),
    "kbdinteractiveauthentication": ("no", "keyboard-interactive logins (passwords through PAM) are accepted"),
    "hostbasedauthentication": ("no", "host-based logins are accepted"),
    "gssapiauthentication": ("no", "Kerberos (GSSAPI) logins are accepted"),
    "kerberosauthentication": ("no", "Kerberos passwords are accepted"),
    "permitemptypasswords": ("no", "empty passwords are accepted"),
    "authorizedkeysfile": ("none", "plain keys in authorized_keys files are accepted"),
    "authorizedkeyscommand": ("none", "plain keys from a command are accepted"),
    "authorizedprincipalscommand": ("none", "a command decides which certificates open an account"),
    "pubkeyauthentication": ("yes", "certificates are not accepted, so the gate cannot get in either"),
    "permituserrc": ("no", "a file of the account runs at each login"),
    "permituserenvironment": ("no", "files of the account set the environment of each login"),
}
# Windows OpenSSH knows these words and does nothing by them.
_NO_MEANING_ON_WINDOWS = frozenset({"permituserrc", "permituserenvironment", "kerberosauthentication"})
# A Match block that sets one of these may open what the rest shuts.
_GUARDED = frozenset(_MUST_BE) | {
    "authenticationmethods",
    "allowusers",
    "allowgroups",
    "authorizedprincipalsfile",
    "trustedusercakeys",
    "revokedkeys",
    "permitrootlogin",
    "forcecommand",
}
_WILD = frozenset("*?!")
# Absent from `sshd -T` when the server was built without them, which is as good as `no`.
_MAY_BE_ABSENT = frozenset({"gssapiauthentication", "kerberosauthentication", "authorizedprincipalscommand"})


@dataclass(frozen=True, slots=True)
class Expected:
    """What a prepared target shows: the authority's and the account's principals file by SHA-256, and the gate."""

    authority_sha256: str
    principals_sha256: str
    account: str
    gate_address: str


@dataclass(frozen=True, slots=True)
class MatchBlock:
    """A Match block of a configuration: for whom, and which keywords it sets."""

    criteria: str
    keywords: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Server:
    """One ssh server of the target, as seen for one account and one source address."""

    config: str
    account: str
    address: str
    effective: Effective
    file_sha256: Mapping[str, str]
    windows: bool = False
    matches: Sequence[MatchBlock] = ()


@dataclass(frozen=True, slots=True)
class Probe:
    """What an outsider without a certificate of ours met on one port."""

    port: int
    reached: bool
    offered: tuple[str, ...]
    entered_with: tuple[str, ...]
    source: str
    other_host: bool = False


def parse_effective(lines: Iterable[str]) -> dict[str, list[str]]:
    """Return keyword -> values of the output of `sshd -T`; a keyword that repeats keeps all its values."""
    found: dict[str, list[str]] = {}
    for line in lines:
        keyword, _, value = line.strip().partition(" ")
        if keyword:
            found.setdefault(keyword.lower(), []).append(value.strip())
    return found


def doors_of_server(server: Server, expected: Expected) -> list[str]:
    """Return one sentence for each door that the settings of this server leave open."""
    where = f"{server.config}, account {server.account} from {server.address}"
    doors = [
        f"{where}: {why}."
        for keyword, (wanted, why) in _MUST_BE.items()
        if not (server.windows and keyword in _NO_MEANING_ON_WINDOWS)
        and not _is(server.effective, keyword, wanted, absent_is_fine=keyword in _MAY_BE_ABSENT)
    ]
    if _values(server.effective, "authenticationmethods") != ["publickey"]:
        doors.append(f"{where}: other ways than a public key may open it (AuthenticationMethods).")
    doors += [f"{where}: {why}." for why in _authority_doors(server, expected)]
    doors += [f"{where}: {why}." for why in _user_doors(server.effective, expected)]
    doors += [f"{server.config}: {why}." for block in server.matches for why in _match_doors(block)]
    return doors


def _match_doors(block: MatchBlock) -> list[str]:
    """A Match block overrides what stands before it, and `sshd -T` shows it only to whom it is about."""
    opening = [keyword for keyword in dict.fromkeys(block.keywords) if keyword in _GUARDED]
    said = "".join(c if c.isprintable() else "?" for c in block.criteria)[:80]
    return [f"a Match block ({said}) sets {', '.join(opening)} for some connections"] if opening else []


def doors_of_probe(probe: Probe) -> list[str]:
    """Return one sentence for each door that the outsider found on this port; not reaching the port is one too."""
    where = f"Port {probe.port}, tried from {probe.source}"
    if probe.other_host:
        return [f"{where}: another host answers than the one whose key is pinned."]
    if not probe.reached:
        return [f"{where}: the ssh server could not be tried from outside."]
    doors = [f"{where}: a stranger was let in with {how}." for how in probe.entered_with]
    more = [method for method in probe.offered if method != "publickey"]
    if more:
        doors.append(f"{where}: it offers {', '.join(more)} besides publickey.")
    return doors


def _authority_doors(server: Server, expected: Expected) -> list[str]:
    doors = []
    authority = _values(server.effective, "trustedusercakeys")
    if not authority or authority == ["none"]:
        return ["no certificate authority is trusted, so the gate cannot get in"]
    if server.file_sha256.get(authority[0]) != expected.authority_sha256:
        doors.append("the trusted authorities (TrustedUserCAKeys) are not exactly Quarterdeck's target authority")
    if server.account != expected.account:
        return doors
    principals = _values(server.effective, "authorizedprincipalsfile")
    if not principals or principals == ["none"]:
        doors.append("any certificate that names the account opens it (no AuthorizedPrincipalsFile)")
    elif server.file_sha256.get(principals[0].replace("%u", server.account)) != expected.principals_sha256:
        doors.append("the account's AuthorizedPrincipalsFile is not exactly the one of Quarterdeck")
    return doors


def _user_doors(effective: Effective, expected: Expected) -> list[str]:
    allowed = [user for value in _values(effective, "allowusers") for user in value.split()]
    if not allowed:
        return ["every account of the system may log in (no AllowUsers)"]
    strange = [user for user in allowed if not user.endswith(f"@{expected.gate_address}") or set(user) & _WILD]
    told = f"AllowUsers lets in {', '.join(strange)}, which is not one account tied to the gate's address"
    return [told] if strange else []


def _is(effective: Effective, keyword: str, wanted: str, *, absent_is_fine: bool) -> bool:
    values = _values(effective, keyword)
    return absent_is_fine if not values else all(value.lower() == wanted for value in values)


def _values(effective: Effective, keyword: str) -> list[str]:
    return list(effective.get(keyword, ()))
