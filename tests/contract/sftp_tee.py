"""`python sftp_tee.py CAPTURE SERVER`: passes bytes between a client and OpenSSH's server, and keeps them in order."""

import os
import select
import subprocess
import sys
from pathlib import Path


def write(descriptor, data):
    while data:
        data = data[os.write(descriptor, data) :]


def main(capture, server):
    with Path(capture).open("wb") as kept, subprocess.Popen([server], stdin=-1, stdout=-1) as process:
        waiter = select.poll()
        for descriptor in (0, process.stdout.fileno()):
            waiter.register(descriptor, select.POLLIN)
        while True:
            for descriptor, _ in waiter.poll():
                chunk = os.read(descriptor, 65536)
                kept.write((b"C" if descriptor == 0 else b"S") + len(chunk).to_bytes(4, "big") + chunk)
                if descriptor == 0 and not chunk:
                    process.stdin.close()
                    waiter.unregister(0)
                elif descriptor == 0:
                    write(process.stdin.fileno(), chunk)
                elif not chunk:
                    return
                else:
                    write(1, chunk)


if __name__ == "__main__":
    main(*sys.argv[1:])
