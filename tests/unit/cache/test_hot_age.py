"""Who asks at time t gets the state of t - 1 s or later: the promise to shop callers (DESIGN section 6)."""

from __future__ import annotations

import asyncio
from random import Random

from app.infrastructure.cache.hot import HotReads, Page
from tests.unit.cache.fakes import FakeStore, Maker, Ticking, fake_cache

LONGEST_AGE = 1.0


class TrustsTheSharedCache(HotReads):
    """The twin that takes what it reads from the shared cache for new."""

    def _end(self, born: float) -> float:
        return super()._end(born) + self._shared_ttl


class CountsFromTheEnd(HotReads):
    """The twin that counts a value's age from the end of `make`."""

    def _keep(self, key: str, page: Page, flight: object) -> None:
        self._entries[key] = (self._clock() + self._local_ttl + self._shared_ttl, page)


class World:
    """Two workers on one shared cache. Time passes only in calls, by random steps; a page says when it was true."""

    def __init__(self, kind: type[HotReads], seed: int) -> None:
        self.random, self.clock = Random(seed), Ticking()
        store = SlowStore(self)
        self.workers = [kind(fake_cache(store), clock=self.clock) for _ in range(2)]
        self.oldest = 0.0

    def pass_time(self, longest: float) -> None:
        self.clock.forward(self.random.random() * longest)

    async def make(self) -> bytes:
        self.pass_time(0.2)
        seen = self.clock()
        self.pass_time(0.6)
        return repr(seen).encode()

    async def run(self, steps: int) -> None:
        for _ in range(steps):
            self.pass_time(0.3)
            worker, asked = self.random.choice(self.workers), self.clock()
            page = worker.peek("k") or await worker.load("k", self.make)
            self.oldest = max(self.oldest, asked - float(page.body))
            await asyncio.sleep(0)  # lets the write to the shared cache happen
        for worker in self.workers:
            await worker.close()


class SlowStore(FakeStore):
    def __init__(self, world: World) -> None:
        super().__init__(world.clock)
        self._world = world

    async def get(self, key: str) -> bytes | None:
        self._world.pass_time(0.15)
        found = await super().get(key)
        self._world.pass_time(0.15)
        return found

    async def set(self, key: str, value: bytes, ttl: float) -> None:
        await super().set(key, value, ttl)
        self._world.pass_time(0.15)


async def _oldest_answer(kind: type[HotReads]) -> float:
    worlds = [World(kind, seed) for seed in range(5)]
    for world in worlds:
        await world.run(400)
    return max(world.oldest for world in worlds)


async def test_no_answer_is_older_than_a_second_however_long_reads_and_makes_take() -> None:
    oldest = await _oldest_answer(HotReads)

    assert 0.4 < oldest < LONGEST_AGE


async def test_counting_the_age_from_the_end_of_make_breaks_the_promise() -> None:
    assert await _oldest_answer(CountsFromTheEnd) > LONGEST_AGE


async def _shown_after_a_late_and_slow_shared_read(kind: type[HotReads]) -> Page | None:
    """The page is true at 0 s, read from the shared cache from 0.45 s to 0.8 s, and looked at when it is 1.1 s old."""
    clock = Ticking()
    store = FakeStore(clock)

    class Slow(FakeStore):
        async def get(self, key: str) -> bytes | None:
            found = await store.get(key)
            clock.forward(0.35)
            return found

    await store.set("k", b"page", 0.5)
    hot = kind(fake_cache(Slow(clock)), clock=clock)
    clock.forward(0.45)
    assert (await hot.load("k", Maker())).body == b"page"
    clock.forward(0.3)
    await hot.close()
    return hot.peek("k")


async def test_a_shared_value_is_taken_to_be_as_old_as_it_can_be() -> None:
    assert await _shown_after_a_late_and_slow_shared_read(HotReads) is None
    assert await _shown_after_a_late_and_slow_shared_read(TrustsTheSharedCache) is not None


def _two(clock: Ticking) -> tuple[FakeStore, HotReads]:
    store = FakeStore(clock)
    return store, HotReads(fake_cache(store), clock=clock)


async def test_a_stalled_event_loop_shows_nothing_that_is_too_old() -> None:
    clock = Ticking()
    _, hot = _two(clock)
    await hot.load("k", Maker())

    clock.forward(5)

    assert hot.peek("k") is None
    await hot.close()


async def test_a_shared_value_that_took_too_long_to_arrive_is_made_anew() -> None:
    clock = Ticking()
    store, hot = _two(clock)
    await store.set("k", b"shared", 0.5)

    class Stalling(FakeStore):
        async def get(self, key: str) -> bytes | None:
            found = await store.get(key)
            clock.forward(0.4)
            return found

    late = HotReads(fake_cache(Stalling(clock)), clock=clock)

    assert (await late.load("k", Maker())).body == b"page 1"
    await late.close()
    await hot.close()


async def test_what_took_long_to_make_lives_shorter_here_and_in_the_shared_cache() -> None:
    clock = Ticking()
    store, hot = _two(clock)

    async def make() -> bytes:
        clock.forward(0.45)
        return b"slow"

    await hot.load("k", make)
    await hot.close()
    assert await store.get("k") == b"slow"
    assert hot.peek("k") is not None

    clock.forward(0.05)
    assert await store.get("k") is None
    clock.forward(0.3)
    assert hot.peek("k") is not None
    clock.forward(0.1)
    assert hot.peek("k") is None


async def test_what_took_longer_than_the_bound_is_answered_and_not_kept() -> None:
    clock = Ticking()
    store, hot = _two(clock)

    async def make() -> bytes:
        clock.forward(0.9)
        return b"very slow"

    assert (await hot.load("k", make)).body == b"very slow"
    await hot.close()
    assert hot.peek("k") is None
    assert "set k" not in store.calls


async def test_a_caller_does_not_join_a_load_that_is_older_than_the_bound() -> None:
    clock = Ticking()
    _, hot = _two(clock)
    old, new = Maker(gate=asyncio.Event(), body=b"old"), Maker(body=b"new")
    first = asyncio.create_task(hot.load("k", old))
    await old.started.wait()
    clock.forward(0.89)
    joining = asyncio.create_task(hot.load("k", new))
    await asyncio.sleep(0)
    clock.forward(0.02)

    assert (await hot.load("k", new)).body == b"new"
    assert old.gate is not None
    old.gate.set()
    assert [(await caller).body for caller in (first, joining)] == [b"old", b"old"]
    assert new.calls == 1
    await hot.close()
