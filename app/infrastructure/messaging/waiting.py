"""Waits for news, but not for ever."""

from __future__ import annotations

import asyncio


async def news(event: asyncio.Event, seconds: float) -> None:
    """Returns when `event` is set, or after `seconds`."""
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return
