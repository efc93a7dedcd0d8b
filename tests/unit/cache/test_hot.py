from __future__ import annotations

import asyncio
from contextvars import ContextVar
from dataclasses import FrozenInstanceError
from hashlib import blake2b

import pytest

from app.infrastructure.cache.hot import HotReads, Page, strong_etag
from tests.unit.cache.fakes import HotBench, Maker, fake_cache


async def test_a_page_is_made_once_and_then_shown_from_memory(bench: HotBench) -> None:
    make = Maker()
    page = await bench.hot.load("k", make)

    assert await bench.hot.load("k", make) is page
    assert bench.hot.peek("k") is page
    assert page.body == b"page 1"
    assert make.calls == 1


async def test_a_page_carries_a_strong_etag_of_its_body(bench: HotBench) -> None:
    page = await bench.hot.load("k", Maker())

    assert page.etag == f'"{blake2b(b"page 1", digest_size=16).hexdigest()}"'
    assert strong_etag(b"page 2") != page.etag


async def test_the_etag_can_be_anothers_choice() -> None:
    hot = HotReads(fake_cache(), tag=lambda body: f'"7-{len(body)}"')

    assert (await hot.load("k", Maker())).etag == '"7-6"'
    await hot.close()


def test_a_page_cannot_be_changed() -> None:
    page = Page(b"body", '"tag"')

    with pytest.raises(FrozenInstanceError):
        page.body = b"other"  # type: ignore[misc]  # what the test is about
    assert not hasattr(page, "__dict__")


async def test_peek_finds_nothing_that_was_never_loaded(bench: HotBench) -> None:
    assert bench.hot.peek("k") is None


async def test_a_second_process_gets_the_page_from_the_shared_cache(bench: HotBench) -> None:
    await bench.hot.load("k", Maker())
    await bench.hot.close()
    other, make = bench.worker(), Maker()

    assert (await other.load("k", make)).body == b"page 1"
    assert make.calls == 0
    assert (other.stats().shared_hits, other.stats().made) == (1, 0)


async def test_after_the_local_time_the_page_is_asked_for_again(bench: HotBench) -> None:
    make = Maker()
    await bench.hot.load("k", make)
    bench.clock.forward(0.4)
    assert bench.hot.peek("k") is None
    await bench.hot.load("k", make)
    assert make.calls == 1

    bench.clock.forward(0.5)

    assert (await bench.hot.load("k", make)).body == b"page 2"


async def test_a_thousand_callers_at_once_make_one_page(bench: HotBench) -> None:
    make = Maker(gate=asyncio.Event())
    callers = [asyncio.create_task(bench.hot.load("k", make)) for _ in range(1_000)]
    await make.started.wait()
    assert make.gate is not None
    make.gate.set()
    pages = await asyncio.gather(*callers)

    assert make.calls == 1
    assert {id(page) for page in pages} == {id(pages[0])}


async def test_what_make_raises_reaches_every_caller_and_is_not_kept(bench: HotBench) -> None:
    make = Maker(gate=asyncio.Event(), error=LookupError("no such product"))
    callers = [asyncio.create_task(bench.hot.load("k", make)) for _ in range(100)]
    await make.started.wait()
    assert make.gate is not None
    make.gate.set()
    answers = await asyncio.gather(*callers, return_exceptions=True)
    assert [type(answer) for answer in answers] == [LookupError] * 100
    assert make.calls == 1

    make.error = None

    assert (await bench.hot.load("k", make)).body == b"page 2"


async def test_a_leader_who_goes_away_does_not_take_the_followers_along(bench: HotBench) -> None:
    make = Maker(gate=asyncio.Event())
    leader = asyncio.create_task(bench.hot.load("k", make))
    await make.started.wait()
    follower = asyncio.create_task(bench.hot.load("k", make))
    await asyncio.sleep(0)
    leader.cancel()
    assert make.gate is not None
    make.gate.set()

    assert (await follower).body == b"page 1"
    with pytest.raises(asyncio.CancelledError):
        await leader


async def test_a_failure_that_nobody_waits_for_any_more_is_not_reported_as_forgotten(bench: HotBench) -> None:
    reported: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    make = Maker(gate=asyncio.Event(), error=LookupError())
    caller = asyncio.create_task(bench.hot.load("k", make))
    await make.started.wait()
    caller.cancel()
    await asyncio.wait((caller,))
    assert make.gate is not None
    make.gate.set()
    await asyncio.wait([task for task in asyncio.all_tasks() if task.get_name() == "hot-read"])

    assert reported == []


async def test_make_runs_in_the_context_of_the_caller_who_starts_it(bench: HotBench) -> None:
    tenant: ContextVar[bytes] = ContextVar("tenant")
    tenant.set(b"t1")

    async def make() -> bytes:
        return tenant.get()

    assert (await bench.hot.load("t1:k", make)).body == b"t1"


async def test_other_keys_do_not_wait_for_a_slow_one(bench: HotBench) -> None:
    slow = Maker(gate=asyncio.Event())
    waiting = asyncio.create_task(bench.hot.load("slow", slow))
    await slow.started.wait()

    assert (await bench.hot.load("quick", Maker())).body == b"page 1"
    waiting.cancel()


async def test_callers_do_not_wait_for_the_shared_cache_to_be_written(bench: HotBench) -> None:
    bench.store.writable.clear()

    assert (await bench.hot.load("k", Maker())).body == b"page 1"
    assert "set k" not in bench.store.calls
    bench.store.writable.set()


async def test_a_write_under_way_is_not_joined_by_a_second_one(bench: HotBench) -> None:
    make = Maker()
    bench.store.writable.clear()
    await bench.hot.load("k", make)
    bench.hot.drop("k")
    await bench.hot.load("k", make)
    bench.store.writable.set()
    await bench.hot.close()

    assert make.calls == 2
    assert bench.store.calls.count("set k") == 1


async def test_a_failing_shared_cache_costs_nothing_but_a_make(bench: HotBench) -> None:
    bench.store.down = True

    assert (await bench.hot.load("k", Maker())).body == b"page 1"
    assert bench.hot.peek("k") is not None


async def test_closing_ends_loads_under_way() -> None:
    bench, make = HotBench(), Maker(gate=asyncio.Event())
    caller = asyncio.create_task(bench.hot.load("k", make))
    await make.started.wait()

    await bench.hot.close()

    with pytest.raises(asyncio.CancelledError):
        await caller


async def test_no_more_than_the_allowed_entries_are_held() -> None:
    bench, make = HotBench(max_entries=3), Maker()
    for key in ("a", "b", "c", "b", "d"):
        await bench.hot.load(key, make)

    assert [key for key in "abcd" if bench.hot.peek(key)] == ["b", "c", "d"]
    assert bench.hot.stats().entries == 3
    await bench.hot.close()


async def test_no_more_than_the_allowed_bytes_are_held() -> None:
    bench = HotBench(max_bytes=100)
    for key in ("a", "b", "c"):
        await bench.hot.load(key, Maker(body=b"x" * 49))
    page = await bench.hot.load("large", Maker(body=b"x" * 200))

    assert len(page.body) == 200
    assert [key for key in ("a", "b", "c", "large") if bench.hot.peek(key)] == ["b", "c"]
    assert bench.hot.stats().bytes == 100
    await bench.hot.close()


async def test_without_room_every_page_is_made_and_none_is_held() -> None:
    bench = HotBench(max_entries=0)

    assert (await bench.hot.load("k", Maker())).body == b"page 1"
    assert bench.hot.stats().entries == bench.hot.stats().bytes == 0
    await bench.hot.close()


async def test_pages_that_are_over_leave_room_when_another_comes(bench: HotBench) -> None:
    for number in range(50):
        await bench.hot.load(f"k{number}", Maker())
    bench.clock.forward(1)
    await bench.hot.load("new", Maker())

    assert bench.hot.stats().entries == 1
    assert bench.hot.stats().bytes == len("new") + len(b"page 1")


async def test_answers_are_counted_by_where_they_came_from(bench: HotBench) -> None:
    await bench.hot.load("k", Maker())
    bench.hot.peek("k")
    await bench.hot.load("k", Maker())
    bench.clock.forward(0.45)
    await bench.hot.load("k", Maker())

    stats = bench.hot.stats()
    assert (stats.local_hits, stats.shared_hits, stats.made) == (2, 1, 1)


@pytest.mark.parametrize(("local_ttl", "shared_ttl"), [(0.5, 0.5), (0.9, 0.2)])
def test_times_that_add_up_to_a_second_are_refused(local_ttl: float, shared_ttl: float) -> None:
    with pytest.raises(ValueError, match="less than one second"):
        HotReads(fake_cache(), local_ttl=local_ttl, shared_ttl=shared_ttl)
