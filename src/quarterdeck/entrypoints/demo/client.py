"""The API as any client uses it: a person's token, JSON in and out, refusals as data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from quarterdeck.entrypoints.demo.people import Member
from quarterdeck.entrypoints.demo.stage import DemoFailed


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the server would not do: status and every reason."""

    status: int
    reasons: tuple[Mapping[str, str], ...]

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of the reasons."""
        return tuple(reason["code"] for reason in self.reasons)

    @property
    def sentence(self) -> str:
        """The first reason in words."""
        return self.reasons[0]["sentence"] if self.reasons else f"status {self.status}"


class Api:
    """Calls of one person; nobody's before `login`."""

    def __init__(self, url: str, member: Member | None = None) -> None:
        # No connection outlives its call, so that nothing is left to close.
        once = httpx.Limits(max_keepalive_connections=0)
        self._http = httpx.Client(base_url=f"{url}/api/v1", timeout=60, trust_env=False, limits=once)
        self._member = member

    def call(self, method: str, path: str, body: object = None, **more: Any) -> Any:  # noqa: ANN401  JSON
        """Return the answer's JSON; DemoFailed with the reasons when the server refuses."""
        answer = self.attempt(method, path, body, **more)
        if isinstance(answer, Refusal):
            raise DemoFailed(f"{method} {path} was refused ({answer.status}): {list(answer.reasons)}")
        return answer

    def attempt(self, method: str, path: str, body: object = None, **more: Any) -> Any:  # noqa: ANN401  JSON
        """Return the answer's JSON, or a Refusal."""
        headers = {"Authorization": f"Bearer {self._member.token}"} if self._member and self._member.token else {}
        sent = self._http.request(method, path, json=body, headers=headers, **more)
        if sent.status_code == 204:
            return None
        if sent.is_success:
            return sent.json() if sent.headers["content-type"].startswith("application/json") else sent.content
        try:
            reasons = tuple(sent.json()["refused"])
        except (ValueError, KeyError, TypeError):
            raise DemoFailed(f"{method} {path} answered {sent.status_code}: {sent.text[:500]}") from None
        return Refusal(sent.status_code, reasons)

    def login(self) -> None:
        """Exchange password and second factor for a token."""
        if self._member is None:
            raise DemoFailed("nobody can't log in")
        told = self.call(
            "POST",
            "/login",
            {"email": self._member.email, "password": self._member.password, "totp": self._member.one_time_code()},
        )
        self._member.token = told["token"]
        self._member.id = told["person"]

    def step_up(self) -> None:
        """Show a fresh second factor."""
        if self._member is not None:
            self.call("POST", "/step-up", {"totp": self._member.one_time_code()})
