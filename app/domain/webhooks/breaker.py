"""An endpoint that only fails is asked rarely, so that it costs nobody anything, and given up after days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.webhooks.delivery import Answer
from app.domain.webhooks.endpoint import DisabledReason

OPENS_AFTER = 5
"""Failures in a row."""

FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=15)
GIVEN_UP_AFTER = timedelta(days=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """Closed below OPENS_AFTER failures; then one probe at a time, none before `open_until`."""

    failures: int = 0
    failing_since: datetime | None = None
    open_until: datetime | None = None

    def answered(self, answer: Answer, *, now: datetime) -> Breaker:
        """One success closes it."""
        if answer.succeeded:
            return Breaker()
        failures = self.failures + 1
        return Breaker(
            failures=failures,
            failing_since=self.failing_since or now,
            open_until=now + pause_after(failures) if failures >= OPENS_AFTER else None,
        )

    def gives_up(self, answer: Answer, *, now: datetime) -> DisabledReason | None:
        """Why the endpoint is to be disabled after this answer, if it is."""
        if answer.gone:
            return DisabledReason.GONE_410
        if self.failing_since is not None and now - self.failing_since >= GIVEN_UP_AFTER:
            return DisabledReason.FAILING_FOR_DAYS
        return None


def pause_after(failures: int) -> timedelta:
    """Doubles with each failed probe."""
    times: int = 2 ** min(failures - OPENS_AFTER, 10)
    return min(FIRST_PAUSE * times, LONGEST_PAUSE)
