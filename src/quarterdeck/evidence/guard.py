"""No row of ours changes without an entry: statements that write a guarded table need an open act.

Guarded are all tables of our apps but those whose model says in `unguarded_reason` why it may be written freely. The
guard protects against our own mistakes; against somebody with the database file it is the sealed entries that protect.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

from django.apps import apps

_WRITE = re.compile(
    r"\s*(?:INSERT\s+(?:OR\s+\w+\s+)?INTO|REPLACE\s+INTO|UPDATE|DELETE\s+FROM)\s+\"?(\w+)\"?", re.IGNORECASE
)
# Two statements of the login library: a successful login may renew a password's hash with more iterations, and
# allauth's own migration account.0006 lower-cases addresses (they are lower case by constraint: it changes nothing).
_LOGIN_LIBRARY = re.compile(
    r'UPDATE "personnel_account" SET ("password" = %s WHERE|"email" = \(?LOWER\()', re.IGNORECASE
)

act_is_open: ContextVar[bool] = ContextVar("act_is_open", default=False)


class UnrecordedWrite(RuntimeError):
    """A guarded table was written outside an act: a programming error, never a user's."""


@lru_cache(maxsize=1)
def guarded_tables() -> frozenset[str]:
    """Return the tables that only an act may write, many-to-many tables included."""
    tables: set[str] = set()
    for config in apps.get_app_configs():
        if not config.name.startswith("quarterdeck."):
            continue
        for model in config.get_models(include_auto_created=True):
            owner = getattr(model._meta.auto_created, "unguarded_reason", None) if model._meta.auto_created else None
            if not (getattr(model, "unguarded_reason", "") or owner):
                tables.add(model._meta.db_table)
    return frozenset(tables)


def guard_writes(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:  # noqa: ANN401
    """Django execute wrapper: pass reads and recorded writes on, raise UnrecordedWrite for the rest."""
    found = _WRITE.match(sql)
    if (
        found
        and not act_is_open.get()
        and apps.models_ready
        and found.group(1) in guarded_tables()
        and not _LOGIN_LIBRARY.match(sql)
    ):
        raise UnrecordedWrite(f"a write to {found.group(1)} outside an act of evidence.api")
    return execute(sql, params, many, context)


@contextmanager
def open_guard() -> Iterator[None]:
    """Let guarded writes pass while an act runs."""
    token = act_is_open.set(True)
    try:
        yield
    finally:
        act_is_open.reset(token)
