"""What each family of network devices is asked, and how its answers read: commands, ends, refusals, secrets. Data.

The commands are those of the makers' documentation and change nothing. Which lines move by themselves and which carry
secrets was learnt from what RANCID and Oxidized leave out.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

CONFIGURATION, VERSION, IMAGE = "configuration", "version", "image"


@dataclass(frozen=True, slots=True)
class Family:
    """One family: fixed commands by step, and how to read what they print.

    `firmware` finds facts in the answer to VERSION; `image_name` finds there which image is asked about in IMAGE, whose
    command has `{image}` in that place (empty: the command is fixed); `image_hash` finds the hash. `ends` is what a
    whole configuration ends with. `moving` are lines that change by themselves, `secrets` have the secret as their last
    group; where `cycling`, the device enciphers them anew each time, so that no change of them can be seen;
    `inside` pairs a block with what is a secret there only.
    """

    name: str
    commands: Mapping[str, str]
    firmware: Mapping[str, re.Pattern[str]]
    image_name: re.Pattern[str] | None = None
    image_hash: re.Pattern[str] | None = None
    ends: re.Pattern[str] | None = None
    moving: tuple[re.Pattern[str], ...] = ()
    secrets: tuple[re.Pattern[str], ...] = ()
    cycling: tuple[re.Pattern[str], ...] = ()
    inside: tuple[tuple[re.Pattern[str], re.Pattern[str]], ...] = ()


def _lines(*patterns: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern, re.MULTILINE | re.IGNORECASE) for pattern in patterns)


def _found(**patterns: str) -> Mapping[str, re.Pattern[str]]:
    return MappingProxyType({name: re.compile(said, re.MULTILINE | re.IGNORECASE) for name, said in patterns.items()})


def _one(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.MULTILINE | re.IGNORECASE)


# Digits after the word say how the device stores it (Cisco: 0 plain, 5 MD5, 7 reversible, 8 PBKDF2, 9 scrypt).
_CISCO_SECRETS = _lines(
    r"^(.*\b(?:password|secret|passphrase|pre-shared-key(?: (?:local|remote))?)\s+(?:level \d+ )?"
    r"(?:(?:\d|hex) )?)(\S+)",
    r"^(\s*snmp-server community\s+(?:\d )?)(\S+)",
    r"^(\s*snmp-server host .*(?:version (?:1|2c)|traps|informs) )(\S+)",
    r"^(\s*snmp-server user .*?auth (?:md5|sha\S*) )(\S+)",
    r"^(\s*snmp-server user .*priv (?:(?:aes|des|3des)(?: \d+|-\d+)? )?)(\S+)",
    r"^(.*\bkey-string\s+(?:\d )?)(\S+)",
    r"^(\s*(?:tacacs-server|radius-server) .*\bkey\s+(?:\d )?)(\S+)",
    r"^(\s*key\s+(?:[0-9] ))(\S+)",
    r"^(\s*crypto isakmp key\s+(?:\d )?)(\S+)",
    r"^(\s*ip ospf (?:authentication-key|message-digest-key \d+ md5)\s+(?:\d )?)(\S+)",
    r"^(\s*(?:vtp password|standby \d+ authentication(?: md5 key-string)?|wpa-psk \S+)\s+(?:\d )?)(\S+)",
)
_GENERIC_SECRETS = _lines(
    r"^(.*\b(?:password|passwd|secret|community|passphrase|psk|pre-shared-key|key-string|shared-secret)\s+"
    r"(?:(?:\d{1,2}|encrypted|plaintext|ciphertext|cipher|simple|hash(?:ed)?|sha\d*) )?)(\S+)",
    r"^(.*\b(?:sha1|sha256|sha512|md5|bcrypt|encrypted|hash)\s+)(\"?[0-9A-Za-z$./+=]{16,})",
)
_KERNEL = "sha256 -q /boot/kernel/kernel"
_XML_NAMES = (
    "bcrypt-hash|sha512-hash|md5-hash|password|passwordagain|passwd|pre-shared-key|presharedkey|psk|prv|privatekey|"
    "shared_key|tls|tls_auth|secret|radius_secret|sharedsecret|ldap_bindpw|crypto_password|passphrase|wpa_passphrase|"
    "auth_pass|authkey|apikey|api_key|token|otp_seed|rocommunity|community|privkey|proxypass|ipsecpsk|varusersotpinit"
)
_XML_SECRETS = _lines(
    rf"(<(?:{_XML_NAMES})(?: [^<>]*)?>)([^<]+)(?=</)",
    r"(<!\[CDATA\[[^\]]*(?:password|secret)\s*=\s*)(\S+)",
)

FAMILIES: Mapping[str, Family] = MappingProxyType({
    one.name: one
    for one in (
        Family(
            "cisco_ios",
            {VERSION: "show version", CONFIGURATION: "show running-config", IMAGE: "verify /sha512 {image}"},
            _found(
                version=r"^Cisco .*?Version ([^,\s]+)", image=r'^System image file is "([^"]+)"',
                bootloader=r"^(?:BOOTLDR|ROM): (.+?)\s*$", serial=r"^Processor board ID (\S+)",
                register=r"^Configuration register is (\S+)", model=r"^Model number\s*:\s*(\S+)",
            ),
            image_name=_one(r'^System image file is "([a-z0-9]{2,12}:/?[A-Za-z0-9._/-]{1,120})"'),
            image_hash=_one(r"^verify /sha512 \(.{1,200}\) = ([0-9a-f]{128})\s*$"),
            ends=_one(r"^end\s*\Z"),
            moving=_lines(
                r"^Building configuration\.\.\.$", r"^Current configuration ?: \d+ bytes$",
                r"^! (?:Last configuration change|NVRAM config last updated|No configuration change since) .*$",
                r"^ntp clock-period \d+$",
            ),
            secrets=_CISCO_SECRETS,
        ),
        Family(
            "cisco_nxos",
            {VERSION: "show version", CONFIGURATION: "show running-config", IMAGE: "show file {image} sha256sum"},
            _found(
                version=r"^\s*(?:NXOS|system):\s+version (\S+)", bios=r"^\s*BIOS:\s+version (\S+)",
                image=r"^\s*(?:NXOS|system) image file is:\s+(\S+)", serial=r"^\s*Processor Board ID (\S+)",
            ),
            image_name=_one(r"^\s*(?:NXOS|system) image file is:\s+([a-z0-9]{2,12}:/{0,3}[A-Za-z0-9._/-]{1,120})\s*$"),
            image_hash=_one(r"^\s*([0-9a-f]{64})\s*$"),
            moving=_lines(r"^!(?:Time|Command|Running configuration last done at): .*$"),
            secrets=_CISCO_SECRETS,
        ),
        Family(
            "junos",
            {VERSION: "show version", CONFIGURATION: "show configuration | display set"},
            _found(version=r"^Junos: (\S+)", model=r"^Model: (\S+)", kernel=r"^JUNOS OS Kernel .*?\[(\S+)\]"),
            moving=_lines(r"^## Last (?:changed|commit): .*$"),
            secrets=(
                *_lines(r'^(set .*?")(\$[0-9A-Za-z]+\$[^"]+)(?=")'),
                *_lines(
                    r"^(set .*\b(?:community|secret|authentication-key|key|ascii-text|hexadecimal|simple-password|"
                    r'encrypted-password|plain-text-password-value|passphrase) "?)([^\s"]+)'
                ),
            ),
        ),
        Family(
            "fortios",
            {VERSION: "get system status", CONFIGURATION: "show full-configuration"},
            _found(
                version=r"^Version: (.+?)\s*$", bios=r"^BIOS version: (\S+)", serial=r"^Serial-Number: (\S+)",
                fips=r"^FIPS-CC mode: (\S+)",
            ),
            ends=_one(r"^end\s*(?:\n.{0,64}[#$] ?)?\Z"),
            moving=_lines(r"^#conf_file_ver=.*$", r":user=\S+$"),
            secrets=_lines(
                r"^(\s*set (?:passwd|password|passphrase|psksecret|secret|key|community|name-secret) "
                r'"?)(?!ENC )([^\s"]+)'
            ),
            cycling=(
                *_lines(r"^(\s*set \S+ ENC )(\S+)"),
                re.compile(
                    r"(-----BEGIN (?:ENCRYPTED |RSA |EC |OPENSSH )?PRIVATE KEY-----)(.*?)(?=-----END)", re.DOTALL
                ),
            ),
            inside=(
                (
                    re.compile(r"^config system snmp community$.*?^end$", re.DOTALL | re.MULTILINE),
                    _one(r'^(\s*set name ")([^"]+)'),
                ),
            ),
        ),
        Family(
            "pfsense",
            {VERSION: "cat /etc/version", CONFIGURATION: "cat /conf/config.xml", IMAGE: _KERNEL},
            _found(version=r"\A(\S+)\s*$"),
            image_hash=_one(r"^([0-9a-f]{64})$"),
            ends=_one(r"^</pfsense>\s*\Z"),
            moving=(re.compile(r"^\t?<revision>.*?^\t?</revision>\n", re.DOTALL | re.MULTILINE),),
            secrets=_XML_SECRETS,
        ),
        Family(
            "opnsense",
            {VERSION: "opnsense-version", CONFIGURATION: "cat /conf/config.xml", IMAGE: _KERNEL},
            _found(version=r"^OPNsense (\S+.*?)\s*$"),
            image_hash=_one(r"^([0-9a-f]{64})$"),
            ends=_one(r"^</opnsense>\s*\Z"),
            moving=(re.compile(r"^\s*<revision>.*?</revision>\n", re.DOTALL | re.MULTILINE),),
            secrets=_XML_SECRETS,
        ),
        Family(
            "other_device",
            {VERSION: "show version", CONFIGURATION: "show running-config"},
            _found(version=r"^.*?\b(?:software|firmware|image|os)?\s*(?:version|revision)\b\s*[:=]?\s*(\S+)"),
            moving=_lines(r"^[!#].*\b(?:time|date|last (?:change|modif)|generated|uptime)\b.*$"),
            secrets=(*_CISCO_SECRETS, *_GENERIC_SECRETS),
        ),
    )
})  # fmt: skip
