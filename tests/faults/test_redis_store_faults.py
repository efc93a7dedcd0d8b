"""What reaches a caller from one Redis that hangs, comes back, or answers late."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
from redis.exceptions import TimeoutError as RedisTimeout

from app.infrastructure.cache.redis_store import RedisStore
from app.infrastructure.cache.store import StoreBusy, StoreFailed
from tests.support.redis import RedisServer, running_redis

pytestmark = pytest.mark.faults

BOUND = 5.0  # seconds for one call; far above what it may take, so only a call that really waits fails
MINUTES = 600.0
_T = TypeVar("_T")


class Ahead:
    """The real time plus `seconds`: as if the test had waited."""

    seconds = 0.0

    def __call__(self) -> float:
        return time.time() + self.seconds


async def test_a_write_that_a_hung_redis_carries_out_late_is_not_shown(redis_server: RedisServer) -> None:
    wall = Ahead()
    store = RedisStore(redis_server.url, timeout=0.2, longest=MINUTES, wall=wall)
    await store.get("k")
    redis_server.hang()
    with pytest.raises(StoreFailed):
        await store.set("k", b"old", 30)
    wall.seconds = 31
    redis_server.resume()

    await _written(redis_server, "k")  # Redis itself would show it for another 30 s: its ttl began when it went on
    assert await store.get("k") is None
    await store.close()


async def _written(server: RedisServer, key: str) -> None:
    async with asyncio.timeout(30):
        while await server.execute("EXISTS", f"hello-ticket:cache:{key}") != 1:  # noqa: ASYNC110 - another process's state
            await asyncio.sleep(0.01)


async def test_what_a_redis_with_a_disk_brings_back_after_an_outage_is_not_older_than_its_ttl() -> None:
    wall = Ahead()
    async with running_redis(save=True) as server:
        store = RedisStore(server.url, timeout=BOUND, longest=MINUTES, wall=wall)
        await store.set("k", b"old", 100)
        await server.restart()
        assert await store.get("k") == b"old"

        wall.seconds = 101

        assert await server.execute("EXISTS", "hello-ticket:cache:k") == 1
        assert await store.get("k") is None
        await store.close()


async def test_redis_is_told_to_forget_by_itself(redis_server: RedisServer) -> None:
    store = RedisStore(redis_server.url, timeout=BOUND)
    await store.set("k", b"page", 0.3)
    left = await redis_server.execute("PTTL", "hello-ticket:cache:k")

    assert left == -2 or (isinstance(left, int) and 0 <= left <= 300)
    await store.close()


async def test_answers_left_over_from_an_outage_reach_nobody_else(redis_server: RedisServer) -> None:
    """Two hundred calls are cut off in every stage; afterwards each key still has its own value."""
    store = RedisStore(redis_server.url, timeout=0.1, longest=MINUTES)
    keys = [f"t{number}:k" for number in range(40)]
    await asyncio.gather(*(_write(store, key) for key in keys))
    redis_server.hang()
    for _ in range(5):
        calls = [asyncio.create_task(store.get(key)) for key in keys]
        await asyncio.sleep(0.01)
        for call in calls[::2]:
            call.cancel()
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(answer) for answer in answers} <= {StoreFailed, StoreBusy, asyncio.CancelledError}
    redis_server.resume()

    for key in keys:
        assert await _read(store, key) == key.encode()
    await store.close()


async def _write(store: RedisStore, key: str) -> None:
    await _patiently(lambda: store.set(key, key.encode(), MINUTES))


async def _read(store: RedisStore, key: str) -> bytes | None:
    return await _patiently(lambda: store.get(key))


async def _patiently(act: Callable[[], Awaitable[_T]]) -> _T:
    async with asyncio.timeout(30):
        while True:
            try:
                return await act()
            except StoreFailed:
                await asyncio.sleep(0.01)


async def test_a_reply_to_another_key_is_refused(redis_server: RedisServer) -> None:
    store = RedisStore(redis_server.url, timeout=BOUND, longest=MINUTES)
    await store.set("t1:k", b"of one", MINUTES)
    await redis_server.execute("COPY", "hello-ticket:cache:t1:k", "hello-ticket:cache:t2:k")

    assert await store.get("t2:k") is None
    await store.close()


async def test_more_calls_than_connections_wait_their_turn_and_then_give_up(redis_server: RedisServer) -> None:
    store = RedisStore(redis_server.url, timeout=0.2, slots=2)
    await store.get("k")
    redis_server.hang()
    answers = await asyncio.gather(*(store.get("k") for _ in range(50)), return_exceptions=True)
    redis_server.resume()

    assert [type(answer) for answer in answers].count(StoreFailed) >= 2
    assert {type(answer) for answer in answers} == {StoreFailed, StoreBusy}
    await store.close()


async def test_a_probe_that_gets_back_something_else_fails(redis_server: RedisServer) -> None:
    store = RedisStore(redis_server.url, timeout=BOUND, longest=0)

    with pytest.raises(StoreFailed, match="did not give back"):
        await store.probe()

    await store.close()


async def test_the_address_cannot_change_the_waits_or_the_kind_of_answers(redis_server: RedisServer) -> None:
    store = RedisStore(f"{redis_server.url}?decode_responses=true&socket_timeout=30&max_connections=1", timeout=BOUND)
    await store.set("k", bytes(range(256)), 0.5)

    async with asyncio.timeout(BOUND):
        assert await store.get("k") in {bytes(range(256)), None}
    await store.close()


class Stuck:
    async def disconnect(self) -> None:
        raise RedisTimeout("Timed out closing connection")


async def test_connections_that_cannot_be_closed_do_not_keep_the_process_from_ending(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    store = RedisStore(redis_server.url)
    store._pool = Stuck()

    await store.close()

    assert "closing the connections to Redis failed: TimeoutError" in caplog.text
