"""Two stores, the second in charge while the first is down.

What a change of store can show: an entry written before it and not deleted since, because the delete went to the other
store, or to a worker that had already changed. Both stores refuse entries older than their ttl, at most
`envelope.LONGEST_TTL`, whatever happened to the store in between, so that is also the most a missed delete can cost.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from app.application.cache import Cache, CacheStats
from app.infrastructure.cache.direct import DirectCache
from app.infrastructure.cache.envelope import Clock
from app.infrastructure.cache.store import CountedStore, StoreBusy, StoreFailed

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class FallbackCache:
    """The first failure of `primary` puts `secondary` in charge at once, for that call too.

    From then on no caller waits for `primary`: one task tries it every `retry_after` seconds and gives back when it
    answers. `close` ends that task.
    """

    def __init__(
        self,
        primary: CountedStore,
        secondary: DirectCache,
        *,
        retry_after: float = 1.0,
        clock: Clock = time.monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._primary = primary
        self._secondary = secondary
        self._retry_after = retry_after
        self._clock = clock
        self._pause = pause
        self._recovery: asyncio.Task[None] | None = None
        self._takeovers = 0

    async def get(self, key: str) -> bytes | None:
        return await self._run(lambda cache: cache.get(key))

    async def set(self, key: str, value: bytes, ttl: float) -> None:
        end = self._clock() + ttl  # what the first store takes to fail is not given again to the second
        await self._run(lambda cache: cache.set(key, value, end - self._clock()))

    async def delete(self, key: str) -> None:
        await self._run(lambda cache: cache.delete(key))

    def stats(self) -> CacheStats:
        second = self._secondary.stats()
        active = self._primary.name if self._recovery is None else second.active
        return CacheStats(active=active, takeovers=self._takeovers, stores=(self._primary.stats(), *second.stores))

    async def close(self) -> None:
        if self._recovery is not None:
            self._recovery.cancel()
            await asyncio.wait((self._recovery,))
        await self._primary.close()
        await self._secondary.close()

    async def _run(self, act: Callable[[Cache], Awaitable[_T]]) -> _T | None:
        if self._recovery is None:
            try:
                return await act(self._primary)
            except StoreBusy:
                return None  # this process asks too much at once; the store is not to blame
            except StoreFailed as failure:
                self._take_over(failure)
        return await act(self._secondary)

    def _take_over(self, failure: StoreFailed) -> None:
        if self._recovery is not None:
            return  # a call that was under way at the same time
        _log.warning("the %s cache fails (%s), the second one takes over", self._primary.name, failure)
        self._takeovers += 1
        self._recovery = asyncio.create_task(self._recover(), name="cache-recovery")

    async def _recover(self) -> None:
        while True:
            await self._pause(self._retry_after)
            try:
                await self._primary.probe()
            except StoreFailed:
                continue
            break
        _log.warning("the %s cache answers again and is back in charge", self._primary.name)
        self._recovery = None
