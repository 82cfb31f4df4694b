"""Calls that begin at the same moment, each in a thread with a database connection of its own."""

import threading
from collections.abc import Callable, Sequence

from django.db import connections

PATIENCE = 60.0


def together(calls: Sequence[Callable[[], object]]) -> list[BaseException | None]:
    """Run the calls from one barrier on; return what each raised, None for those that ended well."""
    start = threading.Barrier(len(calls))
    raised: list[BaseException | None] = [None] * len(calls)

    def run(place: int, call: Callable[[], object]) -> None:
        try:
            start.wait(PATIENCE)
            call()
        except BaseException as error:  # noqa: BLE001  whatever it is, the test judges it
            raised[place] = error
        finally:
            connections["default"].close()

    threads = [threading.Thread(target=run, args=(place, call), daemon=True) for place, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive(), "a call did not end in time"
    return raised
