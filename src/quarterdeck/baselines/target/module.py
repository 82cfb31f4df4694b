"""Which cryptography this system's ssh uses: versions, FIPS flag, OpenSSL's providers. Runs there: Python 3.6."""

import subprocess

from quarterdeck.baselines.target.posture import ENVIRONMENT, fact, text_of, tool


def spoken(*words: str) -> str:
    """Return the first line that a program writes, on whichever stream; `ssh -V` uses standard error."""
    done = subprocess.check_output(
        words, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT, env=ENVIRONMENT, timeout=60
    )
    return done.decode("utf-8", "backslashreplace").splitlines()[0]


def providers() -> "list[str]":
    """Return name, version and state of each loaded OpenSSL provider, as `openssl list -providers` says."""
    lines = [line.strip() for line in tool("openssl", "list", "-providers")]
    return [line for line in lines if line.startswith(("name:", "version:", "status:"))]


def cryptography() -> "dict[str, object]":
    """Return all of it; whether a module is validated stands in no file of the system."""
    return {
        "openssh": fact(spoken, "ssh", "-V"),
        "openssl": fact(spoken, "openssl", "version"),
        "fips": fact(text_of, "/proc/sys/crypto/fips_enabled"),
        "providers": fact(providers),
    }
