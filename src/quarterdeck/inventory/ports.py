"""What the inventory needs of others: who owns an asset is known by mail address outside, by person id here."""

from typing import Protocol


class OwnerDirectory(Protocol):
    """Finds people by mail address and back; the inventory itself knows no people."""

    def person_of(self, email: str) -> str | None:
        """Return the id of the active person with this mail address, None when there is none."""

    def email_of(self, person_id: str) -> str:
        """Return the mail address of a person, empty when the person is not known."""
