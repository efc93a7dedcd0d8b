from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from app.infrastructure.cache.direct import DirectCache
from app.infrastructure.cache.fallback import FallbackCache
from app.infrastructure.cache.store import CountedStore
from tests.unit.cache.fakes import FakeStore, Ticking


class Pauses:
    """Stands in for sleep: each pause ends when the test says so."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self._begun = asyncio.Semaphore(0)
        self._over = asyncio.Semaphore(0)

    async def __call__(self, seconds: float) -> None:
        self.asked.append(seconds)
        self._begun.release()
        await self._over.acquire()

    async def begun(self) -> None:
        """Returns when a pause has begun, so when the probe before it is done."""
        async with asyncio.timeout(10):
            await self._begun.acquire()

    def end(self) -> None:
        self._over.release()


@dataclass
class Pair:
    clock: Ticking = field(default_factory=Ticking)
    pauses: Pauses = field(default_factory=Pauses)

    def __post_init__(self) -> None:
        self.redis = FakeStore(self.clock, name="redis")
        self.disk = FakeStore(self.clock, name="disk")
        self.cache = FallbackCache(
            CountedStore(self.redis),
            DirectCache(CountedStore(self.disk)),
            retry_after=1.0,
            clock=self.clock,
            pause=self.pauses,
        )

    async def give_back(self) -> None:
        """Redis is well when the pause that is on ends."""
        await self.pauses.begun()
        self.redis.down = False
        self.pauses.end()
        recovery = [task for task in asyncio.all_tasks() if task.get_name() == "cache-recovery"]
        await asyncio.wait(recovery, timeout=10)
        assert self.cache.stats().active == "redis"


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    made = Pair()
    yield made
    await made.cache.close()


async def test_the_second_store_is_not_asked_while_the_first_works(pair: Pair) -> None:
    await pair.cache.set("k", b"page", 0.4)
    await pair.cache.delete("k")

    assert await pair.cache.get("k") is None
    assert pair.disk.calls == []
    assert pair.cache.stats().active == "redis"


async def test_the_call_that_fails_is_answered_by_the_second_store(pair: Pair) -> None:
    await pair.disk.set("k", b"from disk", 0.4)
    pair.redis.down = True

    assert await pair.cache.get("k") == b"from disk"
    assert pair.cache.stats().active == "disk"
    assert pair.cache.stats().takeovers == 1


async def test_nobody_asks_the_first_store_again_while_it_is_down(pair: Pair) -> None:
    pair.redis.down = True
    await pair.cache.get("first")
    asked = list(pair.redis.calls)

    await pair.cache.set("k", b"page", 0.4)

    assert await pair.cache.get("k") == b"page"
    assert pair.redis.calls == asked


async def test_it_gives_back_when_the_first_store_answers_a_probe(pair: Pair) -> None:
    pair.redis.down = True
    await pair.cache.get("k")
    for _ in range(2):
        await pair.pauses.begun()
        pair.pauses.end()
    await pair.give_back()

    assert await pair.cache.get("k") is None
    assert pair.redis.calls[-1] == "get k"
    assert pair.redis.probes == 3
    assert pair.pauses.asked == [1.0, 1.0, 1.0]


async def test_calls_that_fail_together_are_one_take_over_with_one_task_that_probes(pair: Pair) -> None:
    pair.redis.writable.clear()
    calls = [asyncio.create_task(pair.cache.set(f"k{number}", b"page", 0.4)) for number in range(50)]
    await asyncio.sleep(0)
    pair.redis.down = True
    pair.redis.writable.set()
    await asyncio.gather(*calls)

    await pair.pauses.begun()
    assert pair.cache.stats().takeovers == 1
    assert len(pair.pauses.asked) == 1
    assert await pair.cache.get("k49") == b"page"


async def test_a_second_outage_takes_over_again(pair: Pair) -> None:
    for _ in range(2):
        pair.redis.down = True
        await pair.cache.get("k")
        await pair.give_back()

    assert pair.cache.stats().takeovers == 2


async def test_too_many_calls_of_our_own_are_misses_and_no_outage(pair: Pair) -> None:
    pair.redis.busy = True

    assert await pair.cache.get("k") is None
    await pair.cache.set("k", b"page", 0.4)
    assert pair.cache.stats().active == "redis"
    assert pair.disk.calls == []


async def test_time_lost_on_the_first_store_is_taken_from_the_ttl(pair: Pair) -> None:
    pair.redis.down = True
    pair.redis.writable.clear()
    write = asyncio.create_task(pair.cache.set("k", b"page", 0.4))
    await asyncio.sleep(0)
    pair.clock.forward(0.3)
    pair.redis.writable.set()
    await write
    assert await pair.cache.get("k") == b"page"

    pair.clock.forward(0.1)

    assert await pair.cache.get("k") is None


async def test_a_delete_that_missed_a_store_costs_no_more_than_the_ttl(pair: Pair) -> None:
    await pair.cache.set("k", b"before the outage", 0.5)
    pair.redis.down = True
    await pair.cache.delete("k")
    await pair.give_back()
    assert await pair.cache.get("k") == b"before the outage"

    pair.clock.forward(0.5)

    assert await pair.cache.get("k") is None


async def test_both_stores_failing_is_still_only_a_miss(pair: Pair) -> None:
    pair.redis.down = pair.disk.down = True

    await pair.cache.set("k", b"page", 0.4)

    assert await pair.cache.get("k") is None
    assert pair.cache.stats().errors == 3


async def test_hits_are_counted_per_store(pair: Pair) -> None:
    await pair.cache.set("k", b"page", 0.4)
    await pair.cache.get("k")
    pair.redis.down = True
    await pair.cache.set("k", b"page", 0.4)
    await pair.cache.get("k")

    stats = pair.cache.stats()
    assert {store.name: store.hits for store in stats.stores} == {"redis": 1, "disk": 1}
    assert (stats.hits, stats.misses, stats.errors) == (2, 0, 1)


async def test_take_over_and_return_are_logged_once_each(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        pair.redis.down = True
        await pair.cache.get("k")
        await pair.cache.get("k")
        await pair.give_back()

    assert [record.getMessage() for record in caplog.records] == [
        "the redis cache fails (down), the second one takes over",
        "the redis cache answers again and is back in charge",
    ]


async def test_closing_ends_the_probing_and_both_stores() -> None:
    pair = Pair()
    pair.redis.down = True
    await pair.cache.get("k")

    await pair.cache.close()

    assert pair.redis.closed
    assert pair.disk.closed
    assert "cache-recovery" not in {task.get_name() for task in asyncio.all_tasks()}
