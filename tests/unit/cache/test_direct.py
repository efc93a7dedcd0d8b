from __future__ import annotations

import logging

import pytest

from tests.unit.cache.fakes import FakeStore, fake_cache


async def test_a_failing_store_is_a_miss_and_never_an_error() -> None:
    store = FakeStore()
    cache = fake_cache(store)
    await cache.set("k", b"page", 0.4)
    store.down = True

    await cache.set("k", b"new", 0.4)
    await cache.delete("k")

    assert await cache.get("k") is None
    assert cache.stats().errors == 3
    assert cache.stats().active == "fake"


async def test_an_outage_is_logged_when_it_begins_and_when_it_ends(caplog: pytest.LogCaptureFixture) -> None:
    store = FakeStore()
    cache = fake_cache(store)
    with caplog.at_level(logging.WARNING):
        for store.down in (True, True, False, False):
            await cache.get("k")
            await cache.set("k", b"page", 0.4)
            await cache.delete("k")

    assert [record.getMessage() for record in caplog.records] == [
        "the fake cache fails, its answers count as misses: down",
        "the fake cache works again",
    ]


async def test_closing_the_cache_closes_its_store() -> None:
    store = FakeStore()

    await fake_cache(store).close()

    assert store.closed
