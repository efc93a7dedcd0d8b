from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from tools.bench.load import Measured


def measured(
    *, answers: int = 100, refused: int = 0, broken: int = 0, seconds: float = 1.0, p50: float = 5.0, p99: float = 20.0
) -> Measured:
    return Measured(answers=answers, refused=refused, broken=broken, seconds=seconds, p50_ms=p50, p99_ms=p99)


@asynccontextmanager
async def answering(*answers: bytes) -> AsyncGenerator[tuple[int, list[bytes]]]:
    """A server that gives these answers in turn, over again, hangs up at an empty one; and what it was asked."""
    asked: list[bytes] = []
    serving: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.current_task())
        while head := await _read(reader):
            answer = answers[len(asked) % len(answers)]
            asked.append(head)
            if not answer:
                break
            writer.write(answer)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], asked
        await asyncio.gather(*filter(None, serving), return_exceptions=True)


async def _read(reader: asyncio.StreamReader) -> bytes:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            head += await reader.readexactly(int(line.partition(b":")[2]))
    return head
