"""What sessions may do, on the wire: in parts as a person asks for it, whole as it is kept."""

from dataclasses import asdict, replace

from ninja import Schema
from pydantic import ConfigDict

from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import Allowance, Content


class AllowanceIn(Schema):
    """What sessions may do; what is left out is as usual for the ticket's assets and people."""

    model_config = ConfigDict(extra="forbid")

    terminal: bool | None = None
    command: bool | None = None
    to_target: bool | None = None
    from_target: bool | None = None
    rsync: bool | None = None

    def put_into(self, content: Content) -> Content:
        """Return the content with what was asked for; unchanged when nothing was."""
        chosen = {name: value for name, value in self.dict().items() if value is not None}
        return replace(content, allowance=replace(tickets.usual_allowance(content), **chosen)) if chosen else content


class AllowanceOut(Schema):
    """What sessions may do."""

    terminal: bool
    command: bool
    to_target: bool
    from_target: bool
    rsync: bool

    @classmethod
    def of(cls, allowance: Allowance) -> "AllowanceOut":
        """Return the wire form."""
        return cls(**asdict(allowance))
