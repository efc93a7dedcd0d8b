"""Hot reads: ready answers in this process, over the shared cache, over the database.

How old can an answer be? Count from `born`, the last moment at which the value was certainly still true:

- made here: `born` is read before `make()` starts, so before its snapshot. It goes to the shared cache with what is
  left of `shared_ttl`, counted from `born`, so a shared entry is at most `shared_ttl` old whenever it is read;
- read from the shared cache: it was that old at worst when the read began, so `born` is that moment minus `shared_ttl`;
  the time the read takes counts by itself.

Either way a page is shown until `born + shared_ttl + local_ttl` at the latest (0.9 s by default), checked against the
clock at every read, so a stalled event loop shows nothing older. A caller joins a load under way only while that load
is younger than the same bound; so whoever asks at time t gets the state of t - 0.9 s or later, however slow `make` is.

`drop` and `invalidate` make a change visible sooner in this process; the bound does not depend on them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import blake2b

from app.application.cache import Cache
from app.infrastructure.cache.envelope import Clock

_LONGEST_AGE = 1.0  # seconds, DESIGN section 6

Make = Callable[[], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Page:
    """A ready answer. `etag` is a strong validator with its quotes (RFC 9110 section 8.8.3)."""

    body: bytes
    etag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HotStats:
    """Since the process started: answers from this process, from the shared cache, made anew; and what is held now."""

    local_hits: int
    shared_hits: int
    made: int
    entries: int
    bytes: int


def strong_etag(body: bytes) -> str:
    return f'"{blake2b(body, digest_size=16).hexdigest()}"'


class _Flight:
    """One load under way. It may have been overtaken by `drop`; then its page is not kept."""

    __slots__ = ("born", "task")

    task: asyncio.Task[Page]

    def __init__(self, born: float) -> None:
        self.born = born


class HotReads:
    """For one event loop. Times are in seconds; `tag` gives a body's ETag. Raises ValueError for ttls that add up to
    a second or more.

    Entries end about in the order in which they came (all live close to `local_ttl`), so the oldest is the one to give
    up when room is needed, and reads need no bookkeeping.
    """

    def __init__(
        self,
        cache: Cache,
        *,
        local_ttl: float = 0.4,
        shared_ttl: float = 0.5,
        max_entries: int = 10_000,
        max_bytes: int = 64 * 1_048_576,
        clock: Clock = time.monotonic,
        tag: Callable[[bytes], str] = strong_etag,
    ) -> None:
        if local_ttl + shared_ttl >= _LONGEST_AGE:
            raise ValueError("local_ttl and shared_ttl must add up to less than one second")
        self._cache = cache
        self._local_ttl = local_ttl
        self._shared_ttl = shared_ttl
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._clock = clock
        self._tag = tag
        self._entries: dict[str, tuple[float, Page]] = {}
        self._bytes = 0
        self._flights: dict[str, _Flight] = {}
        self._shares: dict[str, asyncio.Task[None]] = {}
        self._local_hits = self._shared_hits = self._made = 0

    def peek(self, key: str) -> Page | None:
        """The page if this process holds it and it is young enough. Never waits."""
        entry = self._entries.get(key)
        if entry is None or entry[0] <= self._clock():
            return None
        self._local_hits += 1
        return entry[1]

    async def load(self, key: str, make: Make) -> Page:
        """From this process, else from the shared cache, else from `make`; one load per key at a time.

        `make` runs in a task of its own with the first caller's context, so a caller who goes away takes nobody along.
        What it raises reaches every caller of that load and is not kept.
        """
        page = self.peek(key)
        if page is not None:
            return page
        flight = self._flights.get(key)
        if flight is None or self._too_old(flight):
            flight = self._take_off(key, make)
        await asyncio.wait((flight.task,))  # unlike awaiting the task, being cancelled here leaves it running
        return flight.task.result()

    def drop(self, key: str) -> None:
        """Forgets the page; a load under way answers its callers but is not kept, and nobody joins it any more."""
        self._flights.pop(key, None)
        self._forget(key)

    async def invalidate(self, key: str) -> None:
        """`drop`, and the shared entry too, after any write of it that this process has under way."""
        self.drop(key)
        share = self._shares.get(key)
        if share is not None:
            await asyncio.wait((share,))
        await self._cache.delete(key)
        self.drop(key)  # a load may have read the shared entry while it was being deleted

    def stats(self) -> HotStats:
        return HotStats(
            local_hits=self._local_hits,
            shared_hits=self._shared_hits,
            made=self._made,
            entries=len(self._entries),
            bytes=self._bytes,
        )

    async def close(self) -> None:
        """Ends the loads under way, and lets writes to the shared cache finish (they are bounded)."""
        flights = [flight.task for flight in self._flights.values()]
        for task in flights:
            task.cancel()
        if waiting := [*flights, *self._shares.values()]:
            await asyncio.wait(waiting)

    def _too_old(self, flight: _Flight) -> bool:
        return self._clock() >= self._end(flight.born)

    def _end(self, born: float) -> float:
        return born + self._shared_ttl + self._local_ttl

    def _take_off(self, key: str, make: Make) -> _Flight:
        flight = _Flight(self._clock() - self._shared_ttl)
        flight.task = asyncio.create_task(self._fly(key, make, flight), name="hot-read")
        flight.task.add_done_callback(lambda task: self._arrived(key, flight, task))
        self._flights[key] = flight
        return flight

    async def _fly(self, key: str, make: Make, flight: _Flight) -> Page:
        body = await self._cache.get(key)
        made = body is None or self._too_old(flight)
        if body is None or made:
            flight.born = self._clock()
            body = await make()
        self._made += made
        self._shared_hits += not made
        page = Page(body, self._tag(body))
        if self._wanted(key, flight):
            self._keep(key, page, flight)
            if made:
                self._share(key, body, flight.born)
        return page

    def _wanted(self, key: str, flight: _Flight) -> bool:
        """False once `drop` (or a younger load) has overtaken this one: its value may be from before the change."""
        return self._flights.get(key) is flight

    def _arrived(self, key: str, flight: _Flight, task: asyncio.Task[Page]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
        if not task.cancelled():
            task.exception()  # seen: with every caller gone, asyncio would report it as forgotten

    def _keep(self, key: str, page: Page, flight: _Flight) -> None:
        now = self._clock()
        until = min(now + self._local_ttl, self._end(flight.born))
        size = len(key) + len(page.body)
        if until <= now or size > self._max_bytes:
            return
        self._forget(key)
        self._entries[key] = (until, page)
        self._bytes += size
        self._make_room(now)

    def _make_room(self, now: float) -> None:
        while self._entries:
            key, (until, _) = next(iter(self._entries.items()))
            if until > now and len(self._entries) <= self._max_entries and self._bytes <= self._max_bytes:
                return
            self._forget(key)

    def _forget(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= len(key) + len(entry[1].body)

    def _share(self, key: str, body: bytes, born: float) -> None:
        """Callers don't wait for this write. While one is under way for the key, a second is not worth starting."""
        if key in self._shares:
            return
        task = asyncio.create_task(self._write(key, body, born), name="hot-share")
        self._shares[key] = task
        task.add_done_callback(lambda _: self._shares.pop(key))

    async def _write(self, key: str, body: bytes, born: float) -> None:
        left = born + self._shared_ttl - self._clock()
        if left > 0:
            await self._cache.set(key, body, left)
