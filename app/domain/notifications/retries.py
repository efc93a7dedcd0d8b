"""When a message that could not be sent is tried again."""

from __future__ import annotations

from datetime import datetime, timedelta

FIRST_DELAY = timedelta(seconds=5)
LONGEST_DELAY = timedelta(hours=6)
LONGEST_ASKED = timedelta(days=1)
MOST_ATTEMPTS = 24
"""Delays double from 5 seconds to 6 hours; 24 attempts take three days."""


def next_attempt(attempts: int, *, now: datetime, jitter: float, asked: timedelta | None = None) -> datetime | None:
    """None when it was tried often enough.

    `attempts` were made so far. `jitter` is a factor around 1 that keeps those who failed together from coming back
    together. `asked` is how long the other side wants to be left alone (Retry-After); more than a day is not granted.
    """
    if attempts >= MOST_ATTEMPTS:
        return None
    doubled = FIRST_DELAY * (1 << min(attempts - 1, MOST_ATTEMPTS))
    delay = min(doubled, LONGEST_DELAY) * jitter
    return now + max(delay, min(asked or timedelta(), LONGEST_ASKED))
