"""Session after session: nothing stays behind in the gate's processes, on its disk, or among the processes."""

import os
import subprocess
from pathlib import Path

import pytest
from tests.lab.gate_lab import gate_lab, wait_for

from quarterdeck.entrypoints.gate.processes import descendants_of

CYCLES = int(os.environ.get("QD_TEST_GATE_CYCLES", "150"))
FEW = 30
MOST_GROWTH_KIB = 2048  # of gate and forker together: a descriptor or a line kept for each session shows at once


def held(lab):
    """What the gate holds while no session runs: descriptors of each process by its number, and its dial folders."""
    processes = [lab.gate.pid, *descendants_of(lab.gate.pid)]
    return {one: len(os.listdir(f"/proc/{one}/fd")) for one in processes}


def size(lab):
    total = 0
    for one in (lab.gate.pid, *descendants_of(lab.gate.pid)):
        rows = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
        total += next(int(row.split()[1]) for row in rows if row.startswith("Private_Dirty"))
    return total


def cycles(lab, ticketed, count):
    """Open and close sessions in turn: a command, a command that fails, one that the client breaks off."""
    for number in range(count):
        if number % 10 == 9:
            client = lab.start(ticketed, "echo here; sleep 60", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            assert client.stdout.readline() == b"here\n"
            client.kill()
            client.communicate()
        else:
            assert lab.run(ticketed, f"exit {number % 3}").returncode == number % 3
    wait_for(lambda: not lab.children(), 30, lambda: f"the end of {lab.children()}")


@pytest.mark.skipif(os.geteuid() != 0, reason="not run here: only root may look into the gate's processes")
def test_many_sessions_leave_nothing_behind():
    with gate_lab() as lab:
        ticketed = lab.grant()
        cycles(lab, ticketed, FEW)
        wait_for(lambda: len(held(lab)) == 3, 10, lambda: f"gate, forker and sshd alone: {held(lab)}")
        before, dirty = held(lab), size(lab)
        cycles(lab, ticketed, CYCLES)
        wait_for(lambda: held(lab) == before, 10, lambda: f"{before}, but {held(lab)}")
        assert size(lab) - dirty < MOST_GROWTH_KIB
        assert len(lab.sealed(ticketed, FEW + CYCLES, 30)) == FEW + CYCLES
