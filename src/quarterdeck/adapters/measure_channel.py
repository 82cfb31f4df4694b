"""Runs the fixed collector on a target: a grant of our own, a certificate for a throw-away key, one command.

The grant is of purpose `measure` under a ticket, or of purpose `monitor` under a plan; everything else is the same. No
person ever holds such a credential. The certificate's force-command names collector and arguments by hash, so that this
process could not run anything else with it either.
"""

import hashlib
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from tempfile import TemporaryFile
from typing import IO, BinaryIO, Protocol, cast

from quarterdeck.access import api as access
from quarterdeck.adapters.bounded_process import spawn
from quarterdeck.adapters.openssh_ca import new_private_key
from quarterdeck.adapters.openssh_client import Credential, credential_files, upstream_argv
from quarterdeck.baselines.api import DeviceCall, MeasureFailed
from quarterdeck.evidence.api import Act, act
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Refused

GRANT_TIME = timedelta(minutes=30)
_LAST_WORDS = 600
_NOT_FOUND = 127  # what a shell ends with when there is no such program


class MeasureSigner(Protocol):
    """Where the certificate of a measurement comes from."""

    def measure(self, grant: str, public_key: str, arguments: list[str]) -> str:
        """Return the certificate line for this grant; raises Refused when the signer says no."""

    def monitor(self, grant: str, public_key: str, arguments: list[str]) -> str:
        """Return the same for a grant under a monitoring plan."""


class CollectorOverSsh:
    """What all channels share: give, sign, bind, connect, run, end."""

    # Under a ticket another approved collector may be sent; a monitoring plan names exactly one.
    _falls_back = False

    def __init__(self, *, actor: Actor, clock: Clock, timeout: float) -> None:
        self._actor = actor
        self._clock = clock
        self._timeout = timeout

    @contextmanager
    def _collecting(
        self,
        give: Callable[[Act, str], access.GrantView],
        sign: Callable[[str, str, list[str]], str],
        arguments: Sequence[str],
        stdin: bytes,
        command: str = "collector",
    ) -> Iterator[BinaryIO]:
        """Give standard output of the collector under the grant that `give` makes for a public key.

        Where the certificate's own command is not followed, as on devices, `command` is what is asked for.
        """
        private, public = new_private_key()
        grant = self._granted(give, public)
        reason = "measure.failed"
        try:
            destination, certificate = self._certified(grant, sign(grant, public, list(arguments)))
            with (
                credential_files(destination, Credential(private, certificate)) as files,
                self._running(upstream_argv(destination, files, command=command), stdin) as output,
            ):
                yield output
            reason = "measure.done"
        except Refused as refused:
            raise MeasureFailed(str(refused)) from refused
        finally:
            with act(self._actor, self._clock) as closing:
                access.end_grant(closing, grant, reason)

    def _granted(self, give: Callable[[Act, str], access.GrantView], public: str) -> str:
        try:
            with act(self._actor, self._clock) as giving:
                return give(giving, public).id
        except Refused as refused:
            raise MeasureFailed(str(refused)) from refused

    def _certified(self, grant: str, certificate: str) -> tuple[access.Destination, str]:
        with act(self._actor, self._clock) as binding:
            access.bind_certificate_line(binding, grant, certificate)
        return access.admit(grant, self._clock.now()).destination, certificate

    @contextmanager
    def _running(self, argv: list[str], stdin: bytes) -> Iterator[BinaryIO]:
        with TemporaryFile() as source, TemporaryFile() as errors:
            source.write(stdin)
            source.seek(0)
            process = spawn(argv, stdin=source, stdout=subprocess.PIPE, stderr=errors)
            guard = threading.Timer(self._timeout, process.kill)
            guard.start()
            try:
                yield cast("BinaryIO", process.stdout)
            except ValueError as error:
                # The reader met a broken stream: when ssh itself failed, its own words say why.
                if _status_soon(process) > 0:
                    raise self._failed(process.returncode, _last_words(errors)) from error
                raise
            else:
                if process.wait() != 0:
                    raise self._failed(process.returncode, _last_words(errors))
            finally:
                guard.cancel()
                if process.poll() is None:
                    process.kill()
                process.communicate()

    def _failed(self, status: int, last_words: str) -> MeasureFailed:
        missing = self._falls_back and status == _NOT_FOUND and "python3" in last_words
        return MeasureFailed(_why(status, last_words), no_python=missing)


class _MeasuringOverSsh(CollectorOverSsh):
    """A channel that runs the collector: with the signer that measures."""

    def __init__(self, signer: MeasureSigner, *, actor: Actor, clock: Clock, timeout: float = 1500.0) -> None:
        super().__init__(actor=actor, clock=clock, timeout=timeout)
        self._signer = signer


def measuring_grant(
    ticket: str, asset_id: str, connection_id: str, collector: str
) -> Callable[[Act, str], access.GrantView]:
    """Return what gives a grant for one run, under a ticket, of the program with this SHA-256."""

    def give(giving: Act, public: str) -> access.GrantView:
        return access.create_grant(
            giving,
            ticket=ticket,
            person="",
            asset=asset_id,
            connection=connection_id,
            purpose=access.Purpose.MEASURE,
            public_key=public,
            valid_from=giving.at,
            valid_until=giving.at + GRANT_TIME,
            collector_sha256=collector,
        )

    return give


class SshMeasureChannel(_MeasuringOverSsh):
    """Fulfils the port `MeasureChannel` of baselines over OpenSSH: measurements of a ticket."""

    _falls_back = True

    def run(
        self,
        *,
        ticket: str,
        asset_id: str,
        connection_id: str,
        arguments: Sequence[str],
        stdin: bytes,
        asked: DeviceCall | None = None,
    ) -> AbstractContextManager[BinaryIO]:
        """Open the connection, send `stdin`, give standard output; MeasureFailed with a sentence when it fails."""
        program = hashlib.sha256(stdin).hexdigest() if asked is None else asked.program
        give = measuring_grant(ticket, asset_id, connection_id, program)
        return self._collecting(give, self._signer.measure, arguments, stdin, _command(asked))


class SshMonitorChannel(_MeasuringOverSsh):
    """Fulfils the port `MonitorChannel` of baselines over OpenSSH: measurements under a monitoring plan."""

    def run(
        self, *, plan: str, arguments: Sequence[str], stdin: bytes, asked: DeviceCall | None = None
    ) -> AbstractContextManager[BinaryIO]:
        """Do the same where the plan says; asset, connection and collector are the plan's."""

        def give(giving: Act, public: str) -> access.GrantView:
            return access.create_monitor_grant(giving, plan, public_key=public, lasting=GRANT_TIME)

        return self._collecting(give, self._signer.monitor, arguments, stdin, _command(asked))


def _command(asked: DeviceCall | None) -> str:
    return "collector" if asked is None else asked.command


def _status_soon(process: subprocess.Popen[bytes]) -> int:
    """Return the exit status of a process that is about to end, 0 when it goes on."""
    try:
        return process.wait(2)
    except subprocess.TimeoutExpired:
        return 0


def _last_words(errors: IO[bytes]) -> str:
    errors.seek(0)
    return errors.read()[-_LAST_WORDS:].decode("utf-8", "replace")


def _why(status: int, last_words: str) -> str:
    said = " ".join("".join(c if c.isprintable() else " " for c in last_words).split())
    if status == 255:
        return f"The target could not be reached or refused the gate's certificate. ssh said: {said or 'nothing'}"
    return f"The measurement ended with status {status}. The target said: {said or 'nothing'}"
