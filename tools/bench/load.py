"""A load, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Requests to one path of one server. With `keyed` each has an Idempotency-Key of its own.

    `bodies` is what to choose from, by chance, for each request; none means a request without a body.
    """

    port: int
    path: str
    token: str = ""
    method: str = "GET"
    bodies: tuple[bytes, ...] = ()
    keyed: bool = False
    connections: int = 64
    seconds: float = 5.0

    def at(self, *, connections: int | None = None, seconds: float | None = None) -> Load:
        return replace(
            self,
            connections=self.connections if connections is None else connections,
            seconds=self.seconds if seconds is None else seconds,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One run of one load. `refused` answers had a status of 400 or more, `broken` ones never came."""

    answers: int
    refused: int
    broken: int
    seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def good(self) -> int:
        return self.answers - self.refused

    @property
    def rate(self) -> float:
        """Answers below 400 a second: nothing that failed counts."""
        return self.good / self.seconds


class Client(Protocol):
    name: str

    async def run(self, load: Load, /) -> Measured: ...
