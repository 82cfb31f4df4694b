"""`python sftp_proxy.py EVENTS ALLOWANCE SERVER`: the auditor between a client and OpenSSH's server, nothing else."""

import json
import os
import select
import subprocess
import sys
from pathlib import Path

from quarterdeck.entrypoints.gate.sftp_audit import SftpAudit
from quarterdeck.sessions.terms import Allowance, encode_told


def write(descriptor, data):
    data = bytes(data)
    while data:
        data = data[os.write(descriptor, data) :]


def main(events, allowance, server):
    with Path(events).open("w") as told, subprocess.Popen([server], stdin=-1, stdout=-1) as process:
        audit = SftpAudit(Allowance(**json.loads(allowance)), lambda one: told.write(encode_told(one) + "\n"))
        waiter = select.poll()
        for descriptor in (0, process.stdout.fileno()):
            waiter.register(descriptor, select.POLLIN)
        while True:
            for descriptor, _ in waiter.poll():
                chunk = os.read(descriptor, 65536)
                if descriptor == 0 and not chunk:
                    process.stdin.close()
                    waiter.unregister(0)
                elif descriptor == 0:
                    write(process.stdin.fileno(), audit.from_client(chunk))
                elif not chunk:
                    audit.finish(complete=True)
                    return
                else:
                    write(1, audit.from_server(chunk))
                write(1, audit.for_client())


if __name__ == "__main__":
    main(*sys.argv[1:])
