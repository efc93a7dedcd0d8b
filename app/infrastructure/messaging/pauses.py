"""Growing pauses between tries."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable


class Pauses:
    """`first` seconds, doubled each time up to `most`, each a little shorter by chance so that many don't come at once.

    Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015).
    """

    def __init__(
        self, *, first: float = 0.2, most: float = 5.0, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    ) -> None:
        self._first = first
        self._most = most
        self._sleep = sleep
        self.count = 0

    async def next(self) -> None:
        seconds = min(self._most, self._first * 2 ** min(self.count, 16))
        self.count += 1
        await self._sleep(seconds * random.uniform(0.75, 1.0))  # noqa: S311 — spreads load, guards nothing

    def reset(self) -> None:
        self.count = 0
