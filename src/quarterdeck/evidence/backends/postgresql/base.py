"""PostgreSQL with the guard: a write to a guarded table outside an act raises."""

from typing import Any

from django.db.backends.postgresql import base

from quarterdeck.evidence.guard import guard_writes


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's PostgreSQL connection with the write guard on every statement."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  Django's own signature
        super().__init__(*args, **kwargs)
        self.execute_wrappers.append(guard_writes)
