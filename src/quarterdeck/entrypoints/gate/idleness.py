"""How long nobody has typed into a terminal, on the boot clock; commands and transfers are never idle. Pure."""

WARN_SECONDS = 60.0
NEVER = 0


class Idleness:
    """Counts from the last key; warned once a minute before the end, where the limit is longer than that."""

    def __init__(self, limit: int, boot: float) -> None:
        self._limit = limit
        self._heard = boot
        self._warned = False
        self._typed = 0

    def look(self, size: int, boot: float) -> tuple[str, str]:
        """Return the warning that is due and the sentence at the end, empty where there is none; `size` was typed."""
        self.typed(size, boot)
        warning = warning_words(self._limit) if self.must_warn(boot) else ""
        return warning, ended_words(self._limit) if self.over(boot) else ""

    def typed(self, size: int, boot: float) -> None:
        """So many bytes were typed until now."""
        if size != self._typed:
            self._typed = size
            self.heard(boot)

    def heard(self, boot: float) -> None:
        """A key was pressed, or the window changed its size."""
        self._heard = boot
        self._warned = False

    def over(self, boot: float) -> bool:
        """True once nobody has typed for the whole limit."""
        return self._limit != NEVER and boot - self._heard >= self._limit

    def must_warn(self, boot: float) -> bool:
        """True once, when a minute is left, or a quarter of a short limit."""
        if self._limit == NEVER or self._warned or self._left(boot) > self._lead:
            return False
        self._warned = True
        return True

    def wait(self, boot: float, most: float) -> float:
        """Return for how long nothing is to be done, at most `most` seconds."""
        if self._limit == NEVER:
            return most
        left = self._left(boot)
        return max(0.0, min(most, left if self._warned else left - self._lead))

    @property
    def _lead(self) -> float:
        return min(WARN_SECONDS, self._limit / 4)

    def _left(self, boot: float) -> float:
        return self._limit - (boot - self._heard)


def ended_words(limit: int) -> str:
    """Return the sentence at the end."""
    return f"Nobody typed for {_spoken(limit)}, so this session has ended. Log in again to go on."


def warning_words(limit: int) -> str:
    """Return the sentence before it."""
    left = int(min(WARN_SECONDS, limit / 4))
    return f"Nobody typed for a while. Press a key within {left} s, or this session ends."


def _spoken(seconds: int) -> str:
    return f"{seconds // 60} min" if seconds >= 60 else f"{seconds} s"
