"""Redis as a store. It answers within two short waits or counts as failed."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from typing import Any

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.connection import parse_url
from redis.exceptions import RedisError

from app.infrastructure.cache.envelope import LONGEST_TTL, Clock, Envelope, key_bytes
from app.infrastructure.cache.store import StoreBusy, StoreFailed

_log = logging.getLogger(__name__)
_PREFIX = b"hello-ticket:cache:"


class RedisStore:
    """`timeout` is in seconds and holds twice: for a free connection, then for connecting, sending and the answer.

    `slots` bounds the connections and the calls under way. Raises ValueError when `url` is not a Redis address.
    """

    name = "redis"

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 0.08,
        slots: int = 16,
        longest: float = LONGEST_TTL,
        wall: Clock = time.time,
    ) -> None:
        self._timeout = timeout
        self._slots = asyncio.Semaphore(slots)
        self._envelope = Envelope(wall, longest=longest)
        self._pool = _pool(url, timeout, slots)
        self._client: Any = Redis(connection_pool=self._pool)
        self._probe_key = f"probe:{os.urandom(8).hex()}"

    async def get(self, key: str) -> bytes | None:
        sealed = await self._ask("GET", _PREFIX + key_bytes(key))
        return self._envelope.open(key, sealed) if isinstance(sealed, bytes) else None

    async def set(self, key: str, value: bytes, ttl: float) -> None:
        sealed = self._envelope.seal(key, value, ttl)
        if sealed is None:
            await self.delete(key)
            return
        milliseconds = max(1, int(self._envelope.lifetime(ttl) * 1000))
        await self._ask("SET", _PREFIX + key_bytes(key), sealed, "PX", milliseconds)

    async def delete(self, key: str) -> None:
        await self._ask("DEL", _PREFIX + key_bytes(key))

    async def probe(self) -> None:
        """A PING would pass on a Redis that is full or read-only, and the next write would fail again."""
        written = os.urandom(8)
        await self.set(self._probe_key, written, LONGEST_TTL)
        if await self.get(self._probe_key) != written:
            raise StoreFailed("Redis did not give back what was written")

    async def close(self) -> None:
        try:
            await self._pool.disconnect()
        except (RedisError, OSError) as error:
            # The server may be hung or gone; there is nothing left to do for its connections.
            _log.warning("closing the connections to Redis failed: %s", type(error).__name__)

    async def _ask(self, *command: str | bytes | int) -> object:
        try:
            async with asyncio.timeout(self._timeout):
                await self._slots.acquire()
        except TimeoutError:
            raise StoreBusy("every connection to Redis is in use") from None
        try:
            async with asyncio.timeout(self._timeout):
                answer: object = await self._client.execute_command(*command)
        except Exception as error:
            # Not only RedisError: a connection closed under a call surfaces as AttributeError, RuntimeError and others.
            raise StoreFailed(type(error).__name__) from error
        finally:
            self._slots.release()
        return answer


def _pool(url: str, timeout: float, slots: int) -> Any:
    """Our values win over the same ones in the address's query, since waits and types depend on them."""
    options: dict[str, Any] = dict(parse_url(url))
    options.update(
        max_connections=slots,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        decode_responses=False,
        health_check_interval=0,
        retry=None,  # one attempt: ten with a growing pause, the default, would pile up on a Redis that is down
        protocol=2,  # RESP3 would add a round trip to each new connection, for push messages that nothing here reads
        driver_info=None,
    )
    pool: Any = ConnectionPool(**options)
    try:
        pool.make_connection()  # connects nothing; an option that nobody knows shows now instead of at every call
    except TypeError as error:
        raise ValueError("the address of Redis has an unknown option") from error
    return pool
