"""One session in one process: ask admission, record, dial the target, move bytes, tell how it ended.

It never touches the database. Whatever fails (recorder, warden, signer, target) ends the session with a sentence.
"""

import contextlib
import hashlib
import os
import signal
import socket
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from quarterdeck.entrypoints.gate.agent import OneKeyAgent
from quarterdeck.entrypoints.gate.answers import unpack_admitted, unpack_decision
from quarterdeck.entrypoints.gate.brake import Brake, wait
from quarterdeck.entrypoints.gate.link import Link, LinkLost
from quarterdeck.entrypoints.gate.own_commands import USAGE, MoreTime, own_command
from quarterdeck.entrypoints.gate.person import Person
from quarterdeck.entrypoints.gate.recorder import Recorder, RecorderFailed
from quarterdeck.entrypoints.gate.traffic import Outcome, Traffic
from quarterdeck.entrypoints.gate.transfers import forbidden, refusal_bytes
from quarterdeck.entrypoints.gate.upstream import Dial, check_names
from quarterdeck.entrypoints.gate.wire import Message, ProtocolError, receive_hello
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Refused
from quarterdeck.sessions.terms import Admitted, EndReason, FileTransfer

HELLO_SECONDS = 5.0
ADMIT_SECONDS = 20.0
CERTIFY_SECONDS = 10.0
FAILED = 255
MISUSED = 2
STOPPED = "The gate has stopped, so this session has ended. Ask the IT lead to run `qd doctor`."


@dataclass(frozen=True, slots=True)
class Place:
    """Where a child works: the folder of running recordings and the clock."""

    recordings: Path
    clock: Clock


def serve(connection: socket.socket, link: Link, place: Place) -> None:
    """Serve one launcher from its hello to its exit status."""
    connection.settimeout(HELLO_SECONDS)
    try:
        hello, descriptors = receive_hello(connection)
    except (ProtocolError, OSError):
        return
    person = Person(hello, descriptors)
    status = FAILED
    try:
        asked = own_command(hello.command)
        status = _session(person, connection, link, place) if asked is None else _more_time(person, link, asked)
    except Refused as refused:
        for reason in refused.decision.reasons:
            person.tell(f"{reason.sentence} {reason.next_step}".strip())
    except LinkLost:
        person.tell(STOPPED)
    with contextlib.suppress(OSError):
        connection.settimeout(1.0)
        connection.sendall(b"%d\n" % status)


def _more_time(person: Person, link: Link, asked: MoreTime) -> int:
    """Ask the warden in the name of the certificate; no session begins and nothing is dialled. May raise Refused."""
    if not asked.minutes:
        person.tell(USAGE)
        return MISUSED
    answer = link.ask(
        "extend",
        ADMIT_SECONDS,
        certificate=person.hello.certificate,
        connection=person.hello.connection,
        minutes=asked.minutes,
        reason=asked.reason,
    )
    unpack_decision(answer.get("refused", [])).require()
    person.tell(str(answer["told"]))
    return 0


def _session(person: Person, connection: socket.socket, link: Link, place: Place) -> int:
    admitted = _admission(person, link)
    recorder: Recorder | None = None
    outcome = Outcome(EndReason.RECORDER_FAILED, None, "")
    try:
        check_names(admitted).require()
        header = _header(person, admitted)
        sentence, refused = forbidden(person.asked, admitted.allowance)
        if sentence:
            recorder = Recorder(place.recordings, admitted.session, place.clock, header)
            outcome = _refuse(person, recorder, sentence, refused)
        else:
            brake = Brake(admitted.escort)
            recorder = Recorder(place.recordings, admitted.session, place.clock, header) if brake.held else None
            ended = wait(brake, person, recorder, (connection, link), place.clock) if recorder else None
            if ended is not None:
                outcome = Outcome(ended[0], None, ended[1])
            else:
                with _upstream(person, admitted, link, brake) as traffic:
                    # The dial goes on while the recording is opened; no byte passes before it is.
                    recorder = recorder or Recorder(place.recordings, admitted.session, place.clock, header)
                    outcome = traffic.run(recorder, connection, link, place.clock)
        if recorder is not None:
            _conclude(person, recorder, outcome)
    except Refused as refused:
        outcome = Outcome(EndReason.ADMISSION_WITHDRAWN, None, str(refused), outcome.streams)
        person.tell(outcome.sentence)
    except (RecorderFailed, OSError) as failure:
        outcome = Outcome(EndReason.RECORDER_FAILED, None, _recorder_sentence(failure), outcome.streams)
        person.tell(outcome.sentence)
    link.tell(
        "ended",
        reason=outcome.reason,
        exit_status=outcome.status,
        lines=recorder.count if recorder else 0,
        head=recorder.head if recorder else "",
        streams={name: asdict(value) for name, value in outcome.streams.items()},
    )
    return FAILED if outcome.status is None else outcome.status


def _refuse(person: Person, recorder: Recorder, sentence: str, refused: Sequence[FileTransfer]) -> Outcome:
    """Record what was refused, then answer the client in the target's place; nothing is dialled."""
    for transfer in refused:
        recorder.file(transfer)
    person.answer(refusal_bytes(person.asked))
    return Outcome(EndReason.NOT_ALLOWED, None, sentence)


def _conclude(person: Person, recorder: Recorder, outcome: Outcome) -> None:
    """Tell the person why, write the sums and the reason into the recording, close it."""
    if outcome.sentence:
        person.tell(outcome.sentence)
        recorder.mark(outcome.sentence)
    for name, value in outcome.streams.items():
        digest = f"SHA-256 {value.sha256}" if value.sha256 else "each file has its own SHA-256"
        recorder.mark(f"{name}: {value.size} bytes, {digest}")
    recorder.mark(f"ended: {outcome.reason}")
    recorder.close()


def _admission(person: Person, link: Link) -> Admitted:
    """Ask the warden; raises Refused."""
    command = person.hello.command
    answer = link.ask(
        "admit",
        ADMIT_SECONDS,
        certificate=person.hello.certificate,
        connection=person.hello.connection,
        work=person.work,
        protocol=person.asked.protocol or "",
        command_sha256=hashlib.sha256(command).hexdigest() if command is not None else "",
    )
    unpack_decision(answer.get("refused", [])).require()
    return unpack_admitted(answer["admitted"])


def _header(person: Person, admitted: Admitted) -> Message:
    columns, rows = person.size()
    command = person.hello.command
    return {
        "width": columns,
        "height": rows,
        "env": {"TERM": person.hello.environment.get("TERM", "")},
        "title": f"{admitted.ticket} {admitted.asset}",
        **({"command": command.decode("utf-8", "surrogateescape")} if command is not None else {}),
        "quarterdeck": {
            "session": admitted.session,
            "ticket": admitted.ticket,
            "person": admitted.person,
            "asset": admitted.asset,
            "account": admitted.account,
            "work": person.work,
            **({"protocol": person.asked.protocol} if person.asked.protocol else {}),
            "source": person.hello.source,
        },
    }


@contextlib.contextmanager
def _upstream(person: Person, admitted: Admitted, link: Link, brake: Brake) -> Iterator[Traffic]:
    """Own a started upstream client; nothing of it is left behind afterwards."""

    def certify(public_key: str) -> str:
        answer = link.ask("certify", CERTIFY_SECONDS, public_key=public_key)
        unpack_decision(answer.get("refused", [])).require()
        return str(answer["certificate"])

    def may_sign() -> None:
        answer = link.ask("recheck", CERTIFY_SECONDS)
        unpack_decision(answer.get("refused", [])).require()

    dial = Dial(admitted)
    agent = OneKeyAgent(dial.folder, certify, may_sign)
    traffic = Traffic(person, admitted, dial, agent, brake)
    try:
        traffic.start()
        yield traffic
    finally:
        traffic.stop()
        agent.close()
        dial.close()


def _recorder_sentence(failure: RecorderFailed | OSError) -> str:
    return (
        f"The recording can't be written ({failure}), and without a recording there is no session. "
        "Ask the IT lead to make room on the gate's disk."
    )


def shed_inheritance() -> None:
    """Forget the forker's signal handlers and process group."""
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.setsid()
