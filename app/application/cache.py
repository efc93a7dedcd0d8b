"""The cache port. A cache makes answers faster and is never needed for a right one.

How old a cached answer can be is bounded by its ttl alone. `delete` only makes a change visible sooner: it can miss
a store that is down, or another process's copy, and the entry it missed still ends with its ttl.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class Cache(Protocol):
    """Bytes by key for a short time. No call raises or waits long: a failing cache is a miss.

    Keys carry the tenant's id; the cache knows nothing of tenants.
    """

    async def get(self, key: str) -> bytes | None:
        """The value, or None when it is absent, out of date, or the store does not answer in time."""
        ...

    async def set(self, key: str, value: bytes, ttl: float) -> None:
        """Keep `value` for at most `ttl` seconds from this call on; 0 or less forgets the key."""
        ...

    async def delete(self, key: str) -> None:
        """Forget the key in the store that is in charge."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreStats:
    """What one store did since the process started. `errors` counts calls that failed or timed out."""

    name: str
    hits: int
    misses: int
    errors: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheStats:
    """For /health and metrics: `active` names the store in charge, `takeovers` counts changes to the second one."""

    active: str
    takeovers: int
    stores: tuple[StoreStats, ...]

    @property
    def hits(self) -> int:
        return sum(store.hits for store in self.stores)

    @property
    def misses(self) -> int:
        return sum(store.misses for store in self.stores)

    @property
    def errors(self) -> int:
        return sum(store.errors for store in self.stores)


class ManagedCache(Cache, Protocol):
    """A cache with its numbers and its end, as the composition root holds it."""

    def stats(self) -> CacheStats: ...

    async def close(self) -> None: ...
