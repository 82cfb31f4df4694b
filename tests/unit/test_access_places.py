"""Places, principals, what may be measured, the judgement of a target's doors, its set-up, a technician's snippet."""

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from quarterdeck.access.client_config import GateDoor, certificate_file_name, client_config
from quarterdeck.access.measuring import may_measure_with
from quarterdeck.access.places import Destination, entry_principal, target_principal
from quarterdeck.access.sole_path import (
    Expected,
    MatchBlock,
    Probe,
    Server,
    doors_of_probe,
    doors_of_server,
    parse_effective,
)
from quarterdeck.access.target_setup import expected_target, sshd_drop_in, target_files, target_script
from quarterdeck.adapters.openssh_ca import new_private_key
from quarterdeck.kernel.decision import Refused
from quarterdeck.kernel.names import is_account, is_hostname

ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBERERERERERERERERERERERERERERERERERERERERER"
RSA = "rsa-sha2-512 " + "A" * 360
AUTHORITY = new_private_key()[1]
HERE = Destination("web01", "192.0.2.10", 22, "maint", ED25519)
ACCOUNTS = st.from_regex(r"\A[a-z_][a-z0-9_-]{0,3}\Z")
HOSTNAMES = st.from_regex(r"\A[a-z0-9][a-z0-9.-]{0,3}\Z")
BAD_NAMES = ["", "-oProxyCommand=id", "a b", "a\nb", "a;b", "a%h", "$(id)", "A", "*", "!web01", "web01,web02", "ä"]


def test_known_hosts_lines_and_algorithms() -> None:
    assert HERE.known_hosts_line == f"web01 {ED25519}"
    assert HERE.host_key_algorithms == "ssh-ed25519"
    rsa = replace(HERE, host_identity=RSA)
    assert rsa.known_hosts_line.startswith("web01 ssh-rsa AAAA")
    assert rsa.host_key_algorithms == "rsa-sha2-512,rsa-sha2-256"
    authority = replace(HERE, host_identity="@cert-authority " + ED25519)
    assert authority.known_hosts_line == f"@cert-authority web01 {ED25519}"
    assert "ssh-ed25519-cert-v01@openssh.com" in authority.host_key_algorithms.split(",")
    assert "ssh-ed25519" not in authority.host_key_algorithms.split(",")


@pytest.mark.parametrize("name", BAD_NAMES)
@pytest.mark.parametrize("field", ["hostname", "address", "account", "host_identity"])
def test_a_place_with_a_bad_name_does_not_exist(field: str, name: str) -> None:
    with pytest.raises(Refused):
        replace(HERE, **{field: name})


@given(st.text(max_size=80), st.text(max_size=40), st.text(max_size=40))
def test_entry_and_target_principals_never_meet(organisation: str, account: str, hostname: str) -> None:
    entry = entry_principal(organisation)
    assert entry != target_principal(account, hostname)
    assert ":" not in entry
    assert entry.isascii()


@given(ACCOUNTS, HOSTNAMES, ACCOUNTS, HOSTNAMES)
def test_two_places_never_share_a_principal(a: str, h: str, b: str, i: str) -> None:
    assume(all(map(is_account, (a, b))) and all(map(is_hostname, (h, i))) and (a, h) != (b, i))
    assert target_principal(a, h) != target_principal(b, i)


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [
        (["manifest", "/etc", "/srv/www"], True),
        (["manifest", "/home"], False),
        (["manifest", "/etc/../root"], False),
        (["posture"], True),
        (["posture", "since=1763900000"], True),
        (["posture", "/etc"], False),
        (["checks", "/", "/etc", "account=maint", "service=nginx.service"], True),
        (["checks", "account=root"], False),
        (["checks", "/home"], False),
        (["checks", "service=-x"], False),
        (["checks", "sshd=user=maint,host=gate,addr=10.0.0.1"], True),
        (["checks", "sshd=user=maint,addr=10.0.0.1,host=gate"], False),
        (["checks", "sshd=user=maint,host=gate,addr=10.0.0.1,lport=1"], False),
        (["checks", "sshd=user=ma int,host=gate,addr=10.0.0.1"], False),
        (["checks", "sshd=user=maint,host=gate,addr=example"], False),
        (["shell"], False),
        ([], False),
        (["checks", *(["/"] * 300)], False),
    ],
)
def test_what_the_collector_may_be_asked(arguments: list[str], allowed: bool) -> None:
    assert may_measure_with(arguments, HERE, ("/etc", "/srv/www")).allowed is allowed


def prepared() -> tuple[Expected, Server]:
    """A target exactly as the set-up leaves it, with what `sshd -T` prints there."""
    expected = expected_target(hostname="web01", account="maint", authority=AUTHORITY, gate_address="10.0.0.5")
    lines = [line for line in sshd_drop_in(["maint"], "10.0.0.5").splitlines() if not line.startswith("#")]
    effective = parse_effective(lines)
    files = {
        "/etc/ssh/quarterdeck/target_ca.pub": expected.authority_sha256,
        "/etc/ssh/quarterdeck/principals/maint": expected.principals_sha256,
    }
    return expected, Server("/etc/ssh/sshd_config", "maint", "192.0.2.77", effective, files)


def test_a_prepared_target_has_no_open_door() -> None:
    expected, server = prepared()
    assert doors_of_server(server, expected) == []


@pytest.mark.parametrize(
    ("keyword", "values", "words"),
    [
        ("passwordauthentication", ["yes"], "passwords are accepted"),
        ("kbdinteractiveauthentication", ["yes"], "keyboard-interactive"),
        ("authorizedkeysfile", [".ssh/authorized_keys"], "authorized_keys files"),
        ("authorizedkeysfile", None, "authorized_keys files"),
        ("authorizedkeyscommand", ["/usr/bin/sss_ssh_authorizedkeys"], "from a command"),
        ("hostbasedauthentication", ["yes"], "host-based"),
        ("gssapiauthentication", ["yes"], "GSSAPI"),
        ("permitemptypasswords", ["yes"], "empty passwords"),
        ("authenticationmethods", ["any"], "other ways"),
        ("authenticationmethods", ["publickey", "password"], "other ways"),
        ("trustedusercakeys", ["none"], "no certificate authority"),
        ("trustedusercakeys", ["/etc/ssh/other_ca.pub"], "not exactly Quarterdeck's"),
        ("authorizedprincipalsfile", ["none"], "any certificate that names the account"),
        ("authorizedprincipalsfile", ["/etc/ssh/other"], "AuthorizedPrincipalsFile"),
        ("authorizedprincipalscommand", ["/bin/echo"], "a command decides"),
        ("allowusers", None, "every account"),
        ("allowusers", ["maint@10.0.0.5 admin"], "lets in admin"),
        ("allowusers", ["maint@10.0.0.5", "backup@10.0.0.9"], "lets in backup@10.0.0.9"),
        ("permituserrc", ["yes"], "runs at each login"),
        ("allowusers", ["*@10.0.0.5"], "not one account"),
        ("allowusers", ["maint@10.0.0.5", "ma?nt@10.0.0.5"], "lets in ma?nt@10.0.0.5"),
    ],
)
def test_each_open_door_is_named(keyword: str, values: list[str] | None, words: str) -> None:
    expected, server = prepared()
    effective = {**server.effective}
    if values is None:
        del effective[keyword]
    else:
        effective[keyword] = values
    doors = doors_of_server(replace(server, effective=effective), expected)
    assert len(doors) == 1
    assert words in doors[0]
    assert doors[0].startswith("/etc/ssh/sshd_config, account maint from 192.0.2.77: ")


def test_an_authority_added_to_the_trusted_file_is_a_door() -> None:
    expected, server = prepared()
    files = {**server.file_sha256, "/etc/ssh/quarterdeck/target_ca.pub": "00" * 32}
    assert len(doors_of_server(replace(server, file_sha256=files), expected)) == 1


@pytest.mark.parametrize(
    ("probe", "words"),
    [
        (Probe(22, True, ("publickey",), (), "127.0.0.1"), None),
        (Probe(22, True, ("publickey", "password"), (), "127.0.0.1"), "offers password"),
        (Probe(22, True, ("publickey",), ("a key that nobody registered",), "127.0.0.1"), "let in with a key"),
        (Probe(22, False, (), (), "127.0.0.1"), "could not be tried"),
        (Probe(22, False, (), (), "127.0.0.1", other_host=True), "another host answers"),
    ],
)
def test_what_a_stranger_met(probe: Probe, words: str | None) -> None:
    doors = doors_of_probe(probe)
    assert (doors == []) if words is None else (words in doors[0])


def test_the_set_up_of_a_target() -> None:
    files = target_files(hostname="web01", accounts=["maint", "root"], authority=AUTHORITY, gate_address="10.0.0.5")
    assert files["/etc/ssh/quarterdeck/principals/maint"] == "qd:maint@web01\n"
    assert files["/etc/ssh/quarterdeck/principals/root"] == "qd:root@web01\n"
    drop_in = files["/etc/ssh/sshd_config.d/00-quarterdeck.conf"]
    assert "AllowUsers maint@10.0.0.5 root@10.0.0.5\n" in drop_in
    assert "PermitRootLogin prohibit-password\n" in drop_in
    script = target_script(files)
    assert script.startswith("#!/bin/sh\n")
    assert drop_in in script


@pytest.mark.parametrize("name", BAD_NAMES)
def test_no_set_up_is_made_for_a_bad_name(name: str) -> None:
    for changes in ({"hostname": name}, {"accounts": [name]}, {"folder": name or "x"}):
        values = {"hostname": "web01", "accounts": ["maint"], "authority": AUTHORITY, "gate_address": "10.0.0.5"}
        with pytest.raises(Refused):
            target_files(**(values | changes))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r".*"):
        target_files(hostname="web01", accounts=["maint"], authority=AUTHORITY, gate_address=name)


def test_a_technicians_snippet_names_each_asset() -> None:
    door = GateDoor("127.0.0.1", 8622, "quarterdeck", ED25519)
    text = client_config("MT-2026-00001", ["web01", "db01"], door, identity_file="~/.ssh/id_ecdsa")
    assert text.count("\nHost ") == 2
    assert 'CertificateFile "~/.ssh/quarterdeck/MT-2026-00001-db01-cert.pub"' in text
    assert door.known_hosts_line == f"quarterdeck-gate {ED25519}"


@pytest.mark.parametrize("path", ["", "key", '/tmp/"x', "/tmp/a\nb", "/tmp/%h", "/tmp/$HOME", "-x"])
def test_a_path_that_cannot_be_quoted_is_refused(path: str) -> None:
    door = GateDoor("127.0.0.1", 8622, "quarterdeck", ED25519)
    with pytest.raises(ValueError, match="path"):
        client_config("MT-2026-00001", ["web01"], door, identity_file=path)


@pytest.mark.parametrize("name", BAD_NAMES)
def test_no_file_is_named_after_a_bad_name(name: str) -> None:
    with pytest.raises(Refused):
        certificate_file_name("MT-2026-00001", name)
    with pytest.raises(Refused):
        certificate_file_name(name, "web01")


def test_a_match_block_that_opens_something_is_a_door_and_another_is_none() -> None:
    expected, server = prepared()
    harmless = MatchBlock("Group sftponly", ("chrootdirectory", "x11forwarding"))
    assert doors_of_server(replace(server, matches=(harmless,)), expected) == []
    opening = MatchBlock("Address 198.51.100.0/24\x1b[2J", ("passwordauthentication", "banner", "allowusers"))
    (door,) = doors_of_server(replace(server, matches=(opening,)), expected)
    assert "a Match block (Address 198.51.100.0/24?[2J) sets passwordauthentication, allowusers" in door
