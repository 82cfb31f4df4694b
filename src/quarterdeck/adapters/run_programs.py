"""Which program plays a runbook: compiled DSC configurations go to Windows, everything else is Ansible's."""

from collections.abc import Callable, Mapping

from quarterdeck.runs.api import DSC_SUFFIX, Order, PlaybookProgram, Played


class RunPrograms:
    """Fulfils the port PlaybookProgram with two others."""

    def __init__(self, playbooks: PlaybookProgram, dsc: PlaybookProgram) -> None:
        self._playbooks = playbooks
        self._dsc = dsc

    def play(self, order: Order, tell: Callable[[Mapping[str, object]], bool]) -> Played:
        """Have the one play it that its kind asks for."""
        program = self._dsc if order.playbook.endswith(DSC_SUFFIX) else self._playbooks
        return program.play(order, tell)
