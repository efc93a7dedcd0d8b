"""A shop developer's side of a webhook: a small HTTP server on this machine that notes what it gets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from standardwebhooks.webhooks import Webhook


@dataclass(frozen=True)
class Received:
    target: str
    headers: dict[str, str]
    body: bytes

    def verified_by(self, secret: str) -> object:
        """The payload. Raises WebhookVerificationError, as a receiver's own check would."""
        payload: object = Webhook(secret).verify(self.body, self.headers)
        return payload


def answer(status: int, body: bytes = b"", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


NEVER = b""
"""Takes the request and says nothing."""


@dataclass
class Receiver:
    """`says` decides on each answer; whatever connects is counted, even if it says nothing."""

    says: Callable[[Received], bytes] = field(default=lambda _: answer(204))
    connections: int = 0
    got: list[Received] = field(default_factory=list)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)
    port: int = 0
    open: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks"

    async def has(self, count: int, seconds: float = 10) -> list[Received]:
        """Once that many requests came."""
        async with asyncio.timeout(seconds), self.news:
            await self.news.wait_for(lambda: len(self.got) >= count)
        return self.got

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open.add(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                received = await _request(reader)
                async with self.news:
                    self.got.append(received)
                    self.news.notify_all()
                said = self.says(received)
                if said == NEVER:
                    await reader.read()
                    break
                writer.write(said)
                await writer.drain()
        self.open.discard(writer)
        writer.close()

    async def hang_up(self) -> None:
        for writer in list(self.open):
            writer.transport.abort()
            with suppress(ConnectionError):
                await writer.wait_closed()


async def _request(reader: asyncio.StreamReader) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(first.split(" ")[1], headers, body)


@asynccontextmanager
async def receiving(says: Callable[[Received], bytes] | None = None) -> AsyncGenerator[Receiver]:
    receiver = Receiver() if says is None else Receiver(says)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        await receiver.hang_up()
