"""When to try a delivery again."""

from __future__ import annotations

from datetime import timedelta

MAX_ATTEMPTS = 10
FIRST_DELAY = timedelta(seconds=5)
LONGEST_DELAY = timedelta(minutes=10)
LONGEST_RETRY_AFTER = timedelta(hours=1)


def retry_delay(
    attempts: int, *, jitter: float, retry_after: float | None = None
) -> timedelta:
    """Return the wait after that many attempts; `jitter` is a random share, 0 to 1.

    5 s, 10 s, 20 s … 10 min, each a quarter more or less, so that what failed
    together does not come back together. The receiver's own wish is a lower bound.
    """
    doublings = min(max(0, attempts - 1), MAX_ATTEMPTS)
    delay = min(FIRST_DELAY * (1 << doublings), LONGEST_DELAY)
    delay *= 0.75 + jitter / 2
    wished = timedelta(seconds=retry_after or 0.0)
    return max(delay, min(wished, LONGEST_RETRY_AFTER))
