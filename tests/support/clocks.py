from __future__ import annotations

from datetime import UTC, datetime, timedelta


class MovedClock:
    """The machine's clock, moved by `offset`."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset


class StandingClock:
    """Tells the same instant until it is moved."""

    def __init__(self, instant: datetime = datetime(2026, 11, 21, 10, tzinfo=UTC)) -> None:
        self.instant = instant

    def now(self) -> datetime:
        return self.instant

    def forward(self, **parts: float) -> None:
        self.instant += timedelta(**parts)
