"""What every cache does, whatever stands behind it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from app.application.cache import ManagedCache
from app.infrastructure.cache.direct import DirectCache
from app.infrastructure.cache.disk_store import DiskStore
from app.infrastructure.cache.envelope import LARGEST_VALUE, LONGEST_TTL
from app.infrastructure.cache.fallback import FallbackCache
from app.infrastructure.cache.redis_store import RedisStore
from app.infrastructure.cache.store import CountedStore, Store
from tests.support.redis import running_redis
from tests.unit.cache.fakes import FakeStore, Ticking

PATIENT = 10.0  # seconds: these tests are about answers, not about waits
MINUTES = 600.0  # a ttl that a slow machine does not outlive


class Shifted:
    """The real time, and as many seconds more as the test wants."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def wall(self) -> float:
        return time.time() + self.ahead

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead


class Bench:
    """Makes caches of one kind on one store, and moves their time."""

    def __init__(self, kind: str, folder: Path, url: str) -> None:
        self._kind, self._folder, self._url = kind, folder, url
        self._ticking, self._shifted = Ticking(), Shifted()
        self._fake: FakeStore | None = None

    def store(self, *, longest: float = MINUTES) -> Store:
        clock = self._shifted
        if self._kind == "disk":
            return DiskStore(self._folder, timeout=PATIENT, longest=longest, wall=clock.wall, monotonic=clock.monotonic)
        if self._kind in {"redis", "fallback"}:
            return RedisStore(self._url, timeout=PATIENT, longest=longest, wall=clock.wall)
        self._fake = self._fake or FakeStore(self._ticking, longest=longest)
        return self._fake

    def cache(self, *, longest: float = MINUTES) -> ManagedCache:
        counted = CountedStore(self.store(longest=longest))
        if self._kind == "fallback":
            return FallbackCache(counted, DirectCache(CountedStore(FakeStore())))
        return DirectCache(counted)

    def forward(self, seconds: float) -> None:
        self._ticking.forward(seconds)
        self._shifted.ahead += seconds


@pytest.fixture(params=["fake", "redis", "disk", "fallback"])
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    kind: str = request.param
    async with AsyncExitStack() as stack:
        needs_redis = kind in {"redis", "fallback"}
        url = (await stack.enter_async_context(running_redis())).url if needs_redis else ""
        yield Bench(kind, tmp_path / "cache", url)


@pytest.fixture
async def cache(bench: Bench) -> AsyncIterator[ManagedCache]:
    made = bench.cache()
    yield made
    await made.close()


async def test_what_was_set_is_returned(cache: ManagedCache) -> None:
    await cache.set("t1:product:7", b"page", MINUTES)

    assert await cache.get("t1:product:7") == b"page"


async def test_an_absent_key_is_a_miss(cache: ManagedCache) -> None:
    assert await cache.get("t1:product:7") is None


async def test_a_second_set_replaces_the_first(cache: ManagedCache) -> None:
    await cache.set("k", b"old", MINUTES)
    await cache.set("k", b"new", MINUTES)

    assert await cache.get("k") == b"new"


async def test_a_deleted_key_is_a_miss(cache: ManagedCache) -> None:
    await cache.set("k", b"page", MINUTES)
    await cache.delete("k")
    await cache.delete("k")

    assert await cache.get("k") is None


@pytest.mark.parametrize("value", [b"", b"\x00", bytes(range(256)) * 40, b"x" * LARGEST_VALUE])
async def test_any_bytes_come_back_as_they_were(cache: ManagedCache, value: bytes) -> None:
    await cache.set("k", value, MINUTES)

    assert await cache.get("k") == value


@pytest.mark.parametrize("key", ["", "t:ü 🎫\n", "nul\x00byte", "half\ud800pair", "k" * 5_000])
async def test_any_text_is_a_key(cache: ManagedCache, key: str) -> None:
    await cache.set(key, b"page", MINUTES)

    assert await cache.get(key) == b"page"
    assert cache.stats().errors == 0


async def test_keys_of_two_tenants_do_not_meet(cache: ManagedCache) -> None:
    await cache.set("t1:products", b"of one", MINUTES)
    await cache.set("t2:products", b"of two", MINUTES)
    await cache.delete("t1:products")

    assert await cache.get("t2:products") == b"of two"


async def test_an_entry_ends_with_its_ttl(bench: Bench, cache: ManagedCache) -> None:
    await cache.set("k", b"page", 100)
    bench.forward(99)
    assert await cache.get("k") == b"page"

    bench.forward(2)

    assert await cache.get("k") is None


@pytest.mark.parametrize("ttl", [0, -1.0])
async def test_a_ttl_that_is_over_forgets_the_key(cache: ManagedCache, ttl: float) -> None:
    await cache.set("k", b"old", MINUTES)
    await cache.set("k", b"new", ttl)

    assert await cache.get("k") is None


async def test_a_value_that_is_too_large_is_not_kept_and_neither_is_the_one_before(cache: ManagedCache) -> None:
    await cache.set("k", b"small", MINUTES)
    await cache.set("k", b"x" * (LARGEST_VALUE + 1), MINUTES)

    assert await cache.get("k") is None


async def test_no_entry_lives_longer_than_the_longest_ttl(bench: Bench) -> None:
    cache = bench.cache(longest=LONGEST_TTL)
    await cache.set("k", b"page", MINUTES)
    bench.forward(LONGEST_TTL + 0.01)

    assert await cache.get("k") is None
    await cache.close()


async def test_a_clock_that_is_set_back_revives_nothing(bench: Bench) -> None:
    cache = bench.cache()
    await cache.set("k", b"page", MINUTES)
    bench.forward(-86_400)

    assert await cache.get("k") is None
    await cache.close()


async def test_two_workers_share_their_entries(bench: Bench) -> None:
    one, two = bench.cache(), bench.cache()
    await one.set("k", b"page", MINUTES)

    assert await two.get("k") == b"page"
    await two.delete("k")
    assert await one.get("k") is None
    await one.close()
    await two.close()


async def test_many_calls_at_once_each_get_their_own_answer(cache: ManagedCache) -> None:
    keys = [f"k{number}" for number in range(200)]
    await asyncio.gather(*(cache.set(key, key.encode(), MINUTES) for key in keys))

    assert await asyncio.gather(*(cache.get(key) for key in keys)) == [key.encode() for key in keys]


async def test_hits_and_misses_are_counted(cache: ManagedCache) -> None:
    await cache.get("k")
    await cache.set("k", b"page", MINUTES)
    await cache.get("k")
    await cache.get("k")

    stats = cache.stats()
    assert (stats.hits, stats.misses, stats.errors, stats.takeovers) == (2, 1, 0, 0)
    assert stats.active == stats.stores[0].name


async def test_a_cache_may_be_closed_twice(cache: ManagedCache) -> None:
    await cache.set("k", b"page", MINUTES)
    await cache.close()


@pytest.fixture
def store(bench: Bench) -> Callable[[], Store]:
    return bench.store


async def test_a_probe_passes_on_a_store_that_works(store: Callable[[], Store]) -> None:
    probed = store()

    await probed.probe()

    await probed.close()
