"""The PowerShell script of a Windows target, and the judgement of what its sshd says. Not run on Windows here."""

import base64
import hashlib
import re

import pytest

from quarterdeck.access.api import (
    Expected,
    Server,
    doors_of_server,
    parse_effective,
    read_public_key,
    windows_configuration,
    windows_script,
)
from quarterdeck.adapters.openssh_ca import new_private_key
from quarterdeck.entrypoints.supervisor.target_check import judge
from quarterdeck.kernel.decision import Refused

AUTHORITY = new_private_key()[1]
# What `sshd -T` of a prepared server prints after its documentation; no Windows machine was asked.
PREPARED = """\
port 22
addressfamily any
logingracetime 30
maxauthtries 3
permitrootlogin prohibit-password
pubkeyauthentication yes
kerberosauthentication no
gssapiauthentication no
passwordauthentication no
kbdinteractiveauthentication no
permituserenvironment no
allowtcpforwarding no
allowagentforwarding no
permitemptypasswords no
permituserrc yes
hostbasedauthentication no
loglevel VERBOSE
authorizedkeysfile none
authorizedkeyscommand none
authorizedprincipalscommand none
authorizedprincipalsfile C:/ProgramData/ssh/quarterdeck/principals/%u
trustedusercakeys C:/ProgramData/ssh/quarterdeck/target_ca.pub
revokedkeys C:/ProgramData/ssh/quarterdeck/revoked_keys
authenticationmethods publickey
allowusers maint@192.0.2.5
subsystem sftp sftp-server.exe
"""
# The same of the package's stock configuration, for a member of the administrators.
STOCK = """\
port 22
pubkeyauthentication yes
passwordauthentication yes
kbdinteractiveauthentication no
permitemptypasswords no
hostbasedauthentication no
authorizedkeysfile __PROGRAMDATA__/ssh/administrators_authorized_keys
authorizedkeyscommand none
trustedusercakeys none
authorizedprincipalsfile none
authenticationmethods any
"""


def script(*, account: str = "maint", authority: str = AUTHORITY, revoked: bytes = b"") -> str:
    return windows_script(
        hostname="fs01", accounts=[account], authority=authority, gate_address="192.0.2.5", revoked=revoked
    )


def files(text: str) -> dict[str, bytes]:
    return {name: base64.b64decode(data) for name, data in re.findall(r"^Put '(\S+)' '(\S*)'\r$", text, re.MULTILINE)}


def test_the_script_carries_every_file() -> None:
    carried = files(script(revoked=b"SSHKRL\n\0binary"))
    assert carried["quarterdeck/principals/maint"] == b"qd:maint@fs01\n"
    assert carried["quarterdeck/target_ca.pub"].decode().startswith(read_public_key(AUTHORITY).line)
    assert carried["quarterdeck/revoked_keys"] == b"SSHKRL\n\0binary"
    settings = carried["sshd_config"].decode()
    assert "AllowUsers maint@192.0.2.5\r\n" in settings
    assert "PasswordAuthentication no\r\n" in settings
    assert "Match" not in settings
    assert "AuthorizedPrincipalsFile C:/ProgramData/ssh/quarterdeck/principals/%u\r\n" in settings


def test_it_tests_before_it_restarts_and_guards_every_file() -> None:
    text = script()
    order = ["Guard $Path", "administrators_authorized_keys", "-t -f", "New-NetFirewallRule", "Restart-Service"]
    places = [text.index(word) for word in order]
    assert places == sorted(places)
    assert "/inheritance:r /grant '*S-1-5-18:F' /grant '*S-1-5-32-544:F'" in text
    assert "-RemoteAddress '192.0.2.5'" in text
    assert "Disable-NetFirewallRule" in text
    assert "\n" not in text.replace("\r\n", "")


@pytest.mark.parametrize("account", ["corp\\maint", "maint@corp", "Maint", "a'; Remove-Item C:", ""])
def test_names_that_a_script_could_misread_are_refused(account: str) -> None:
    with pytest.raises(Refused):
        script(account=account)


def judged(text: str) -> list[str]:
    digest = hashlib.sha256(b"x").hexdigest()
    expected = Expected(digest, digest, "maint", "192.0.2.5")
    effective = parse_effective(text.splitlines())
    paths = ("C:/ProgramData/ssh/quarterdeck/target_ca.pub", "C:/ProgramData/ssh/quarterdeck/principals/maint")
    return doors_of_server(
        Server("sshd_config", "maint", "192.0.2.5", effective, dict.fromkeys(paths, digest), windows=True), expected
    )


def test_a_prepared_server_has_no_door() -> None:
    assert judged(PREPARED) == []


def test_the_stock_server_has_its_doors_named() -> None:
    doors = " ".join(judged(STOCK))
    for word in ("passwords are accepted", "authorized_keys files", "no certificate authority", "no AllowUsers"):
        assert word in doors


def test_the_configuration_names_the_host_certificate_only_where_there_is_one() -> None:
    assert "HostCertificate" not in windows_configuration(["maint"], "192.0.2.5", host_certificate=False)
    assert "HostCertificate C:/" in windows_configuration(["maint"], "192.0.2.5", host_certificate=True)


def transcript(text: str, *, authority: str = AUTHORITY) -> str:
    """What the script prints at its end: settings, then the files that it has written, by SHA-256."""
    carried = files(script(authority=authority))
    listed = [
        f"quarterdeck-file {hashlib.sha256(data).hexdigest()} C:/ProgramData/ssh/{name}"
        for name, data in carried.items()
        if name.startswith("quarterdeck/")
    ]
    return "Prepared.\r\n" + text.replace("\n", "\r\n") + "\r\n".join(listed)


def check(text: str) -> list[str]:
    return judge(text, hostname="fs01", account="maint", authority=AUTHORITY, gate_address="192.0.2.5", windows=True)


def test_the_kept_transcript_is_judged_like_a_measured_server() -> None:
    assert check(transcript(PREPARED)) == []
    other = check(transcript(PREPARED, authority=new_private_key()[1]))
    assert other == [
        "sshd -T, account maint from 192.0.2.5: the trusted authorities (TrustedUserCAKeys) are not exactly "
        "Quarterdeck's target authority."
    ]
    assert check(PREPARED), "without the files nothing says which authority is trusted"
    assert len(check("")) > 5
    assert any("passwords are accepted" in door for door in check(transcript(STOCK)))
