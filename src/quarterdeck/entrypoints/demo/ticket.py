"""The ticket itself: requested, decided, prepared, opened, worked on through the gate, ended, closed."""

import os
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from quarterdeck.entrypoints.demo.client import Refusal
from quarterdeck.entrypoints.demo.shop import SERVER, Shop
from quarterdeck.entrypoints.demo.stage import ACCOUNT, LOOPBACK, DemoFailed
from quarterdeck.entrypoints.demo.typist import type_lines

CAPTURE_SECONDS = 120
TERMINAL_LINES = (
    "cat share.conf",
    "sed -i 's/^max connections = .*/max connections = 200/' share.conf",
    "cat share.conf",
)


def request(shop: Shop) -> str:
    """Iris requests a corrective change on the file server that holds CUI."""
    now = datetime.now(UTC)  # noqa: TID251  the demo is a client with a wall clock of its own
    told = shop.api("iris").call(
        "POST",
        "/tickets",
        {
            "title": "Raise the connection limit of the file shares",
            "maintenance_type": "corrective",
            "action": "configure",
            "method": "ssh",
            "plan": "Set 'max connections' in share.conf to 200 and note the change in CHANGES.",
            "impact": "None while running; the shares read the file at their next start. No access right changes.",
            "rollback": "Put share.conf back from the restic backup of this morning.",
            "window_from": now.isoformat(),
            "window_until": (now + timedelta(hours=2)).isoformat(),
            "assets": [{"asset": shop.server_id, "connection": shop.connection}],
            "technicians": [shop.people["max"].id],
            "agreement": shop.agreement,
            "items": [shop.technique],
            "expected_paths": [f"{shop.stage.tree}/share.conf"],
        },
    )
    shop.ticket = told["number"]
    return f"{shop.ticket} drafted for {SERVER}, which handles CUI"


def early_login_refused(shop: Shop) -> str:
    """Before any approval nobody gets a certificate, and opening names what is missing."""
    max_ = shop.api("max")
    key = shop.technician_key.with_suffix(".pub").read_text()
    asked = max_.attempt("POST", f"/tickets/{shop.ticket}/access", {"public_key": key})
    _must_be_refused(asked, "an early certificate")
    opened = max_.attempt("POST", f"/tickets/{shop.ticket}/open")
    _must_be_refused(opened, "opening a draft")
    return f"certificate refused: {asked.sentence}"


def submit(shop: Shop) -> str:
    """Submitting freezes what the names mean and hashes it."""
    told = shop.api("iris").call("POST", f"/tickets/{shop.ticket}/submit")
    shop.content_hash = told["content_hash"]
    return f"frozen snapshot {shop.content_hash[:16]}..."


def self_approval_refused(shop: Shop) -> str:
    """Neither the technician nor the requester may approve; nor anybody a content that was not shown."""
    body = {"role": "approver", "content_hash": shop.content_hash, "reason": "It is my own work."}
    for key in ("max", "iris"):
        _must_be_refused(shop.api(key).attempt("POST", f"/tickets/{shop.ticket}/approve", body), f"{key} approving")
    other = shop.api("avery").attempt(
        "POST", f"/tickets/{shop.ticket}/approve", {**body, "content_hash": "0" * 64, "reason": "Shown something else."}
    )
    _must_be_refused(other, "approving another content")
    return "technician, requester and a stale page were refused"


def approve(shop: Shop) -> str:
    """Approver and CUI owner decide, two different people, on exactly the frozen content."""
    for key, role, reason in (
        ("avery", "approver", "Plan, rollback and backup are sound; the limit caused two outages this week."),
        ("casey", "cui_owner", "No access right to the drawings changes; work is recorded."),
    ):
        told = shop.api(key).call(
            "POST",
            f"/tickets/{shop.ticket}/approve",
            {"role": role, "content_hash": shop.content_hash, "reason": reason},
        )
    if told["state"] != "scheduled":
        raise DemoFailed(f"after both approvals the ticket is {told['state']}")
    return "two approvals on one hash; the ticket is scheduled and those concerned were told"


def open_without_proof_refused(shop: Shop) -> str:
    """Approved is not enough: without backup proof, baseline and checks the ticket stays shut."""
    refused = shop.api("max").attempt("POST", f"/tickets/{shop.ticket}/open")
    _must_be_refused(refused, "opening without proof")
    if "backup.verified.missing" not in refused.codes:
        raise DemoFailed(f"the missing backup proof was not named: {refused.codes}")
    return f"{len(refused.reasons)} reasons, among them: no fresh, verified backup"


def prepare(shop: Shop) -> str:
    """The system captures: pre-checks, restic's own word, the target's doors, the recorder, the baseline."""
    shop.api("max").call("POST", f"/tickets/{shop.ticket}/prepare")
    job = wait_for_job(shop, "prepare")
    page = shop.api("max").call("GET", f"/tickets/{shop.ticket}")
    failed = [hold for hold in page["hold_points"] if hold["before"] == "open" and hold["state"] == "failed"]
    if failed:
        raise DemoFailed(f"after preparation these stand against opening: {failed}; the job said: {job['message']}")
    captured = sum(row["grade"] == "captured" for row in page["meter"])
    return f"{captured} facts captured; every hold point before opening holds"


def open_(shop: Shop) -> str:
    """Max opens the window with a fresh second factor."""
    told = shop.api("max").call("POST", f"/tickets/{shop.ticket}/open")
    return f"{shop.ticket} is {told['state']} until {told['window_until'][11:16]} UTC"


def take_access(shop: Shop) -> str:
    """`qd login` and `qd access` on Max's laptop: a certificate for this ticket, person, asset and time only."""
    stage, member = shop.stage, shop.people["max"]
    password = stage.folder / "home" / "password"
    password.write_text(member.password)
    stage.qd("login", "--email", member.email, "--password-file", str(password), "--code", member.one_time_code())
    password.unlink()
    stage.qd("access", shop.ticket, "--identity", str(shop.technician_key), "--include")
    return f"ssh {SERVER} now works on Max's laptop, and only there"


def other_doors_refused(shop: Shop) -> str:
    """Another asset, the target's own door, a plain key: all shut."""
    key = shop.technician_key.with_suffix(".pub").read_text()
    other = shop.api("max").attempt(
        "POST",
        f"/tickets/{shop.ticket}/access",
        {"public_key": key, "assets": [str(shop.assets["app01"]["id"])]},
    )
    _must_be_refused(other, "a certificate for another asset")
    certificate = next((shop.stage.folder / "home").rglob("*-cert.pub"))
    for what, options in (
        ("the entry certificate at the target's own door", ["-o", f"CertificateFile={certificate}"]),
        ("a plain key at the target's own door", []),
    ):
        done = _ssh_direct(shop, shop.stage.ports.target, options)
        if done.returncode == 0:
            raise DemoFailed(f"{what} was let in")
    gate = _ssh_direct(shop, shop.stage.ports.gate, [])
    if gate.returncode == 0:
        raise DemoFailed("a plain key was let in at the gate")
    return "another asset's certificate, the same certificate at the target itself and plain keys were refused"


def _ssh_direct(shop: Shop, port: int, options: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *("ssh", "-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "IdentitiesOnly=yes"),
            *("-o", "UserKnownHostsFile=/dev/null", "-i", str(shop.technician_key), *options),
            *("-p", str(port), "--", f"{ACCOUNT}@{LOOPBACK}", "id"),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def work(shop: Shop) -> str:
    """Max works: a command, then a terminal, through the recording gate on real OpenSSH."""
    tree = shop.stage.tree
    first = _ssh(shop, [SERVER, f"cat {tree}/share.conf && exit 3"])
    if first.returncode != 3 or "max connections" not in first.stdout:
        raise DemoFailed(f"the command's exit status or output did not come through: {first}")
    lines = (f"cd {tree}", *TERMINAL_LINES, "exit")
    with_terminal = terminal_is_possible()
    if with_terminal:
        shown = type_lines(_ssh_argv(shop, ["-tt", SERVER]), lines, shop.stage.environment)
    else:
        shown = str(_ssh(shop, [SERVER, "sh"], stdin="".join(f"{line}\n" for line in lines)))
    if "max connections = 200" not in (tree / "share.conf").read_text():
        raise DemoFailed(f"the change did not arrive: {shown}")
    noted = _ssh(shop, [SERVER, f"echo '{shop.ticket}: connection limit raised' >> {tree}/CHANGES"])
    if noted.returncode != 0:
        raise DemoFailed(f"the note was not written: {noted.stderr}")
    how = "" if with_terminal else " (no terminal: this machine's devpts gives none to an ordinary user's sshd)"
    return f"three sessions through the gate; exit status 3 came back as 3; the file was changed{how}"


def terminal_is_possible() -> bool:
    """True when `sshd` of this user can hand out terminals: root's can, others need a devpts with gid tty."""
    if os.geteuid() == 0:
        return True
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    options = [fields[3].split(",") for fields in mounts if fields[1:3] == ["/dev/pts", "devpts"]]
    return any(option.startswith("gid=") for option in (options[-1] if options else []))


def _ssh_argv(shop: Shop, arguments: list[str]) -> list[str]:
    return ["ssh", "-F", str(shop.stage.folder / "home" / ".ssh" / "config"), *arguments]


def _ssh(shop: Shop, arguments: list[str], stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        _ssh_argv(shop, arguments),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        env=shop.stage.environment,
    )


def end_work(shop: Shop) -> str:
    """`qd done`: access is withdrawn at once; the system sees the connections gone and measures again."""
    shop.stage.qd("done", shop.ticket)
    after = _ssh(shop, [SERVER, "id"])
    if after.returncode == 0:
        raise DemoFailed("after the end of the work the gate still let Max in")
    job = wait_for_job(shop, "verify")
    return f"the same ssh command is refused now; verification: {job['message']}{_waive_leftovers(shop)}"


def _waive_leftovers(shop: Shop) -> str:
    """Waive, and say so, where the target's account is the demo's own user, whose processes are seen as left behind."""
    page = shop.api("iris").call("GET", f"/tickets/{shop.ticket}")
    failed = any(hold["id"] == "HP-LEFTOVERS" and hold["state"] == "failed" for hold in page["hold_points"])
    if os.geteuid() == 0 or not failed:
        return ""
    avery = shop.api("avery")
    avery.step_up()
    reason = "The target is this machine and its account runs the demo itself; the list shows only that."
    avery.call("POST", f"/tickets/{shop.ticket}/waive", {"hold_point": "HP-LEFTOVERS", "reason": reason})
    return " Avery waived it: the target's account is the demo's own user."


def explain_drift(shop: Shop) -> str:
    """The declared file is expected; the other one waits until a person explains it."""
    drift = shop.api("iris").call("GET", f"/tickets/{shop.ticket}/drift")
    items = [item for one in drift for item in one["items"]]
    waiting = [item for item in items if item["drift_class"] != "expected"]
    if not waiting or not any(item["drift_class"] == "expected" for item in items):
        raise DemoFailed(f"expected one declared and one undeclared difference, saw {items}")
    body = {"items": [item["id"] for item in waiting], "reason": "The note that the procedure asks for."}
    early = shop.api("iris").attempt("POST", f"/tickets/{shop.ticket}/close", {"summary": "Limit raised."})
    _must_be_refused(early, "closing with unexplained differences")
    _must_be_refused(shop.api("max").attempt("POST", f"/tickets/{shop.ticket}/drift", body), "explaining the own work")
    shop.api("iris").call("POST", f"/tickets/{shop.ticket}/drift", body)
    return f"{len(items)} differences: {len(waiting)} unexplained at first, explained by Iris, not by Max"


def close(shop: Shop) -> str:
    """Every hold point before closing holds; the ticket closes with its count and head in the ledger."""
    shop.api("iris").step_up()
    told = shop.api("iris").call(
        "POST",
        f"/tickets/{shop.ticket}/close",
        {"summary": "The connection limit is 200; shares were not interrupted. Nothing else was touched."},
    )
    return f"{shop.ticket} is {told['state']}"


def wait_for_job(shop: Shop, kind: str) -> dict[str, Any]:
    """Return the newest capture of this kind once it ended; DemoFailed when it failed or time is up."""
    deadline = time.monotonic() + CAPTURE_SECONDS
    job: dict[str, Any] = {}
    while time.monotonic() < deadline:
        page = shop.api("iris").call("GET", f"/tickets/{shop.ticket}")
        job = next((one for one in page["jobs"] if one["kind"] == kind), {})
        if job.get("state") == "done":
            return job
        if job.get("state") == "failed":
            raise DemoFailed(f"{kind} failed: {job['message']}")
        time.sleep(0.2)
    raise DemoFailed(f"{kind} did not end in {CAPTURE_SECONDS} s: {job}")


def _must_be_refused(answer: object, what: str) -> None:
    if not isinstance(answer, Refusal):
        raise DemoFailed(f"{what} was not refused: {answer}")
