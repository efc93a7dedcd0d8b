"""Redis pub/sub as the carrier."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.infrastructure.signals.carrier import within
from app.shared.errors import Unavailable

CHANNEL = "hello-ticket:signals"
ANSWER_SECONDS = 2.0
CLOSE_SECONDS = 1.0


class RedisLink:
    """Two connections: one listens, one publishes."""

    def __init__(self, client: Any, subscription: Any) -> None:
        self._client = client
        self._subscription = subscription

    async def send(self, text: str) -> None:
        with _lost():
            await self._client.publish(CHANNEL, text)

    async def receive(self) -> str:
        while True:
            with _lost():
                message = await self._subscription.get_message(ignore_subscribe_messages=True, timeout=None)
            if message is not None:
                return bytes(message["data"]).decode(errors="replace")


class RedisCarrier:
    """Raises ValueError when `url` is not a Redis address."""

    name = "redis"

    def __init__(self, url: str) -> None:
        self._url = url
        self._client()

    def _client(self) -> Any:
        return Redis.from_url(
            self._url, socket_timeout=None, socket_connect_timeout=ANSWER_SECONDS, retry=None, protocol=2
        )

    @asynccontextmanager
    async def link(self) -> AsyncGenerator[RedisLink]:
        client = self._client()
        subscription = client.pubsub()
        try:
            with _lost():
                async with within(ANSWER_SECONDS):
                    await subscription.subscribe(CHANNEL)
            yield RedisLink(client, subscription)
        finally:
            for closed in (subscription.aclose, client.aclose):
                with suppress(Unavailable), _lost():
                    async with within(CLOSE_SECONDS):
                        await closed()


@contextmanager
def _lost() -> Generator[None]:
    """A connection closed under a call surfaces as AttributeError, RuntimeError and others too."""
    try:
        yield
    except (RedisError, OSError, AttributeError, RuntimeError) as error:
        raise Unavailable("Redis does not answer; try again shortly.", retry_after=1) from error
