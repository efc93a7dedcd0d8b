"""Waiting ends by news, by time, and always by a cancellation."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from app.infrastructure.messaging.waiting import news


async def test_it_ends_with_the_news() -> None:
    event = asyncio.Event()
    waiting = asyncio.create_task(news(event, 3600))
    await asyncio.sleep(0)
    event.set()

    await asyncio.wait_for(waiting, 30)


async def test_it_ends_by_itself() -> None:
    await asyncio.wait_for(news(asyncio.Event(), 0.001), 30)


async def cancelled_with_the_news(wait: Callable[[asyncio.Event], Awaitable[object]]) -> bool:
    """Whether a loop around it ends when cancellation and news come in the same turn of the loop."""
    event, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        try:
            while not ended.is_set():
                event.clear()
                await wait(event)
                await asyncio.sleep(0)
        finally:
            ended.set()

    task = asyncio.create_task(work())
    for _ in range(5):
        await asyncio.sleep(0)
    event.set()
    await asyncio.sleep(0)
    task.cancel()
    for _ in range(10):
        await asyncio.sleep(0)
    over = task.done()
    ended.set()
    event.set()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return over


async def test_a_cancellation_that_comes_together_with_the_news_is_not_missed() -> None:
    assert await cancelled_with_the_news(lambda event: news(event, 3600))


@pytest.mark.skipif("sys.version_info >= (3, 12)", reason="mended there")
async def test_twin_wait_for_would_miss_it() -> None:
    assert not await cancelled_with_the_news(lambda event: asyncio.wait_for(event.wait(), 3600))
