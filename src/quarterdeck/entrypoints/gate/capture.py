"""What of a session's output goes into its recording, besides the sums of its streams."""

from quarterdeck.entrypoints.gate.recorder import Recorder
from quarterdeck.sessions.terms import Work

TEXT_LIMIT = 1_048_576
NO_SCREEN = "what was shown is not recorded, as policy wants for assets that handle CUI; sizes and SHA-256 are"


class Capture:
    """Keeps all output of a terminal; of a command, and of what a transfer says on standard error, text up to 1 MiB.

    Without `screen` nothing of it: what policy wants then are times, sizes, hashes, files and the end.
    """

    def __init__(self, recorder: Recorder, work: Work, *, screen: bool = True) -> None:
        self._recorder = recorder
        self._terminal = work is Work.TERMINAL and screen
        self._left = TEXT_LIMIT if screen else 0
        if not screen:
            recorder.mark(NO_SCREEN)

    def keep(self, data: bytes) -> None:
        """Record output before it is forwarded; raises RecorderFailed."""
        if self._terminal:
            self._recorder.output(data)
        elif self._left:
            self._keep_text(data)

    def _keep_text(self, data: bytes) -> None:
        if b"\0" in data:
            self._stop("binary output: kept as size and SHA-256")
            return
        self._recorder.output(data[: self._left])
        self._left -= min(len(data), self._left)
        if not self._left:
            self._stop("output beyond 1 MiB: kept as size and SHA-256")

    def _stop(self, sentence: str) -> None:
        self._left = 0
        self._recorder.mark(sentence)
