"""What stands behind a cache. Stores say when they fail; the caches in front of them turn that into a miss."""

from __future__ import annotations

from typing import Protocol

from app.application.cache import StoreStats


class StoreFailed(Exception):
    """The store did not answer, or not in time. It never leaves this package."""


class StoreBusy(StoreFailed):
    """This process has more calls under way than the store takes at once; the store itself may be well."""


class Store(Protocol):
    """The calls of `Cache`; each may raise StoreFailed after a bounded wait."""

    @property
    def name(self) -> str: ...

    async def get(self, key: str) -> bytes | None: ...

    async def set(self, key: str, value: bytes, ttl: float) -> None: ...

    async def delete(self, key: str) -> None: ...

    async def probe(self) -> None:
        """Write and read back; raises StoreFailed unless both work."""
        ...

    async def close(self) -> None: ...


class CountedStore:
    """A store and its numbers. Failures are counted and passed on."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._hits = self._misses = self._errors = 0

    @property
    def name(self) -> str:
        return self._store.name

    def stats(self) -> StoreStats:
        return StoreStats(name=self.name, hits=self._hits, misses=self._misses, errors=self._errors)

    async def get(self, key: str) -> bytes | None:
        try:
            value = await self._store.get(key)
        except StoreFailed:
            self._errors += 1
            raise
        if value is None:
            self._misses += 1
        else:
            self._hits += 1
        return value

    async def set(self, key: str, value: bytes, ttl: float) -> None:
        try:
            await self._store.set(key, value, ttl)
        except StoreFailed:
            self._errors += 1
            raise

    async def delete(self, key: str) -> None:
        try:
            await self._store.delete(key)
        except StoreFailed:
            self._errors += 1
            raise

    async def probe(self) -> None:
        """Not counted: an outage would otherwise show as one error per second."""
        await self._store.probe()

    async def close(self) -> None:
        await self._store.close()
