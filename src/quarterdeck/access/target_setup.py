"""The files that make a Linux target admit only certificates of our target authority, and the script to install them.

Pure text. One drop-in that comes first (sshd keeps the first value it reads), one principals file per account, the
authority's public key, an empty revocation list. Serves 3.1.14[b] (remote access through managed points) and 3.4.5[h].
"""

import base64
import hashlib
import ipaddress
import shlex
from collections.abc import Mapping, Sequence

from quarterdeck.access.certificates import certificate_blob, read_host_certificate, read_public_key
from quarterdeck.access.places import target_principal
from quarterdeck.access.sole_path import Expected
from quarterdeck.kernel.decision import Decision, all_of, require_that
from quarterdeck.kernel.names import is_account, is_hostname, is_watched_root

FOLDER = "/etc/ssh/quarterdeck"
DROP_IN = "/etc/ssh/sshd_config.d/00-quarterdeck.conf"
MAIN_CONFIG = "/etc/ssh/sshd_config"
BACKUPS = "/var/backups"
REVOKED = "revoked_keys"
HOST_CERTIFICATE_FILE = "host_key-cert.pub"
RELOAD = """if command -v systemctl > /dev/null && [ -d /run/systemd/system ]; then
    systemctl reload ssh 2> /dev/null || systemctl reload sshd
else
    pid=$(cat /run/sshd.pid 2> /dev/null || true)
    [ -z "$pid" ] || kill -HUP "$pid"
fi
"""
_END = "QUARTERDECK_END"


def reload_by(pid_file: str) -> str:
    """Return the script's lines that reload the one sshd whose process id stands in this file."""
    return f'kill -HUP "$(cat {shlex.quote(pid_file)})"\n'


def target_files(
    *,
    hostname: str,
    accounts: Sequence[str],
    authority: str,
    gate_address: str,
    folder: str = FOLDER,
    drop_in: str = DROP_IN,
    host_certificate: str = "",
) -> dict[str, str]:
    """Return path -> content of every file of a prepared target; Refused for a name outside the grammar.

    `authority` is the public key line of the target CA, `gate_address` the address from which the gate connects,
    `host_certificate` the line that the host authority signed for this host, if there is one.
    """
    _may_prepare(hostname, accounts, folder, drop_in).require()
    address = str(ipaddress.ip_address(gate_address))
    files = {
        f"{folder}/target_ca.pub": read_public_key(authority).line + " quarterdeck-target-ca\n",
        f"{folder}/{REVOKED}": "",
        drop_in: sshd_drop_in(accounts, address, folder),
    }
    if host_certificate:
        _is_certificate_of(hostname, host_certificate)
        files[f"{folder}/{HOST_CERTIFICATE_FILE}"] = host_certificate.strip() + "\n"
        files[drop_in] += f"HostCertificate {folder}/{HOST_CERTIFICATE_FILE}\n"
    for account in accounts:
        files[f"{folder}/principals/{account}"] = target_principal(account, hostname) + "\n"
    return files


def expected_target(*, hostname: str, account: str, authority: str, gate_address: str) -> Expected:
    """Return what a target must show that `target_files` prepared for this account."""
    files = target_files(hostname=hostname, accounts=[account], authority=authority, gate_address=gate_address)
    return Expected(
        authority_sha256=_sha256(files[f"{FOLDER}/target_ca.pub"]),
        principals_sha256=_sha256(files[f"{FOLDER}/principals/{account}"]),
        account=account,
        gate_address=str(ipaddress.ip_address(gate_address)),
    )


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def sshd_drop_in(accounts: Sequence[str], gate_address: str, folder: str = FOLDER) -> str:
    """Return the drop-in of `sshd_config`: certificates of one authority, from the gate, for the named accounts."""
    root = "prohibit-password" if "root" in accounts else "no"
    users = " ".join(f"{account}@{gate_address}" for account in accounts)
    return f"""# Made by Quarterdeck. Remote access only through the gate; changes here open or shut a door.
TrustedUserCAKeys {folder}/target_ca.pub
AuthorizedPrincipalsFile {folder}/principals/%u
AuthorizedPrincipalsCommand none
AuthorizedKeysFile none
AuthorizedKeysCommand none
RevokedKeys {folder}/revoked_keys
PubkeyAuthentication yes
AuthenticationMethods publickey
PasswordAuthentication no
KbdInteractiveAuthentication no
HostbasedAuthentication no
GSSAPIAuthentication no
KerberosAuthentication no
PermitEmptyPasswords no
PermitRootLogin {root}
PermitUserRC no
PermitUserEnvironment no
AllowUsers {users}
DisableForwarding yes
PermitTunnel no
MaxAuthTries 3
LoginGraceTime 30
LogLevel VERBOSE
"""


def target_script(
    files: Mapping[str, str],
    *,
    main_config: str = MAIN_CONFIG,
    backups: str = BACKUPS,
    reload: str = RELOAD,
    revoked: bytes = b"",
) -> str:
    """Return a POSIX shell script, run as root on the target, that keeps a backup, installs, tests, then reloads sshd.

    `revoked` is the revocation list, which is no text and travels as base64; without one the file stays empty. When the
    test of the new configuration fails, what was there before is put back and sshd is not touched.
    """
    folder = next(path for path in files if path.endswith(".conf")).rpartition("/")[0]
    parts = [
        _SCRIPT_HEAD.format(
            main=shlex.quote(main_config), include=shlex.quote(f"Include {folder}/*.conf"), backups=shlex.quote(backups)
        )
    ]
    for path, content in files.items():
        if revoked and path.endswith(f"/{REVOKED}"):
            text = base64.b64encode(revoked).decode()
            parts.append(f"base64 -d <<'{_END}' | put {shlex.quote(path)}\n{text}\n{_END}\n")
            continue
        parts.append(f"put {shlex.quote(path)} <<'{_END}'\n{content}{_END}\n")
    return "".join(parts) + _SCRIPT_TEST + reload + _SCRIPT_TAIL


def _is_certificate_of(hostname: str, line: str) -> None:
    """Refuse what is no host certificate of this host: with another one `sshd` shows a name that nobody asks for."""
    try:
        names = read_host_certificate(certificate_blob(line)).principals
    except (ValueError, KeyError):
        names = ()
    require_that(
        hostname in names,
        "host.other_certificate",
        f"The host certificate is not one of {hostname}.",
        "Order one: qd gate host-certificate.",
    ).require()


def _may_prepare(hostname: str, accounts: Sequence[str], folder: str, drop_in: str) -> Decision:
    next_step = "Correct it in the inventory."
    return all_of(
        (
            require_that(is_hostname(hostname), "bad_hostname", "The asset's host name is no host name.", next_step),
            require_that(
                bool(accounts) and all(is_account(a) for a in accounts),
                "bad_account",
                "The target account is not a login name.",
                next_step,
            ),
            require_that(
                is_watched_root(folder) and is_watched_root(drop_in), "bad_path", "Not a plain absolute path.", ""
            ),
        )
    )


_SCRIPT_HEAD = """#!/bin/sh
# Prepares this machine as a maintenance target of Quarterdeck. Run as root, with a second session open.
set -eu
umask 022
main={main}
include={include}
[ "$(id -u)" = 0 ] || {{ echo "Run this as root." >&2; exit 1; }}
backup={backups}/"quarterdeck-$(date -u +%Y%m%dT%H%M%SZ)"
mkdir -p "$backup"
chmod 700 "$backup"
made="$backup/made"
: > "$made"
keep() {{
    if [ -e "$1" ]; then
        mkdir -p "$backup/files$(dirname "$1")"
        cp -p "$1" "$backup/files$1"
    else
        echo "$1" >> "$made"
    fi
}}
put_back() {{
    while read -r path; do rm -f "$path"; done < "$made"
    [ ! -d "$backup/files" ] || cp -Rp "$backup/files/." /
    echo "$1 What was there before was put back; sshd was not touched." >&2
    exit 1
}}
put() {{
    keep "$1"
    mkdir -p "$(dirname "$1")"
    cat > "$1.new"
    chmod 644 "$1.new"
    mv "$1.new" "$1"
}}
first=$(grep -v -E '^[[:space:]]*(#|$)' "$main" | head -n 1)
if [ "$first" != "$include" ]; then
    keep "$main"
    {{ echo "$include"; cat "$main"; }} > "$main.new"
    chmod 644 "$main.new"
    mv "$main.new" "$main"
fi
"""

_SCRIPT_TEST = """sshd=$(command -v sshd || echo /usr/sbin/sshd)
"$sshd" -t -f "$main" || put_back "The new configuration is not valid."
"""

_SCRIPT_TAIL = """echo "Prepared. Backup of what was there before: $backup"
echo "Keep this session open until Quarterdeck has shown the sole-path proof for this target."
"""
