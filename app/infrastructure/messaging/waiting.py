"""Waits for news, but not for ever."""

from __future__ import annotations

import asyncio


async def news(event: asyncio.Event, seconds: float) -> None:
    """Returns when `event` is set, or after `seconds`.

    Not by `wait_for`: Python 3.11's swallows a cancellation that comes together with the news (bpo-37658), and a worker
    that misses its cancellation never ends.
    """
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
