"""Redis stopped, hung, killed, emptied, restarted, full under a stream of calls: the disk steps in and gives back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from app.application.cache import CacheStats
from app.infrastructure.cache.direct import DirectCache
from app.infrastructure.cache.disk_store import DiskStore
from app.infrastructure.cache.fallback import FallbackCache
from app.infrastructure.cache.redis_store import RedisStore
from app.infrastructure.cache.store import CountedStore
from tests.support.redis import RedisServer

pytestmark = pytest.mark.faults

BOUND = 5.0  # seconds for one call; far above what it may take, so only a call that really waits fails
MINUTES = 600.0


def _fallback(url: str, folder: Path, *, timeout: float = 0.2) -> FallbackCache:
    redis = RedisStore(url, timeout=timeout, longest=MINUTES)
    disk = DiskStore(folder, timeout=BOUND, longest=MINUTES)
    return FallbackCache(CountedStore(redis), DirectCache(CountedStore(disk)), retry_after=0.02)


def _hits(stats: CacheStats, name: str) -> int:
    return next(store.hits for store in stats.stores if store.name == name)


class Stream:
    """Callers that set and read keys of their own without a pause. Any wrong answer or exception ends the test."""

    def __init__(self, cache: FallbackCache) -> None:
        self.cache = cache
        self._ended = False

    async def serves_from(self, name: str) -> None:
        """Returns when `name` is in charge and has answered fifty more reads with a hit."""
        async with asyncio.timeout(60):
            before: int | None = None
            while before is None or _hits(self.cache.stats(), name) < before + 50:
                if before is None and self.cache.stats().active == name:
                    before = _hits(self.cache.stats(), name)
                await asyncio.sleep(0.005)

    async def _call(self, caller: int) -> None:
        number = 0
        while not self._ended:
            number += 1
            key, value = f"t{caller}:k{number % 5}", b"%d of %d" % (number % 5, caller)
            async with asyncio.timeout(BOUND):
                await self.cache.set(key, value, MINUTES)
            async with asyncio.timeout(BOUND):
                assert await self.cache.get(key) in {value, None}
            await asyncio.sleep(0)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as callers:
            for caller in range(10):
                callers.create_task(self._call(caller))
            try:
                yield
            finally:
                self._ended = True


@pytest.fixture
async def stream(redis_server: RedisServer, tmp_path: Path) -> AsyncIterator[Stream]:
    made = Stream(_fallback(redis_server.url, tmp_path))
    yield made
    await made.cache.close()


async def _hang(server: RedisServer) -> None:
    server.hang()


async def _resume(server: RedisServer) -> None:
    server.resume()


async def _stop(server: RedisServer) -> None:
    server.stop()


async def _kill(server: RedisServer) -> None:
    server.kill()


async def _fill(server: RedisServer) -> None:
    """No room for any write; reads and PING still work."""
    await server.execute("CONFIG", "SET", "maxmemory", 1)


async def _empty(server: RedisServer) -> None:
    await server.execute("CONFIG", "SET", "maxmemory", 0)


Act = Callable[[RedisServer], Awaitable[None]]


@pytest.mark.parametrize(
    ("breaks", "heals"),
    [(_stop, RedisServer.start), (_kill, RedisServer.start), (_hang, _resume), (_fill, _empty)],
    ids=["stopped", "killed", "hung", "full"],
)
async def test_the_disk_takes_over_and_redis_gets_it_back(
    redis_server: RedisServer, stream: Stream, breaks: Act, heals: Act
) -> None:
    async with stream.running():
        await stream.serves_from("redis")
        await breaks(redis_server)
        await stream.serves_from("disk")
        await heals(redis_server)
        await stream.serves_from("redis")

    assert stream.cache.stats().takeovers >= 1


async def test_an_emptied_redis_is_only_misses(redis_server: RedisServer, stream: Stream) -> None:
    async with stream.running():
        await stream.serves_from("redis")
        await redis_server.flush()
        await stream.serves_from("redis")


async def test_a_restart_of_redis_under_load_ends_with_redis_in_charge(
    redis_server: RedisServer, stream: Stream
) -> None:
    async with stream.running():
        await stream.serves_from("redis")
        await redis_server.restart()
        await stream.serves_from("redis")


async def test_a_redis_that_never_was_there_leaves_the_disk_in_charge(tmp_path: Path) -> None:
    cache = _fallback(f"unix://{tmp_path}/nobody.sock", tmp_path / "cache")
    await cache.set("k", b"page", MINUTES)

    assert await cache.get("k") == b"page"
    assert cache.stats().active == "disk"
    await cache.close()


async def test_while_redis_hangs_only_the_first_callers_meet_it(redis_server: RedisServer, tmp_path: Path) -> None:
    cache = _fallback(redis_server.url, tmp_path)
    await cache.set("k", b"page", MINUTES)
    redis_server.hang()
    async with asyncio.timeout(BOUND):
        await cache.set("k", b"page", MINUTES)
    errors = cache.stats().stores[0].errors

    async with asyncio.timeout(60):
        answers = [await cache.get("k") for _ in range(500)]

    assert answers == [b"page"] * 500
    assert cache.stats().stores[0].errors == errors == 1
    redis_server.resume()
    await cache.close()


async def test_closing_does_not_wait_for_a_redis_that_hangs(redis_server: RedisServer, tmp_path: Path) -> None:
    cache = _fallback(redis_server.url, tmp_path)
    await cache.get("k")
    redis_server.hang()
    await cache.get("k")

    async with asyncio.timeout(BOUND):
        await cache.close()
