"""A page that is no longer true: forgotten here, in the shared cache, and not put back by a load from before."""

from __future__ import annotations

import asyncio

from app.infrastructure.cache.hot import HotReads, Page
from tests.unit.cache.fakes import HotBench, Maker


class Careless(HotReads):
    """The twin without the check that a load was overtaken by a drop."""

    def _wanted(self, key: str, flight: object) -> bool:
        return True


async def _page_after_a_drop_during_its_load(bench: HotBench) -> Page | None:
    make = Maker(gate=asyncio.Event(), body=b"old")
    caller = asyncio.create_task(bench.hot.load("k", make))
    await make.started.wait()
    bench.hot.drop("k")
    assert make.gate is not None
    make.gate.set()
    assert (await caller).body == b"old"
    await bench.hot.close()
    return bench.hot.peek("k")


async def test_a_load_that_began_before_a_drop_does_not_put_its_value_back(bench: HotBench) -> None:
    assert await _page_after_a_drop_during_its_load(bench) is None
    assert "set k" not in bench.store.calls


async def test_without_the_check_the_old_value_comes_back() -> None:
    page = await _page_after_a_drop_during_its_load(HotBench(kind=Careless))

    assert page is not None
    assert page.body == b"old"


async def test_a_caller_after_a_drop_does_not_join_the_load_from_before(bench: HotBench) -> None:
    old, new = Maker(gate=asyncio.Event(), body=b"old"), Maker(body=b"new")
    before = asyncio.create_task(bench.hot.load("k", old))
    await old.started.wait()
    bench.hot.drop("k")

    assert (await bench.hot.load("k", new)).body == b"new"
    assert old.gate is not None
    old.gate.set()
    assert (await before).body == b"old"
    assert (await bench.hot.load("k", old)).body == b"new"


async def test_a_shared_value_read_before_a_drop_is_not_kept_either(bench: HotBench) -> None:
    await bench.hot.load("k", Maker())
    await bench.hot.close()
    other = bench.worker()
    caller = asyncio.create_task(other.load("k", Maker()))
    await asyncio.sleep(0)
    other.drop("k")
    await caller

    assert other.peek("k") is None


async def test_a_dropped_page_is_gone_here_and_an_invalidated_one_in_the_shared_cache_too(bench: HotBench) -> None:
    make = Maker()
    await bench.hot.load("k", make)
    bench.hot.drop("k")
    assert bench.hot.peek("k") is None
    assert bench.hot.stats().bytes == 0

    await bench.hot.invalidate("k")

    assert (await bench.hot.load("k", make)).body == b"page 2"


async def test_invalidate_comes_after_a_write_of_the_key_that_is_under_way(bench: HotBench) -> None:
    bench.store.writable.clear()
    await bench.hot.load("k", Maker())
    ending = asyncio.create_task(bench.hot.invalidate("k"))
    await asyncio.sleep(0)
    bench.store.writable.set()
    await ending

    assert bench.store.calls[-2:] == ["set k", "delete k"]
