"""A cache on one store."""

from __future__ import annotations

import logging

from app.application.cache import CacheStats
from app.infrastructure.cache.store import CountedStore, StoreFailed

_log = logging.getLogger(__name__)


class DirectCache:
    """Turns the store's failures into misses. Logs when it starts to fail and when it works again, not every call."""

    def __init__(self, store: CountedStore) -> None:
        self._store = store
        self._failing = False

    async def get(self, key: str) -> bytes | None:
        try:
            value = await self._store.get(key)
        except StoreFailed as failure:
            self._failed(failure)
            return None
        self._worked()
        return value

    async def set(self, key: str, value: bytes, ttl: float) -> None:
        try:
            await self._store.set(key, value, ttl)
        except StoreFailed as failure:
            self._failed(failure)
        else:
            self._worked()

    async def delete(self, key: str) -> None:
        try:
            await self._store.delete(key)
        except StoreFailed as failure:
            self._failed(failure)
        else:
            self._worked()

    def stats(self) -> CacheStats:
        return CacheStats(active=self._store.name, takeovers=0, stores=(self._store.stats(),))

    async def close(self) -> None:
        await self._store.close()

    def _failed(self, failure: StoreFailed) -> None:
        if not self._failing:
            _log.warning("the %s cache fails, its answers count as misses: %s", self._store.name, failure)
        self._failing = True

    def _worked(self) -> None:
        if self._failing:
            _log.warning("the %s cache works again", self._store.name)
        self._failing = False
