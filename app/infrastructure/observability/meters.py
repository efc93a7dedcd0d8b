"""What the edge and the database pools count with. Each call takes well under a microsecond."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection

from app.infrastructure.observability.catalogue import (
    BOUNDS,
    CONNECTIONS_AWAITED,
    CONNECTIONS_MOST,
    CONNECTIONS_USED,
    DURATION,
    IN_FLIGHT,
    REQUESTS,
    SLOW_STATEMENTS,
    Metric,
)
from app.infrastructure.observability.tally import Tally

UNKNOWN = "unknown"
"""The route of requests that no route knows, and the method of those nobody has heard of."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
BUCKETS = len(BOUNDS) + 1


def gauge(metric: Metric) -> str:
    return f"gauge:{metric.name}"


class HttpMeter:
    """Requests by method, route template and class of status, and how long they took."""

    def __init__(self, tally: Tally, templates: Collection[str]) -> None:
        self._tally = tally
        self._templates = frozenset(templates)
        self._slots: dict[tuple[str, str, int], tuple[int, int]] = {}
        self._flying = -1
        self._values: memoryview[float] = memoryview(b"").cast("d")

    def begin(self) -> None:
        if self._flying < 0:
            self._flying = self._tally.slots(gauge(IN_FLIGHT))
            self._values = self._tally.values
        self._values[self._flying] += 1.0

    def end(self, method: str, route: str, status: int, milliseconds: float) -> None:
        """Call it once for each `begin`. `route` may be a raw path: one that is no template is counted as unknown."""
        slots = self._slots.get((method, route, status // 100))
        count, first = slots or self._new(method, route, status // 100)
        values = self._values
        seconds = milliseconds / 1_000
        values[self._flying] -= 1.0
        values[count] += 1.0
        values[first] += seconds
        values[first + 1 + bisect_left(BOUNDS, seconds)] += 1.0

    def _new(self, method: str, route: str, status: int) -> tuple[int, int]:
        """What strangers make up is not remembered: it would grow for ever."""
        known = method if method in METHODS else UNKNOWN, route if route in self._templates else UNKNOWN
        slots = (
            self._tally.slots(REQUESTS.name, (*known, f"{status}xx")),
            self._tally.slots(DURATION.name, known, 1 + BUCKETS),
        )
        if known == (method, route):
            self._slots[(method, route, status)] = slots
        return slots


class PoolMeter:
    """One pool's connections: how many may be, are in use, are waited for; and its slow statements."""

    def __init__(self, tally: Tally, role: str, most: int) -> None:
        self._used = tally.slots(gauge(CONNECTIONS_USED), (role,))
        self._awaited = tally.slots(gauge(CONNECTIONS_AWAITED), (role,))
        self._slow = tally.slots(SLOW_STATEMENTS.name, (role,))
        self._values = values = tally.values
        self._most = tally.slots(gauge(CONNECTIONS_MOST), (role,))
        values[self._most] = most

    def wait(self) -> None:
        self._values[self._awaited] += 1.0

    def take(self) -> None:
        """After `wait`: the wait is over."""
        self._values[self._awaited] -= 1.0
        self._values[self._used] += 1.0

    def give_up(self) -> None:
        """After `wait`: there was none."""
        self._values[self._awaited] -= 1.0

    def give_back(self) -> None:
        """After `take`."""
        self._values[self._used] -= 1.0

    def slow(self) -> None:
        self._values[self._slow] += 1.0
