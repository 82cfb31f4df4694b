"""What protects a system: encryption, start-up, firmware, access control in the kernel. Runs there: Python 3.6."""

import glob
import json
import os

from quarterdeck.baselines.target.posture import fact, lines_digest, text_of, tool

EFI = "/sys/firmware/efi/efivars/"
EFI_GLOBAL = "-8be4df61-93ca-11d2-aa0d-00e098032b8c"
DMI = ("sys_vendor", "product_name", "board_name", "board_version", "bios_vendor", "bios_version", "bios_date",
       "bios_release", "ec_firmware_release")  # fmt: skip
GUARDS = ("auditd", "apparmor", "firewalld", "nftables", "ufw", "iptables", "fail2ban", "fapolicyd", "usbguard",
          "clamav-daemon", "clamd@scan", "falcon-sensor", "mdatp", "sentinelone", "wazuh-agent", "ossec", "auditbeat",
          "aide", "rsyslog", "chronyd", "chrony", "systemd-timesyncd")  # fmt: skip
SYSCTLS = ("kernel/randomize_va_space", "kernel/yama/ptrace_scope", "kernel/kptr_restrict", "kernel/dmesg_restrict",
           "kernel/unprivileged_bpf_disabled", "kernel/modules_disabled", "kernel/kexec_load_disabled",
           "fs/protected_symlinks", "fs/protected_hardlinks", "fs/suid_dumpable", "net/ipv4/ip_forward",
           "net/ipv4/tcp_syncookies", "net/ipv4/conf/all/rp_filter", "net/ipv6/conf/all/forwarding")  # fmt: skip


def luks_two(text: str) -> str:
    """Return what a LUKS2 header's JSON says without salts and digests: cipher, key slots, tokens, flags."""
    told = json.loads(text)
    slots = sorted((number, slot) for number, slot in told.get("keyslots", {}).items())
    ciphers = sorted({one.get("encryption", "none") for one in told.get("segments", {}).values()})
    kinds = ["{} {} {}".format(n, slot.get("type"), slot.get("kdf", {}).get("type")) for n, slot in slots]
    tokens = sorted(str(one.get("type")) for one in told.get("tokens", {}).values())
    flags = sorted(map(str, told.get("config", {}).get("flags", [])))
    parts = [("cipher", ciphers), ("keyslots", kinds), ("tokens", tokens), ("flags", flags)]
    return "LUKS2, " + ", ".join(name + " " + ("; ".join(values) or "none") for name, values in parts)


def luks_one(lines: "list[str]") -> str:
    """Return what a LUKS1 header says: cipher and which key slots are in use."""
    pairs = [line.partition(":") for line in lines]
    told = {name.strip(): value.strip() for name, _, value in pairs}
    slots = [name for name, value in told.items() if name.startswith("Key Slot ") and value == "ENABLED"]
    cipher = told.get("Cipher name", "unknown") + "-" + told.get("Cipher mode", "unknown")
    return "LUKS1, cipher " + cipher + ", keyslots " + ("; ".join(name[9:] for name in sorted(slots)) or "none")


def luks_header(device: str) -> str:
    """Return a LUKS header in words and the digest of the whole of it, which moves with every key that is changed."""
    lines = tool("cryptsetup", "luksDump", device)
    if any(line.split() == ["Version:", "2"] for line in lines):
        lines = tool("cryptsetup", "luksDump", "--dump-json-metadata", device)
        return luks_two("\n".join(lines)) + ", header " + lines_digest(lines)
    return luks_one(lines) + ", header " + lines_digest(lines)


def luks() -> "dict[str, str]":
    """Return every LUKS device with its header in words; an unreadable one says so."""
    rows = [line.split() for line in tool("lsblk", "-nrpo", "NAME,TYPE,FSTYPE")]
    found = {}
    for device in sorted({row[0] for row in rows if "crypto_LUKS" in row}):
        told = fact(luks_header, device)
        found[device] = str(told.get("value", "not readable: {}".format(told.get("error"))))
    return found


def crypt_mappings() -> "dict[str, str]":
    """Return the open encrypted devices: cipher and length; the kernel shows no keys here and none is asked for."""
    found = {}
    for line in tool("dmsetup", "table", "--target", "crypt"):
        name, _, rest = line.partition(": ")
        words = rest.split()
        if len(words) > 3 and words[2] == "crypt":
            found[name] = "cipher " + words[3] + ", sectors " + words[1]
    return found


def mounts() -> "dict[str, str]":
    """Return what is mounted where: device, type and options by mount point; the topmost of several on one point."""
    found = {}
    for line in text_of("/proc/self/mounts").splitlines():
        device, point, kind, options = line.split()[:4]
        found[point] = kind + " " + device + " " + ",".join(sorted(options.split(",")))
    return found


def efi_switch(name: str) -> str:
    """Return `on` or `off` of one switch of the firmware, `none` where the system was not started by EFI."""
    if not os.path.isdir("/sys/firmware/efi"):
        return "none"
    with open(EFI + name + EFI_GLOBAL, "rb") as source:
        return "on" if source.read()[4:5] == b"\1" else "off"


def firmware() -> "dict[str, str]":
    """Return versions of the firmware that the kernel knows: board, processor, TPM, drives, network cards."""
    found = {}
    for name in DMI:
        if os.path.exists("/sys/class/dmi/id/" + name):
            found[name] = text_of("/sys/class/dmi/id/" + name)
    for line in text_of("/proc/cpuinfo").splitlines():
        if line.startswith("microcode"):
            found["microcode"] = line.partition(":")[2].strip()
    for pattern in ("/sys/class/nvme/*/firmware_rev", "/sys/class/scsi_device/*/device/rev",
                    "/sys/class/tpm/*/tpm_version_major"):  # fmt: skip
        for path in sorted(glob.glob(pattern)):
            found[path[len("/sys/class/") :]] = text_of(path)
    return found


def apparmor() -> str:
    """Return whether AppArmor is on and how many profiles are in force."""
    if text_of("/sys/module/apparmor/parameters/enabled") != "Y":
        return "off"
    path = "/sys/kernel/security/apparmor/profiles"
    lines = text_of(path).splitlines() if os.path.exists(path) else []
    return "on, {} profiles enforced".format(len([line for line in lines if line.endswith("(enforce)")]))


def guard_states() -> "dict[str, str]":
    """Return of the services that protect a system, as far as they are installed, `on` or `off`."""
    if not os.path.isdir("/run/systemd/system"):
        return {}
    found = {}
    for name in GUARDS:
        told = dict(line.partition("=")[::2] for line in tool("systemctl", "show", "-p", "LoadState,ActiveState", name))
        if told.get("LoadState") in ("loaded", "masked"):
            found["service " + name] = "on" if told.get("ActiveState") == "active" else "off"
    return found


def protections() -> "dict[str, str]":
    """Return each protection by name; a value begins with `on`, `off` or `none` where there is a switch."""
    found = guard_states()
    selinux = "/sys/fs/selinux/enforce"
    if os.path.exists(selinux):
        found["SELinux"] = "on" if text_of(selinux) == "1" else "off"
    if os.path.exists("/sys/module/apparmor/parameters/enabled"):
        found["AppArmor"] = apparmor()
    lockdown = "/sys/kernel/security/lockdown"
    if os.path.exists(lockdown):
        mode = text_of(lockdown).partition("[")[2].partition("]")[0]
        found["kernel lockdown"] = "off" if mode == "none" else "on, " + mode
    found["secure boot"] = str(fact(efi_switch, "SecureBoot").get("value", "not readable"))
    for name in SYSCTLS:
        if os.path.exists("/proc/sys/" + name):
            told = fact(text_of, "/proc/sys/" + name)
            found["sysctl " + name.replace("/", ".")] = str(told.get("value", told.get("error")))
    policy = "/etc/crypto-policies/state/current"
    if os.path.exists(policy):
        found["crypto policy"] = text_of(policy)
    return found


def firewall() -> str:
    """Return the digest of the rules of the kernel's packet filter and how many there are; counters left out."""
    rules = [line for line in tool("nft", "-s", "list", "ruleset") if line.strip()]
    return f"{len(rules)} lines, {lines_digest(rules)}" if rules else "off"
