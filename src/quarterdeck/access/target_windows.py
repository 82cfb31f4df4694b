"""What makes a Windows OpenSSH server admit certificates of our authority alone: a PowerShell script. Pure text.

Made from the documented behaviour of Win32-OpenSSH: settings lie in ProgramData, the stock configuration ends in a
`Match Group administrators` block that reads administrators_authorized_keys, a key file that others may write is
ignored, and AuthorizedPrincipalsFile is found only by a path with drive letter and forward slashes (its issue 2423).
"""

import base64
import ipaddress
import re
from collections.abc import Sequence

from quarterdeck.access.certificates import certificate_blob, read_host_certificate, read_public_key
from quarterdeck.access.places import target_principal
from quarterdeck.kernel.decision import require_that
from quarterdeck.kernel.names import is_hostname

# Local names only: DOMAIN\\name and name@domain are spelt differently by every part of Windows that compares them.
_ACCOUNT = re.compile(r"[a-z][a-z0-9_-]{0,19}", re.ASCII)
_FOLDER = "C:/ProgramData/ssh/quarterdeck"


def windows_configuration(accounts: Sequence[str], gate_address: str, *, host_certificate: bool) -> str:
    """Return `sshd_config` of a Windows target; no Match block, so that nothing is decided twice.

    What Windows does not know (PAM, root, tunnels, user rc and environment files, commands for keys) is left out.
    """
    users = " ".join(f"{account}@{gate_address}" for account in accounts)
    lines = [
        "# Made by Quarterdeck. Remote access only through the gate; changes here open or shut a door.",
        "Port 22",
        f"TrustedUserCAKeys {_FOLDER}/target_ca.pub",
        f"AuthorizedPrincipalsFile {_FOLDER}/principals/%u",
        "AuthorizedKeysFile none",
        f"RevokedKeys {_FOLDER}/revoked_keys",
        "PubkeyAuthentication yes",
        "AuthenticationMethods publickey",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        "PermitEmptyPasswords no",
        f"AllowUsers {users}",
        "AllowTcpForwarding no",
        "AllowAgentForwarding no",
        "GatewayPorts no",
        "MaxAuthTries 3",
        "LoginGraceTime 30",
        "LogLevel VERBOSE",
        "SyslogFacility LOCAL0",
        "Subsystem sftp sftp-server.exe",
    ]
    if host_certificate:
        lines.append(f"HostCertificate {_FOLDER}/host_key-cert.pub")
    return "\r\n".join(lines) + "\r\n"


def windows_script(
    *,
    hostname: str,
    accounts: Sequence[str],
    authority: str,
    gate_address: str,
    revoked: bytes = b"",
    host_certificate: str = "",
) -> str:
    """Return the PowerShell script, to be read and run elevated; Refused for a name outside the grammar.

    It keeps a copy of what was there, sets the access lists, tests with `sshd -t`, and only then restarts the service.
    """
    require_that(
        is_hostname(hostname) and bool(accounts) and all(_ACCOUNT.fullmatch(one) for one in accounts),
        "target.bad_windows_name",
        "A Windows target needs a host name and local accounts of small letters, digits, dash and underscore.",
        "Use a local account for maintenance, such as maint.",
    ).require()
    address = str(ipaddress.ip_address(gate_address))
    if host_certificate:
        require_that(
            hostname in read_host_certificate(certificate_blob(host_certificate)).principals,
            "host.other_certificate",
            f"The host certificate is not one of {hostname}.",
            "Order one: qd gate host-certificate.",
        ).require()
    files = {
        "quarterdeck/target_ca.pub": (read_public_key(authority).line + " quarterdeck-target-ca\n").encode(),
        "quarterdeck/revoked_keys": revoked,
        **{f"quarterdeck/principals/{one}": (target_principal(one, hostname) + "\n").encode() for one in accounts},
    }
    if host_certificate:
        files["quarterdeck/host_key-cert.pub"] = host_certificate.strip().encode() + b"\n"
    files["sshd_config"] = windows_configuration(accounts, address, host_certificate=bool(host_certificate)).encode()
    puts = "\n".join(f"Put '{name}' '{base64.b64encode(data).decode()}'" for name, data in files.items())
    return _SCRIPT.replace("@PUTS@", puts).replace("@ADDRESS@", address).replace("\n", "\r\n")


_SCRIPT = r"""# Prepares this Windows machine as a maintenance target of Quarterdeck.
# Run in an elevated PowerShell at the console, not over ssh; keep that window open until the new way was tried.
#Requires -RunAsAdministrator
$ErrorActionPreference = 'Stop'
Set-StrictMode -Version 2
$Ssh = Join-Path $env:ProgramData 'ssh'
if ($Ssh -ne 'C:\ProgramData\ssh') { throw 'ProgramData is not C:\ProgramData; the paths in this script are others.' }
$Sshd = Join-Path $env:WINDIR 'System32\OpenSSH\sshd.exe'
if (-not (Test-Path $Sshd)) { $Sshd = Join-Path $env:ProgramFiles 'OpenSSH\sshd.exe' }
if (-not (Test-Path $Sshd)) { throw 'No sshd.exe: add the Windows capability OpenSSH.Server first.' }
$Backup = Join-Path $Ssh ('quarterdeck-backup-' + (Get-Date).ToUniversalTime().ToString('yyyyMMddTHHmmssZ'))
New-Item -ItemType Directory -Path $Backup | Out-Null

# Only SYSTEM and Administrators, by their numbers, since their names are translated. sshd ignores a file that
# others may write, and then reads none at all.
function Guard([string]$Path) {
    & icacls.exe $Path /inheritance:r /grant '*S-1-5-18:F' /grant '*S-1-5-32-544:F' | Out-Null
    if ($LASTEXITCODE -ne 0) { throw "The access list of $Path could not be set." }
}
function Put([string]$Name, [string]$Text) {
    $Path = Join-Path $Ssh $Name
    $Parent = Split-Path $Path
    if (-not (Test-Path $Parent)) { New-Item -ItemType Directory -Path $Parent | Out-Null }
    if (Test-Path $Path) {
        $Kept = Join-Path $Backup $Name
        New-Item -ItemType Directory -Force -Path (Split-Path $Kept) | Out-Null
        Copy-Item $Path $Kept
    }
    [IO.File]::WriteAllBytes($Path, [Convert]::FromBase64String($Text))
    Guard $Path
}

@PUTS@

# The stock configuration ends in `Match Group administrators`, which reads this file for every administrator. Ours has
# no Match block; the file is put aside all the same, so that a later stock configuration finds no old key in it.
$Old = Join-Path $Ssh 'administrators_authorized_keys'
if (Test-Path $Old) {
    Copy-Item $Old (Join-Path $Backup 'administrators_authorized_keys')
    Set-Content -Path $Old -Value $null
    Guard $Old
}

& $Sshd -t -f (Join-Path $Ssh 'sshd_config')
if ($LASTEXITCODE -ne 0) {
    $Before = Join-Path $Backup 'sshd_config'
    if (Test-Path $Before) { Copy-Item $Before (Join-Path $Ssh 'sshd_config') -Force }
    throw 'The new configuration is not valid. What was there before was put back; the service was not touched.'
}

# Only the gate's address reaches the port. Rules of other makers stay and are shown: each is a door.
Get-NetFirewallRule -Name 'OpenSSH-Server-In-TCP' -ErrorAction SilentlyContinue | Disable-NetFirewallRule
Get-NetFirewallRule -Name 'Quarterdeck-Gate-In' -ErrorAction SilentlyContinue | Remove-NetFirewallRule
New-NetFirewallRule -Name 'Quarterdeck-Gate-In' -DisplayName 'Quarterdeck gate (SSH)' -Direction Inbound `
    -Protocol TCP -LocalPort 22 -RemoteAddress '@ADDRESS@' -Action Allow -Profile Any | Out-Null
$Others = Get-NetFirewallPortFilter -Protocol TCP | Where-Object { $_.LocalPort -contains '22' } |
    Get-NetFirewallRule | Where-Object { $_.Enabled -eq 'True' -and $_.Direction -eq 'Inbound' -and
        $_.Action -eq 'Allow' -and $_.Name -ne 'Quarterdeck-Gate-In' }
foreach ($Rule in $Others) { Write-Warning ('This rule lets others reach port 22: ' + $Rule.DisplayName) }

Set-Service -Name sshd -StartupType Automatic
Restart-Service -Name sshd
Write-Output "Prepared. Backup of what was there before: $Backup"
Write-Output 'What sshd says of itself; keep it in a file for qd gate target-check --windows:'
& $Sshd -T -f (Join-Path $Ssh 'sshd_config')
Get-ChildItem (Join-Path $Ssh 'quarterdeck') -Recurse -File | ForEach-Object {
    'quarterdeck-file ' + (Get-FileHash -Algorithm SHA256 $_.FullName).Hash.ToLower() + ' ' +
        ($_.FullName -replace '\\', '/')
}
"""
