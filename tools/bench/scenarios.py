"""What is measured, by name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

import orjson

from app.infrastructure.database.addresses import Addresses
from tools.bench.counts import disagreements, orders_placed
from tools.bench.database import forget_orders
from tools.bench.duel import Bar, Duel, in_turn
from tools.bench.history import fill
from tools.bench.load import Client, Load, Measured
from tools.bench.passwords import check_passwords
from tools.bench.stampede import stampede
from tools.bench.world import EMAIL, World, order_body

ALONE = 1
SIGN_INS = 4
SMALL_TABLE = 1_000
WARM_UP_FROM = 3.0
"""Runs shorter than this many seconds are smoke tests; warming up would only make them longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Everything that runs, and how long. `large_table` is in orders."""

    client: Client
    world: World
    addresses: Addresses
    ours: int
    floor: int
    constant: int
    connections: int
    seconds: float
    rounds: int
    large_table: int


@dataclass(slots=True)
class Outcome:
    """`faults` are about correctness; a bar that is missed is no fault."""

    duels: list[Duel] = field(default_factory=list)
    facts: dict[str, float] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


Scenario = Callable[[Stage], Awaitable[Outcome]]


async def orders_hot(stage: Stage) -> Outcome:
    bars = {"rate": Bar(least=3.0), "p99_ms": Bar(most=1.0)}
    return await _orders(stage, "orders_hot", [stage.world.hot], bars)


async def orders_spread(stage: Stage) -> Outcome:
    bars = {"rate": Bar(least=1.5), "p99_ms": Bar(most=1.0)}
    return await _orders(stage, "orders_spread", stage.world.spread, bars)


async def order_alone(stage: Stage) -> Outcome:
    return await _orders(stage, "order_alone", [stage.world.hot], {"p50_ms": Bar(most=1.5)}, connections=ALONE)


async def _orders(
    stage: Stage, name: str, products: Sequence[UUID], bars: dict[str, Bar], *, connections: int | None = None
) -> Outcome:
    """Afterwards every counter must agree with every kind of row, and no more orders be told of than were written."""
    await forget_orders(stage.addresses)
    driver = _Driver(stage, connections or stage.connections)
    bodies = tuple(order_body(product) for product in products)
    runs = [
        driver.placing(stage.ours, "/api/v1/orders", bodies),
        driver.placing(stage.floor, "/orders", bodies),
        driver.placing(stage.floor, "/orders-at-once", bodies),
    ]
    await driver.warm_up(runs)
    ours, floor, at_once = await in_turn(*runs, rounds=stage.rounds)
    outcome = Outcome(
        [
            Duel(name=name, ours=ours, theirs=floor, theirs_is="floor", bars=bars),
            Duel(name=name, ours=ours, theirs=at_once, theirs_is="floor, one statement"),
        ]
    )
    outcome.faults += await _unlike(stage, name, driver)
    return outcome


async def _unlike(stage: Stage, name: str, driver: _Driver) -> list[str]:
    faults = [f"{name}: {line}" for line in await disagreements(stage.addresses)]
    written = await orders_placed(stage.addresses)
    if not driver.good <= written <= driver.good + driver.most_in_flight:
        faults.append(f"{name}: {driver.good} orders were answered as placed, {written} are in the table")
    return faults


async def product_page(stage: Stage) -> Outcome:
    path = f"/api/v1/products/{stage.world.hot}"
    return await _reads(stage, "product_page", path, (stage.constant, "/page"), "constant", {"rate": Bar(least=0.8)})


async def product_list(stage: Stage) -> Outcome:
    return await _reads(stage, "product_list", "/api/v1/products", (stage.floor, "/products"), "floor", {})


async def _reads(
    stage: Stage, name: str, path: str, other: tuple[int, str], other_is: str, bars: dict[str, Bar]
) -> Outcome:
    driver = _Driver(stage, stage.connections)
    runs = [driver.reading(stage.ours, path), driver.reading(*other)]
    await driver.warm_up(runs)
    ours, theirs = await in_turn(*runs, rounds=stage.rounds)
    return Outcome([Duel(name=name, ours=ours, theirs=theirs, theirs_is=other_is, bars=bars)])


async def sign_in(stage: Stage) -> Outcome:
    """Against nothing but the password check, in this process: what is left of a sign-in is ours."""
    body = orjson.dumps({"email": EMAIL, "password": stage.world.password})
    load = Load(port=stage.ours, path="/api/v1/auth/login", method="POST", bodies=(body,), seconds=stage.seconds)

    def run(connections: int) -> Awaitable[Measured]:
        return stage.client.run(load.at(connections=connections))

    alone, bcrypt, several = await in_turn(
        lambda: run(ALONE),
        lambda: check_passwords(stage.world.password, seconds=min(2.0, stage.seconds)),
        lambda: run(SIGN_INS),
        rounds=stage.rounds,
    )
    outcome = Outcome(
        [
            Duel(name="sign_in alone", ours=alone, theirs=bcrypt, theirs_is="bcrypt alone"),
            Duel(name=f"sign_in, {SIGN_INS} at once", ours=several, theirs=bcrypt, theirs_is="bcrypt alone"),
        ]
    )
    outcome.facts["sign_in: share that is bcrypt"] = 1 / outcome.duels[0].ratio("p50_ms")
    return outcome


async def table_size(stage: Stage) -> Outcome:
    """The same two loads on a nearly empty and on a full table; each round starts from an empty one."""
    driver = _Driver(stage, stage.connections)
    placing = driver.placing(stage.ours, "/api/v1/orders", (order_body(stage.world.hot),))
    listing = driver.reading(stage.ours, "/api/v1/orders", staff=True)
    placed: tuple[list[Measured], list[Measured]] = [], []
    listed: tuple[list[Measured], list[Measured]] = [], []
    faults: list[str] = []
    for _ in range(stage.rounds):
        await forget_orders(stage.addresses)
        for which, (first, last) in enumerate([(1, SMALL_TABLE), (SMALL_TABLE + 1, stage.large_table)]):
            await fill(stage.addresses, stage.world, first=first, last=last)
            placed[which].append(await placing())
            listed[which].append(await listing())
        faults += [f"table_size: {line}" for line in await disagreements(stage.addresses)]
    small_is = f"{SMALL_TABLE} orders"
    bars = {"rate": Bar(least=0.8)}
    size = f"{stage.large_table} orders"
    return Outcome(
        [
            Duel(name=f"placing, {size}", ours=placed[1], theirs=placed[0], theirs_is=small_is, bars=bars),
            Duel(name=f"order list, {size}", ours=listed[1], theirs=listed[0], theirs_is=small_is, bars=bars),
        ],
        faults=faults,
    )


async def everybody_at_once(stage: Stage) -> Outcome:
    outcome = Outcome()
    seconds: list[float] = []
    for _ in range(stage.rounds):
        await forget_orders(stage.addresses)
        result = await stampede(stage.ours, stage.world)
        seconds.append(result.seconds)
        outcome.faults += result.faults
        outcome.faults += [f"stampede: {line}" for line in await disagreements(stage.addresses)]
    outcome.facts["stampede: 500 buyers, 100 pieces, seconds (slowest)"] = max(seconds)
    return outcome


SCENARIOS: dict[str, Scenario] = {
    "orders_hot": orders_hot,
    "orders_spread": orders_spread,
    "order_alone": order_alone,
    "product_page": product_page,
    "product_list": product_list,
    "sign_in": sign_in,
    "table_size": table_size,
    "stampede": everybody_at_once,
}


class _Driver:
    """Makes the loads of one scenario and counts what they were told."""

    def __init__(self, stage: Stage, connections: int) -> None:
        self._stage = stage
        self._connections = connections
        self._seconds = stage.seconds
        self.good = 0
        self.most_in_flight = 0

    def placing(self, port: int, path: str, bodies: tuple[bytes, ...]) -> Callable[[], Awaitable[Measured]]:
        async def run() -> Measured:
            token = self._stage.world.staff_token()
            load = self._load(port, path, token)
            measured = await self._stage.client.run(load_of_orders(load, bodies))
            self.good += measured.good
            self.most_in_flight += self._connections
            return measured

        return run

    def reading(self, port: int, path: str, *, staff: bool = False) -> Callable[[], Awaitable[Measured]]:
        world = self._stage.world

        async def run() -> Measured:
            token = world.staff_token() if staff else world.customer_token()
            return await self._stage.client.run(self._load(port, path, token))

        return run

    def _load(self, port: int, path: str, token: str) -> Load:
        return Load(port=port, path=path, token=token, connections=self._connections, seconds=self._seconds)

    async def warm_up(self, runs: Sequence[Callable[[], Awaitable[Measured]]]) -> None:
        if self._stage.seconds < WARM_UP_FROM:
            return
        self._seconds = 1.0
        for run in runs:
            await run()
        self._seconds = self._stage.seconds


def load_of_orders(load: Load, bodies: tuple[bytes, ...]) -> Load:
    return replace(load, method="POST", bodies=bodies, keyed=True)
