"""Waiting in tests: for a condition, never for a length of time that is hoped to be enough."""

import time


def wait_for(condition, seconds=10.0, what="the condition", pause=0.02):
    """Return the first true value of `condition`; AssertionError with `what` (a text, or made then) after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(pause)
    raise AssertionError(f"{what() if callable(what) else what} did not hold within {seconds} s")
