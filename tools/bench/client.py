"""A small HTTP/1.1 client on asyncio: where wrk is missing, and where every single answer matters."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tools.bench.load import Load, Measured

_LENGTH = b"content-length:"


class Hangup(Exception):
    """The server closed the connection instead of answering."""


@dataclass(frozen=True, slots=True)
class Answered:
    status: int
    body: bytes
    head: bytes = b""
    """Status line and headers, as they came."""


class Line:
    """One kept-alive connection; one request at a time. Answers have a Content-Length, as both servers send it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> Line:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(self, request: bytes) -> Answered:
        """Raises Hangup."""
        try:
            self._writer.write(request)
            head = await self._reader.readuntil(b"\r\n\r\n")
            return Answered(int(head[9:12]), await self._reader.readexactly(_length(head)), head)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise Hangup("the connection ended before the answer") from error

    def send(self, request: bytes) -> None:
        """Without waiting for an answer; the line is of no use afterwards."""
        self._writer.write(request)

    def close(self) -> None:
        self._writer.close()


def _length(head: bytes) -> int:
    lowered = head.lower()
    start = lowered.find(_LENGTH)
    if start < 0:
        return 0
    return int(lowered[start + len(_LENGTH) : lowered.index(b"\r\n", start)])


def request_bytes(load: Load, *, body: bytes = b"", key: str = "", token: str = "") -> bytes:
    lines = [f"{load.method} {load.path} HTTP/1.1", f"Host: 127.0.0.1:{load.port}"]
    if given := token or load.token:
        lines.append(f"Authorization: Bearer {given}")
    if key:
        lines.append(f"Idempotency-Key: {key}")
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


class BuiltIn:
    """Costs about as much processor time as the servers it measures: fine for ratios, low for rates."""

    name = "built-in"

    async def run(self, load: Load) -> Measured:
        run, started = secrets.token_hex(8), time.perf_counter()
        end = started + load.seconds
        users = [_Client(load, f"{run}-{number}") for number in range(load.connections)]
        await asyncio.gather(*(user.ask_until(end) for user in users))
        seconds = time.perf_counter() - started
        times = sorted(spent for user in users for spent in user.times)
        return Measured(
            answers=len(times),
            refused=sum(user.refused for user in users),
            broken=sum(user.broken for user in users),
            seconds=seconds,
            p50_ms=percentile(times, 50) * 1_000,
            p99_ms=percentile(times, 99) * 1_000,
        )


class _Client:
    def __init__(self, load: Load, prefix: str) -> None:
        self._load = load
        self._prefix = prefix
        self.times: list[float] = []
        self.refused = 0
        self.broken = 0

    async def ask_until(self, end: float) -> None:
        line = await Line.open(self._load.port)
        number = 0
        try:
            while time.perf_counter() < end:
                number += 1
                await self._once(line, number)
        except Hangup:
            self.broken += 1
        finally:
            line.close()

    async def _once(self, line: Line, number: int) -> None:
        load = self._load
        body = random.choice(load.bodies) if load.bodies else b""  # noqa: S311 — spreads load, guards nothing
        request = request_bytes(load, body=body, key=f"{self._prefix}-{number}" if load.keyed else "")
        asked = time.perf_counter()
        answer = await line.ask(request)
        self.times.append(time.perf_counter() - asked)
        self.refused += answer.status >= 400  # noqa: PLR2004 — HTTP's line between success and failure


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Nearest rank; 0.0 of nothing."""
    if not ordered:
        return 0.0
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]
