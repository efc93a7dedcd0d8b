"""The port of hot reads: ready bytes, at most a second old."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol


class ReadyPage(Protocol):
    """`etag` is a strong validator with its quotes (RFC 9110 section 8.8.3)."""

    @property
    def body(self) -> bytes: ...

    @property
    def etag(self) -> str: ...


class HotPages(Protocol):
    def peek(self, key: str) -> ReadyPage | None:
        """What this process holds and is young enough; never waits."""
        ...

    async def load(self, key: str, make: Callable[[], Awaitable[bytes]]) -> ReadyPage:
        """From memory, the shared cache or `make`, whose errors are passed on."""
        ...

    async def invalidate(self, key: str) -> None:
        """Makes a change visible here at once; elsewhere age alone sees to it, within a second."""
        ...
