"""`python -m quarterdeck.entrypoints.demo [--once] [--out DIR] [--port N]`: the whole job, step by step, timed."""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from quarterdeck.entrypoints.demo import files, proof, reaching, shop, ticket, waiting
from quarterdeck.entrypoints.demo.shop import SERVER, Shop
from quarterdeck.entrypoints.demo.stage import (
    ACCOUNT,
    DemoFailed,
    set_up,
    start_quarterdeck,
    start_target,
)

Step = tuple[str, Callable[[], str]]
FILES = ("package.zip", "passphrase", "allowed_signers", "kept.checkpoint", "report.html", "steps.json", "verify.pyz")
LOG = "quarterdeck.log"


def main(arguments: list[str] | None = None) -> int:
    """Run every step, print what each proved, then serve the web until stopped: 130 then (or end, with --once)."""
    chosen = _parser().parse_args(arguments)
    if chosen.code:
        return _tell_code(chosen.code)
    os.umask(0o077)
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))
    out = Path(chosen.out).resolve() if chosen.out else Path(tempfile.mkdtemp(prefix="quarterdeck-demo-out-"))
    out.mkdir(parents=True, exist_ok=True)
    for stale in (*FILES, LOG):
        (out / stale).unlink(missing_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=reaching.PREFIX))
    try:
        with set_up(folder, chosen.port) as stage:
            house = Shop(stage)
            ok = _play(_steps(house, out), out)
            if not ok:
                _leave_log(folder, out)
            elif not chosen.once:
                _serve(house, out)
            return 0 if ok else 1
    except KeyboardInterrupt:
        print("\nStopped; nothing is left running.")
        return 130
    except DemoFailed as failed:
        print(f"qd demo: {failed}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _leave_log(folder: Path, out: Path) -> None:
    """Keep what the processes said; before they were started there is nothing."""
    if (folder / LOG).exists():
        shutil.copy(folder / LOG, out / LOG)
        print(f"What the processes said is in {out / LOG}.")


def _tell_code(who: str) -> int:
    """Print the present code of a person of the demo that runs in another terminal."""
    try:
        print(reaching.code_line(who, time.time()))
    except DemoFailed as failed:
        print(f"qd demo: {failed}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="qd demo", description="One maintenance ticket from request to a package that a stranger verifies."
    )
    made.add_argument("--once", action="store_true", help="end after the last step instead of serving the web")
    made.add_argument("--out", default="", metavar="DIR", help=f"leave {', '.join(FILES)} there")
    made.add_argument("--port", type=int, default=0, metavar="N", help="port of the web (default: any free one)")
    made.add_argument(
        "--code", default="", metavar="WHO", help="print the present code of iris, max, ... of a running demo"
    )
    return made


def _steps(house: Shop, out: Path) -> list[Step]:
    acts: list[tuple[str, Callable[[Shop], str]]] = [
        ("Founding roster", shop.make_roster),
        ("Start every process", _start),
        ("Five people enrol, with second factors", shop.enrol_everybody),
        ("A real target, shut to all but the gate", _target),
        ("Inventory from a CSV", shop.import_inventory),
        ("Registers, agreement, authorisation, key", shop.fill_registers),
        ("Backup", shop.back_up),
        ("Restore drill", shop.drill_a_restore),
        ("Checks", shop.define_checks),
        ("Request", ticket.request),
        ("An early login is refused", ticket.early_login_refused),
        ("Submit", ticket.submit),
        ("Approving the own work is refused", ticket.self_approval_refused),
        ("Two approvals", ticket.approve),
        ("Opening without proof is refused", ticket.open_without_proof_refused),
        ("Prepare", ticket.prepare),
        ("Open the window", ticket.open_),
        ("Take access", ticket.take_access),
        ("Other doors are shut", ticket.other_doors_refused),
        ("Work through the recording gate", ticket.work),
        ("Copy files through the gate", files.copy_files),
        ("End the work", ticket.end_work),
        ("Explain the differences", ticket.explain_drift),
        ("Close", ticket.close),
    ]
    proofs: list[tuple[str, Callable[[Shop, Path], str]]] = [
        ("Export the package", proof.export),
        ("What outsiders keep", proof.keep_anchor),
        ("Verify", proof.verify),
        ("Verify with other people's tools", proof.other_tools),
        ("A tampered copy fails", proof.tamper),
    ]
    return [
        *((name, partial(act, house)) for name, act in acts),
        *((name, partial(act, house, out)) for name, act in proofs),
    ]


def _start(house: Shop) -> str:
    start_quarterdeck(house.stage)
    return f"web, API, gate, signer, sealer and ticker answer; the web is {house.stage.url}"


def _target(house: Shop) -> str:
    """A tree of configuration files behind a real `sshd` that trusts the target authority only."""
    stage = house.stage
    stage.tree.mkdir(parents=True, exist_ok=True)
    for name, text in _TREE.items():
        (stage.tree / name).parent.mkdir(parents=True, exist_ok=True)
        (stage.tree / name).write_text(text)
    shop.make_key(stage.folder / "target" / "host_key")
    etc = stage.folder / "target" / "ssh"
    told = stage.qd(
        *("gate", "target-setup", SERVER, "--account", ACCOUNT, "--unlisted", "--json"),
        *("--folder", str(etc), "--drop-in", str(etc / "00-quarterdeck.conf")),
    )
    files = json.loads(told)
    start_target(stage, files, stage.folder / "target" / "host_key")
    return f"sshd on loopback port {stage.ports.target}: certificates of one authority, from the gate, nothing else"


def _play(steps: list[Step], out: Path) -> bool:
    done: list[dict[str, object]] = []
    began = time.monotonic()
    for number, (name, act) in enumerate(steps, start=1):
        started = time.monotonic()
        try:
            told, ok = act(), True
        except (DemoFailed, OSError, KeyError, StopIteration, subprocess.SubprocessError) as error:
            told, ok = f"{type(error).__name__}: {error}", False
        seconds = time.monotonic() - started
        done.append({"name": name, "ok": ok, "seconds": round(seconds, 3), "proven": told})
        print(f"{number:2}. {'ok  ' if ok else 'FAIL'} {seconds:6.2f} s  {name}: {told}", flush=True)
        (out / "steps.json").write_text(json.dumps(done, indent=1) + "\n")
        if not ok:
            return False
    print(f"\n{len(steps)} steps in {time.monotonic() - began:.1f} s. Left in {out}: {', '.join(FILES)}")
    return True


def _serve(house: Shop, out: Path) -> None:
    try:
        print(f"\nTo try: {waiting.leave_work(house)}")
    except DemoFailed as error:
        print(f"\nThe tickets to try could not be left: {error}")
    settings = reaching.leave_settings(house)
    print(f"\nThe web with this data: {house.stage.url}   (Ctrl-C stops everything)\n")
    for member in house.people.values():
        print(f"  {member.name:<14} {member.email:<28} password: {member.password}")
        print(f"  {', '.join(member.roles):<43} TOTP secret: {member.secret}")
        print(f"  {'':<43} {member.link}")
    reaching.leave_people(house)
    print("\nA code without an app, in another terminal: script/demo --code iris")
    print(f"`qd doctor`, `qd anchors` and all of `qd` speak to this demo as Iris after:\n  . {settings}")
    print(f"\nCheck the package yourself:\n  cd {out}")
    print("  python3 -I verify.pyz package.zip --signers allowed_signers --anchor kept.checkpoint", flush=True)
    while True:
        signal.pause()


_TREE = {
    "share.conf": "# File shares with drawings\n[global]\nmax connections = 50\nlog level = 1\n",
    "users.allow": "casey\niris\n",
    "CHANGES": "2026-10-04 first install\n",
    "tls/server.pem": "-----BEGIN EXAMPLE-----\nno key at all\n-----END EXAMPLE-----\n",
}


if __name__ == "__main__":
    sys.exit(main())
