"""Clients that lose their connection or are answered 503, and repeat under the same key until they know the outcome."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson

from tools.bench.client import Answered, Hangup, Line
from tools.bench.world import World, order_body

PATIENCE = 20.0
"""Seconds for one try; a server that takes longer is counted as one that did not answer."""
PAUSE = 0.05
SHORTEST_CUT, LONGEST_CUT = 0.0, 0.04
"""Seconds after which a client that aborts is gone: before, while and after the server works on it."""
KEPT_ALIVE = 2.0
"""Seconds; uvicorn closes a connection that was idle for five, and a request might meet that on its way."""
OK, CREATED, ACCEPTED, CONFLICT, UNAVAILABLE = 200, 201, 202, 409, 503


class WrongAnswer(Exception):
    """A client got what no client may get; the message holds it."""


@dataclass(frozen=True, slots=True)
class Timed:
    """One answer: when it was asked for (monotonic), the seconds it took, its status."""

    asked: float
    seconds: float
    status: int


@dataclass(slots=True)
class Told:
    """What clients were told, by kind; `faults` is what no client may be told."""

    kinds: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    times: list[Timed] = field(default_factory=list)

    def answer(self, answered: Answered, asked: float) -> None:
        self.kinds[str(answered.status)] += 1
        self.times.append(Timed(asked, time.monotonic() - asked, answered.status))
        if answered.status == UNAVAILABLE and b"retry-after:" not in answered.head.lower():
            self.faults.append("503 without Retry-After")
        if answered.status >= 500 and answered.status != UNAVAILABLE:  # noqa: PLR2004 — HTTP's line between mistakes and defects
            self.faults.append(f"{answered.status}: {answered.body[:300]!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """What one order's client was told in the end."""

    order_id: UUID
    confirmed: bool
    cancelled: bool


class Shopper:
    """One client on one connection at a time; `aborts` is the share of tries that it breaks off.

    `ports` may change meanwhile: the next request goes to one that is still in it.
    """

    def __init__(self, ports: Sequence[int], token: str, told: Told, chance: random.Random, *, aborts: float) -> None:
        self._ports, self._token, self._told, self._chance, self._aborts = ports, token, told, chance, aborts
        self._line: Line | None = None
        self._port, self._used = 0, 0.0

    async def command(self, path: str, key: str, *, body: bytes = b"", later: bool = False) -> Answered:
        """Repeats until it is answered for good: 2xx, or a 4xx that is no matter of time."""
        request = self._request("POST", path, body, key, later=later)
        while True:
            if self._chance.random() < self._aborts:
                await self._break_off(request)
                continue
            answered = await self._ask(request)
            if answered is not None and not _may_pass(answered):
                return answered
            await asyncio.sleep(PAUSE * self._chance.uniform(0.5, 1.5))

    async def result(self, accepted: Answered) -> dict[str, Any]:
        """What a job ended with."""
        path = f"/api/v1/jobs/{orjson.loads(accepted.body)['id']}"
        while True:
            answered = await self._ask(self._request("GET", path))
            if answered is not None and answered.status == OK:
                job: dict[str, Any] = orjson.loads(answered.body)
                if job["status"] in {"succeeded", "failed"}:
                    return job
            await asyncio.sleep(4 * PAUSE)

    def close(self) -> None:
        if self._line is not None:
            self._line.close()
        self._line = None

    async def _ask(self, request: bytes) -> Answered | None:
        asked = time.monotonic()
        try:
            async with asyncio.timeout(PATIENCE):
                answered = await (await self._connected()).ask(request)
        except (Hangup, OSError) as error:  # TimeoutError is an OSError
            self._told.kinds["no answer" if isinstance(error, TimeoutError) else "cut off"] += 1
            self.close()
            return None
        self._told.answer(answered, asked)
        if b"connection: close" in answered.head.lower():
            self.close()
        return answered

    async def _break_off(self, request: bytes) -> None:
        self._told.kinds["aborted by the client"] += 1
        try:
            line = await self._connected()
            line.send(request)
            await asyncio.sleep(self._chance.uniform(SHORTEST_CUT, LONGEST_CUT))
        except OSError:
            self._told.kinds["cut off"] += 1
        finally:
            self.close()

    async def _connected(self) -> Line:
        while not self._ports:  # noqa: ASYNC110 — another task asks who is ready
            await asyncio.sleep(PAUSE)
        if self._port not in self._ports or time.monotonic() - self._used > KEPT_ALIVE:
            self.close()
        self._used = time.monotonic()
        if self._line is None:
            self._port = self._chance.choice(self._ports)
            self._line = await Line.open(self._port)
        return self._line

    def _request(self, method: str, path: str, body: bytes = b"", key: str = "", *, later: bool = False) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {self._token}"]
        lines += [f"Idempotency-Key: {key}"] if key else []
        lines += ["Prefer: respond-async"] if later else []
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"] if body else []
        lines += ["Content-Length: 0"] if method == "POST" and not body else []
        return "\r\n".join([*lines, "", ""]).encode() + body


def _may_pass(answered: Answered) -> bool:
    """Another try of the same may be answered differently."""
    passing = (b'"idempotency_in_flight"', b'"concurrent_change"')
    return answered.status == UNAVAILABLE or (
        answered.status == CONFLICT and any(code in answered.body for code in passing)
    )


async def live(number: int, pair: Sequence[Shopper], product: UUID, chance: random.Random, *, later: float) -> Life:
    """Places an order; then one client confirms and another cancels it, at the same time. Three commands."""
    first, second = pair

    async def does(shopper: Shopper, path: str, what: str, body: bytes = b"") -> dict[str, Any] | None:
        """The order; None when its state did not allow it."""
        answered = await shopper.command(path, f"{what} {number}", body=body, later=chance.random() < later)
        if answered.status == ACCEPTED:
            job = await shopper.result(answered)
            problem = job["problem"]
            if problem is not None and problem["code"] != "order_state":
                raise WrongAnswer(f"{what} {number}: {problem}")
            found: dict[str, Any] | None = job["result"]
            return found
        if answered.status in {OK, CREATED}:
            told: dict[str, Any] = orjson.loads(answered.body)
            return told
        if answered.status == CONFLICT and b'"order_state"' in answered.body:
            return None
        raise WrongAnswer(f"{what} {number}: {answered.status} {answered.body[:300]!r}")

    placed = await does(first, "/api/v1/orders", "place", order_body(product))
    if placed is None:
        raise WrongAnswer(f"place {number}: refused for its state")
    path = f"/api/v1/orders/{placed['id']}"
    confirmed, cancelled = await asyncio.gather(
        does(first, f"{path}/confirm", "confirm"), does(second, f"{path}/cancel", "cancel")
    )
    return Life(order_id=UUID(placed["id"]), confirmed=confirmed is not None, cancelled=cancelled is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """`later` is the share of commands sent with `Prefer: respond-async`, `aborts` that of tries broken off; `pause`
    are seconds between two orders of one client."""

    clients: int = 40
    later: float = 0.25
    aborts: float = 0.1
    pause: float = 0.0
    seed: int = 1


async def crowd(world: World, ports: Sequence[int], told: Told, numbers: Iterable[int], habits: Habits) -> list[Life]:
    """So many clients at once, each with one order after another, until the numbers are used up."""
    products = (world.hot, *world.spread)
    left = iter(numbers)
    lives: list[Life] = []

    async def client(which: int) -> None:
        chance = random.Random(f"{habits.seed} {which}")  # noqa: S311 — spreads load, guards nothing
        token = world.staff_token()
        pair = [Shopper(ports, token, told, chance, aborts=habits.aborts) for _ in range(2)]
        try:
            for number in left:
                lives.append(await live(number, pair, chance.choice(products), chance, later=habits.later))
                await asyncio.sleep(habits.pause)
        finally:
            for shopper in pair:
                shopper.close()

    async with asyncio.TaskGroup() as group:
        for which in range(habits.clients):
            group.create_task(client(which))
    return lives
