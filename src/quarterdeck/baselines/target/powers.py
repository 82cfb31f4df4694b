"""Who may do what on a system: accounts, privileged groups, sudo rules, effective sshd. Runs there: Python 3.6."""

import grp
import os
import pwd

from quarterdeck.baselines.target.posture import text_of, tool

PRIVILEGED = ("root", "sudo", "wheel", "admin", "adm", "disk", "shadow", "docker", "lxd", "libvirt", "kvm",
              "systemd-journal", "staff")  # fmt: skip
NO_SHELL = ("/nologin", "/false", "/sync", "/shutdown", "/halt")


def password_states() -> "dict[str, str]":
    """Return for each account whether it has a password, never the hash itself; nothing where only root may look."""
    try:
        lines = text_of("/etc/shadow").splitlines()
    except OSError:
        return {}
    found = {}
    for line in lines:
        name, word = [*line.split(":"), ""][:2]
        found[name] = "none" if not word else "locked" if word[0] in "!*" else "set"
    return found


def accounts() -> "dict[str, str]":
    """Return each account that is root, may log in or has a password: uid, groups, shell, state of the password."""
    states = password_states()
    found = {}
    for one in pwd.getpwall():
        may_log_in = not one.pw_shell.endswith(NO_SHELL)
        state = states.get(one.pw_name, "not readable" if not states else "none")
        if one.pw_uid == 0 or may_log_in or state == "set":
            groups = sorted({group.gr_name for group in grp.getgrall() if one.pw_name in group.gr_mem})
            found[one.pw_name] = "uid {}, gid {}, groups {}, shell {}, password {}".format(
                one.pw_uid, one.pw_gid, " ".join(groups) or "none", one.pw_shell or "/bin/sh", state
            )
    return found


def privileged_groups() -> "dict[str, str]":
    """Return who belongs to each group that gives power, by membership or as the account's first group."""
    found = {}
    for group in grp.getgrall():
        if group.gr_gid == 0 or group.gr_name in PRIVILEGED:
            first = {one.pw_name for one in pwd.getpwall() if one.pw_gid == group.gr_gid}
            found[group.gr_name] = " ".join(sorted(first | set(group.gr_mem))) or "nobody"
    return found


def sudo_rules() -> "list[str]":
    """Return the lines of sudo's files that mean something, each with the file it stands in."""
    paths = ["/etc/sudoers"]
    if os.path.isdir("/etc/sudoers.d"):
        # sudo itself leaves out names with a dot or a tilde at the end.
        names = [name for name in sorted(os.listdir("/etc/sudoers.d")) if "." not in name and name[-1] != "~"]
        paths += ["/etc/sudoers.d/" + name for name in names]
    found = []
    for path in paths:
        for line in text_of(path).replace("\\\n", " ").splitlines():
            words = " ".join(line.split())
            if words and (words[0] != "#" or words.startswith(("#include", "#includedir"))):
                found.append(path + ": " + words)
    return found


def sshd_effective() -> "dict[str, str]":
    """Return the effective settings of sshd by keyword; a keyword that may repeat has its values in order."""
    found = {}  # type: dict[str, str]
    for line in tool("sshd", "-T"):
        keyword, _, value = line.partition(" ")
        found[keyword] = found[keyword] + "; " + value if keyword in found else value
    return found
