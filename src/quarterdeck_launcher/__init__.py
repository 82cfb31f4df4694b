"""The program that the gate's `sshd` forces: hands its descriptors to the gate and waits for the exit status.

Standard library only and almost no imports, because it starts once for every channel of every connection.
"""
