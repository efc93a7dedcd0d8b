from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.infrastructure.cache.direct import DirectCache
from app.infrastructure.cache.disk_store import DiskStore
from app.infrastructure.cache.envelope import LONGEST_TTL, Envelope
from app.infrastructure.cache.hot import HotReads
from app.infrastructure.cache.store import CountedStore, StoreBusy, StoreFailed

PATIENT = 10.0
MINUTES = 600.0


@dataclass
class Ticking:
    """A clock that moves when it is told to. Seconds."""

    at: float = 1_000.0

    def __call__(self) -> float:
        return self.at

    def forward(self, seconds: float) -> None:
        self.at += seconds


class FakeStore:
    """A store in memory. It fails while `down`, is busy while `busy`, and its writes wait for `writable`."""

    def __init__(self, clock: Ticking | None = None, *, name: str = "fake", longest: float = LONGEST_TTL) -> None:
        self.name = name
        self.clock = clock or Ticking()
        self.down = self.busy = self.closed = False
        self.writable = asyncio.Event()
        self.writable.set()
        self.calls: list[str] = []
        self.probes = 0
        self._envelope = Envelope(self.clock, longest=longest)
        self._entries: dict[str, bytes] = {}

    async def get(self, key: str) -> bytes | None:
        self._answer(f"get {key}")
        sealed = self._entries.get(key)
        return None if sealed is None else self._envelope.open(key, sealed)

    async def set(self, key: str, value: bytes, ttl: float) -> None:
        sealed = self._envelope.seal(key, value, ttl)
        await self.writable.wait()
        self._answer(f"set {key}")
        if sealed is None:
            self._entries.pop(key, None)
        else:
            self._entries[key] = sealed

    async def delete(self, key: str) -> None:
        self._answer(f"delete {key}")
        self._entries.pop(key, None)

    async def probe(self) -> None:
        self.probes += 1
        self._answer("probe")

    async def close(self) -> None:
        self.closed = True

    def _answer(self, call: str) -> None:
        self.calls.append(call)
        if self.busy:
            raise StoreBusy("busy")
        if self.down:
            raise StoreFailed("down")


def fake_cache(store: FakeStore | None = None) -> DirectCache:
    return DirectCache(CountedStore(store or FakeStore()))


@dataclass
class Maker:
    """Makes numbered bodies, counts the calls, and waits at `gate` when one is set."""

    calls: int = 0
    gate: asyncio.Event | None = None
    started: asyncio.Event = field(default_factory=asyncio.Event)
    error: Exception | None = None
    body: bytes | None = None

    async def __call__(self) -> bytes:
        self.calls += 1
        body = self.body or f"page {self.calls}".encode()
        self.started.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        return body


def disk_store(folder: Path, **given: Any) -> DiskStore:
    """On a real file, without haste: entries live long and calls may take long."""
    return DiskStore(folder, **{"timeout": PATIENT, "longest": MINUTES, **given})


def disk_cache(folder: Path, **given: Any) -> DirectCache:
    return DirectCache(CountedStore(disk_store(folder, **given)))


@dataclass
class HotBench:
    """HotReads on a fake store, both by one clock."""

    kind: type[HotReads] = HotReads
    max_entries: int = 10_000
    max_bytes: int = 1_000_000
    clock: Ticking = field(default_factory=Ticking)

    def __post_init__(self) -> None:
        self.store = FakeStore(self.clock)
        self.hot = self.worker()

    def worker(self) -> HotReads:
        """One more process on the same shared cache."""
        return self.kind(
            fake_cache(self.store), clock=self.clock, max_entries=self.max_entries, max_bytes=self.max_bytes
        )
