"""Requests at a rate, whether they are answered or not: what a crowd does, unlike a fixed number of patient clients."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections import Counter, deque

from tools.bench.client import request_bytes
from tools.bench.load import Load

TICK = 0.005
MOST_OPEN = 3_000
"""Connections held at most; what is due beyond that is counted as not sent."""
PATIENCE = 15.0
_LENGTH = b"content-length: "


class OpenLoop:
    """`told` counts by status, `times` are seconds; one run each. As cheap as Python allows: it shares the machine."""

    def __init__(self, load: Load, rate: float, *, most_open: int = MOST_OPEN) -> None:
        self._load, self._rate, self._most_open = load, rate, most_open
        self._requests = [request_bytes(load, body=body, key="KEYKEYKEYKEY") for body in load.bodies]
        self._key = f"open-{secrets.token_hex(6)}-"
        self._numbers = 0
        self._idle: deque[_Wire] = deque()
        self._open = 0
        self._pending: set[asyncio.Task[None]] = set()
        self.told: Counter[str] = Counter()
        self.times: list[float] = []
        self.waiting = 0

    async def run(self) -> float:
        """The rate that was really offered."""
        started, sent = time.monotonic(), 0
        while (now := time.monotonic() - started) < self._load.seconds:
            due = int(now * self._rate) - sent
            sent += due
            for _ in range(due):
                self._send()
            await asyncio.sleep(TICK)
        offered = (sent - self.told["not sent"]) / (time.monotonic() - started)
        await self._finish()
        return offered

    async def once(self) -> None:
        self._send()
        await self._finish()

    async def _finish(self) -> None:
        ends = time.monotonic() + PATIENCE
        while self.waiting and time.monotonic() < ends:  # noqa: ASYNC110 — protocols count it down
            await asyncio.sleep(TICK)
        if self.waiting:
            self.told["no answer"] += self.waiting
        for task in self._pending:
            task.cancel()
        for wire in self._idle:
            wire.close()

    def _send(self) -> None:
        if self.waiting >= self._most_open:
            self.told["not sent"] += 1
            return
        self.waiting += 1
        if self._idle:
            self._idle.pop().ask(self._request())
            return
        task = asyncio.create_task(self._connect())
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    async def _connect(self) -> None:
        try:
            loop = asyncio.get_running_loop()
            _, wire = await loop.create_connection(lambda: _Wire(self), "127.0.0.1", self._load.port)
        except OSError:
            self.broke()
        else:
            wire.ask(self._request())

    def _request(self) -> bytes:
        self._numbers += 1
        key = f"{self._key}{self._numbers}".encode()
        return random.choice(self._requests).replace(b"KEYKEYKEYKEY", key, 1)  # noqa: S311 — spreads load only

    def answered(self, wire: _Wire, status: str, seconds: float) -> None:
        self.waiting -= 1
        self.told[status] += 1
        self.times.append(seconds)
        self._idle.append(wire)

    def broke(self) -> None:
        self.waiting -= 1
        self.told["broken"] += 1


class _Wire(asyncio.Protocol):
    """One connection; one request at a time."""

    def __init__(self, loop: OpenLoop) -> None:
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._got = b""
        self._asked = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def ask(self, request: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            self._loop.broke()
            return
        self._asked = time.monotonic()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, separator, body = self._got.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(head.lower().partition(_LENGTH)[2].partition(b"\r\n")[0] or 0)
        if len(body) < length:
            return
        status, self._got = self._got[9:12].decode(), b""
        asked, self._asked = self._asked, 0.0
        self._loop.answered(self, status, time.monotonic() - asked)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 — the protocol's signature
        if self._asked:
            self._asked = 0.0
            self._loop.broke()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
