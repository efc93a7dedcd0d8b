"""DiskCache as a store: an SQLite file shared by the workers of one host."""

from __future__ import annotations

import os
import time
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

from app.infrastructure.cache.disk_lane import DiskLane
from app.infrastructure.cache.envelope import LONGEST_TTL, Clock, Envelope
from app.infrastructure.cache.store import StoreFailed

_DEFAULT_SIZE = 64 * 1_048_576


class DiskStore:
    """`folder` is made private (0700). `timeout` is in seconds, `size_limit` in bytes.

    Reads and writes have a thread each: a read never waits behind a write that waits for another worker's lock, and one
    thread keeps a `set` and the `delete` after it in order.
    """

    name = "disk"

    def __init__(
        self,
        folder: Path,
        *,
        timeout: float = 0.1,
        size_limit: int = _DEFAULT_SIZE,
        longest: float = LONGEST_TTL,
        wall: Clock = time.time,
        monotonic: Clock = time.monotonic,
    ) -> None:
        self._envelope = Envelope(wall, monotonic, longest=longest)
        self._reads = DiskLane(folder, timeout=timeout, size_limit=size_limit)
        self._writes = DiskLane(folder, timeout=timeout, size_limit=size_limit)
        self._probe_key = f"probe:{os.urandom(8).hex()}"

    async def get(self, key: str) -> bytes | None:
        def read(database: Any) -> bytes | None:
            text = database.get(key)
            return None if text is None else self._envelope.open(key, b64decode(text, validate=True))

        return await self._reads.run(read)

    async def set(self, key: str, value: bytes, ttl: float) -> None:
        sealed = self._envelope.seal(key, value, ttl)
        if sealed is None:
            await self.delete(key)
            return
        lifetime = self._envelope.lifetime(ttl)

        def write(database: Any) -> None:
            database.set(key, b64encode(sealed).decode("ascii"), expire=lifetime)

        await self._writes.run(write)

    async def delete(self, key: str) -> None:
        def remove(database: Any) -> None:
            database.delete(key)

        await self._writes.run(remove)

    async def probe(self) -> None:
        written = os.urandom(8)
        await self.set(self._probe_key, written, LONGEST_TTL)
        if await self.get(self._probe_key) != written:
            raise StoreFailed("the disk cache did not give back what was written")

    async def close(self) -> None:
        await self._reads.close()
        await self._writes.close()
