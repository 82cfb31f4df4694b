"""The whole posture of a system, fact by fact. Runs on the target: Python 3.6, standard library."""

import os

from quarterdeck.baselines.target.posture import (
    encryption,
    fact,
    file_digest,
    is_local,
    listening,
    package_files,
    packages,
    text_of,
    tool,
)
from quarterdeck.baselines.target.powers import accounts, privileged_groups, sshd_effective, sudo_rules
from quarterdeck.baselines.target.protection import crypt_mappings, firewall, firmware, luks, mounts, protections


def posture(arguments: "list[str]") -> "dict[str, dict[str, object]]":
    """Return the system's security posture as facts; secrets only as digests."""
    found = {
        "kernel": fact(lambda: " ".join(os.uname()[2:])),
        "kernel.command": fact(text_of, "/proc/cmdline"),
        "listening": fact(lambda: [line for line in listening() if not is_local(line)]),
    }
    found["listening.local"] = fact(lambda: [line for line in listening() if is_local(line)])
    for path in ("passwd", "group", "shadow", "sudoers", "sudoers.d", "ssh", "crypttab", "fstab", "crontab", "cron.d"):
        found["etc." + path] = fact(file_digest, "/etc/" + path)
    found["accounts"] = fact(accounts)
    found["groups"] = fact(privileged_groups)
    found["sudo"] = fact(sudo_rules)
    found["sshd"] = fact(sshd_effective)
    found["fips"] = fact(text_of, "/proc/sys/crypto/fips_enabled")
    found["services"] = fact(tool, "systemctl", "list-unit-files", "--state=enabled", "--no-legend", "--plain")
    found["packages"] = fact(packages)
    found["mounts"] = fact(mounts)
    found["swap"] = fact(lambda: [line.split()[0] for line in text_of("/proc/swaps").splitlines()[1:]])
    found["encryption"] = fact(encryption)
    found["luks"] = fact(luks)
    found["crypt"] = fact(crypt_mappings)
    found["firmware"] = fact(firmware)
    found["protections"] = fact(protections)
    found["firewall"] = fact(firewall)
    for argument in arguments:
        if not argument.startswith("since="):
            raise SystemExit("posture takes since=SECONDS, not " + argument)
        found["package_files"] = fact(package_files, int(argument[6:]))
    return found
