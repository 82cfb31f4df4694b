"""The five-person shop of every test and of the demo, and the escort: who they are, not yet rows of a database."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Member:
    """One person of the cast: `roles` and `kind` in the words of the personnel app."""

    key: str
    name: str
    roles: tuple[str, ...]
    kind: str = "staff"
    organisation: str = "Example Organisation"

    @property
    def email(self) -> str:
        return f"{self.key}@example.test"

    @property
    def password(self) -> str:
        return f"{self.key} walks the quarterdeck"


IRIS = Member("iris", "Iris Lead", ("it_lead", "requester"))
MAX = Member("max", "Max Technician", ("technician", "requester"), kind="vendor", organisation="Harbor MSP")
AVERY = Member("avery", "Avery Approver", ("approver",))
CASEY = Member("casey", "Casey Owner", ("cui_owner",))
QUINN = Member("quinn", "Quinn Assessor", ("assessor",), kind="external", organisation="Assessing Body")
ERIN = Member("erin", "Erin Escort", ("escort",))
CAST = (IRIS, MAX, AVERY, CASEY, QUINN, ERIN)
