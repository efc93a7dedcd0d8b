"""Sends rows that wait for their turn: many at once, few for each lane, so that a slow one delays nobody else."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Collection, Hashable, Sequence
from typing import Generic, Protocol, TypeVar

import structlog

from app.infrastructure.messaging.waiting import news
from app.shared.errors import Unavailable

T = TypeVar("T")

_log = structlog.get_logger("hello_ticket.lanes")


class Outgoing(Protocol[T]):
    """Rows that are due, each claimed for a while so that no other process sends it too."""

    name: str

    async def claim(self, most: int, full: Collection[Hashable]) -> Sequence[T]:
        """At most `most` due rows, none of the lanes in `full`; a claim that is not settled runs out by itself.

        Few of each lane, please: what is more than the lane has room for waits here while its claim runs.
        """
        ...

    def lane(self, item: T, /) -> Hashable:
        """Whose way this takes: an endpoint, a tenant."""
        ...

    async def send(self, item: T, /) -> None:
        """Sends it and records what came of it. Expected failures are recorded, not raised."""
        ...


class LaneRunner(Generic[T]):
    """At most `most` in flight in this process, `per_lane` in one lane."""

    def __init__(self, outgoing: Outgoing[T], *, most: int = 64, per_lane: int = 8, every: float = 1.0) -> None:
        self._outgoing = outgoing
        self._most = most
        self._per_lane = per_lane
        self._every = every
        self._woken = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._in_lane: Counter[Hashable] = Counter()
        self._waiting: dict[Hashable, deque[T]] = {}

    def wake(self) -> None:
        """There may be something due; looked for every `every` seconds anyway."""
        self._woken.set()

    async def run(self) -> None:
        """Until cancelled; what is in flight then is cancelled too, and due again when its claim runs out."""
        try:
            while True:
                self._woken.clear()
                started = await self._round()
                if not started:
                    await news(self._woken, self._every)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _round(self) -> int:
        """How many were started."""
        free = self._most - len(self._tasks)
        if free <= 0:
            return 0
        full = [lane for lane, count in self._in_lane.items() if count >= self._per_lane]
        try:
            items = await self._outgoing.claim(free, full)
        except Unavailable:
            _log.warning("lanes_wait_for_database", lanes=self._outgoing.name)
            return 0
        except Exception:  # noqa: BLE001 — logged with its traceback, and tried again at the next turn
            _log.exception("claim_failed", lanes=self._outgoing.name)
            return 0
        for item in items:
            self._start(item)
        return len(items)

    def _start(self, item: T) -> None:
        lane = self._outgoing.lane(item)
        if self._in_lane[lane] >= self._per_lane:
            self._waiting.setdefault(lane, deque()).append(item)
        else:
            self._send_in(lane, item)

    def _send_in(self, lane: Hashable, item: T) -> None:
        self._in_lane[lane] += 1
        task = asyncio.create_task(self._send(item))
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._ended(done, lane))

    async def _send(self, item: T) -> None:
        try:
            await self._outgoing.send(item)
        except Unavailable:
            _log.warning("lanes_wait_for_database", lanes=self._outgoing.name)
        except Exception:  # noqa: BLE001 — logged with its traceback; the claim runs out and it is tried again
            _log.exception("sending_failed", lanes=self._outgoing.name)

    def _ended(self, task: asyncio.Task[None], lane: Hashable) -> None:
        self._tasks.discard(task)
        self._in_lane[lane] -= 1
        self._woken.set()
        waiting = self._waiting.get(lane)
        if waiting and not task.cancelled():
            self._send_in(lane, waiting.popleft())
            return
        self._waiting.pop(lane, None)
        if self._in_lane[lane] <= 0:
            del self._in_lane[lane]
