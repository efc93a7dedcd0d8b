"""Everything is killed while orders come in, PostgreSQL too; clients repeat with their keys, and nothing is lost."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import psutil
import pytest

from app.first_data import DEMO_EMAIL, DEMO_PASSWORD, DEMO_TENANT
from app.infrastructure.database.embedded import EmbeddedServer
from app.infrastructure.database.pool import Database
from app.shared.settings import ROOT, load_settings
from tests.support.embedded import residents
from tests.support.ledger import assert_the_books_agree
from tests.support.started import Started, free_port
from tests.support.system import order_body

pytestmark = pytest.mark.faults

ORDERS, CLIENTS, BEFORE_THE_KILL = 200, 20, 70


class Served(Started):
    """The real thing, as ./start.sh runs it, with two workers."""

    def __init__(self, data: Path, port: int) -> None:
        self.data, self.port = data, port
        self.log = data.parent / f"log-{time.monotonic_ns()}"
        given = {"DATA_DIR": str(data), "PORT": str(port), "WORKERS": "2", "DATABASE_URL": "", "LOG_LEVEL": "WARNING"}
        given |= {"ENVIRONMENT": "development", "DEMO_DATA": "true", "DATABASE_POOL_SIZE": "5", "MAX_OVERFLOW": "5"}
        with self.log.open("wb") as log:
            self.process = psutil.Popen(
                [sys.executable, str(ROOT / "tools" / "serve.py")],
                cwd=ROOT, env={**os.environ, **given}, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def kill_everything(self) -> None:
        """-9 for the supervisor, uvicorn, both workers, the postmaster and its children, in no order."""
        doomed = [self.process, *self.process.children(recursive=True), *map(psutil.Process, residents(self.data))]
        for process in doomed:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(doomed, timeout=10)


@dataclass
class Buyers:
    """Twenty clients with ten orders each; every order is repeated under its key until it is answered 2xx."""

    url: str
    token: str = ""
    product_id: str = ""
    tenant_id: str = ""
    answered: dict[int, dict[str, Any]] = field(default_factory=dict)
    failures: int = 0
    enough: asyncio.Event = field(default_factory=asyncio.Event)

    async def open_the_shop(self) -> None:
        async with self._client() as client:
            body = {"email": DEMO_EMAIL, "password": DEMO_PASSWORD}
            signed_in = await client.post("/api/v1/auth/login", json=body, headers={"X-Tenant-ID": DEMO_TENANT})
            self.token = signed_in.json()["access_token"]
            me = await client.get("/api/v1/auth/me", headers=self._headers)
            self.tenant_id = me.json()["tenant"]["id"]
            product: dict[str, Any] = {
                "name": "Last night",
                "kind": "ticket",
                "price": {"amount": 100, "currency": "EUR"},
            }
            product |= {"capacity": ORDERS, "status": "active"}
            made = await client.post("/api/v1/products", json=product, headers=self._headers)
            self.product_id = made.json()["id"]

    async def buy(self) -> None:
        async with self._client() as client:
            await asyncio.gather(*(self._one_client(client, first) for first in range(CLIENTS)))

    async def _one_client(self, client: httpx.AsyncClient, first: int) -> None:
        for number in range(first, ORDERS, CLIENTS):
            while number not in self.answered:
                await self._try(client, number)

    async def _try(self, client: httpx.AsyncClient, number: int) -> None:
        headers = self._headers | {"Idempotency-Key": f"order {number}"}
        try:
            answer = await client.post("/api/v1/orders", json=order_body(self.product_id), headers=headers)
        except httpx.TransportError:
            answer = httpx.Response(503)
        if answer.status_code == 201:
            self.answered[number] = answer.json()
        else:
            assert answer.status_code in {409, 503}, answer.text
            self.failures += 1
            await asyncio.sleep(0.1)  # a client's pause before it repeats
        if len(self.answered) >= BEFORE_THE_KILL:
            self.enough.set()

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, timeout=10, trust_env=False)


async def served(data: Path, port: int) -> Served:
    server = Served(data, port)
    await asyncio.to_thread(server.ready)
    return server


@pytest.fixture
async def starts(data_dir: Path) -> AsyncGenerator[list[Served]]:
    running: list[Served] = []
    yield running
    for one in running:
        await asyncio.to_thread(one.end)
    assert residents(data_dir) == []


async def test_two_hundred_orders_survive_the_death_of_everything(data_dir: Path, starts: list[Served]) -> None:
    port = free_port()
    starts.append(await served(data_dir, port))
    buyers = Buyers(f"http://127.0.0.1:{port}")
    await buyers.open_the_shop()

    buying = asyncio.create_task(buyers.buy())
    await buyers.enough.wait()
    await asyncio.to_thread(starts[0].kill_everything)
    assert residents(data_dir) == []
    assert not buying.done()
    starts.append(await served(data_dir, port))
    await asyncio.wait_for(buying, 40)

    assert buyers.failures > 0
    placed = {order["id"] for order in buyers.answered.values()}
    assert len(placed) == ORDERS
    await _nothing_is_lost_or_doubled(data_dir, UUID(buyers.tenant_id), placed)


async def _nothing_is_lost_or_doubled(data: Path, tenant_id: UUID, placed: set[str]) -> None:
    settings = load_settings(_env_file=None, data_dir=data)
    async with EmbeddedServer(data).joined() as addresses:
        database = Database(addresses, settings)
        await database.open()
        orders = await assert_the_books_agree(database, tenant_id)
        await database.close()
        owner = await asyncpg.connect(addresses.owner)
        pools = await owner.fetch("SELECT held, sold FROM stock_pools WHERE capacity = $1", ORDERS)
        counted = {
            table: await owner.fetchval(f"SELECT count(*) FROM {table} WHERE tenant_id = $1 AND {what}", tenant_id)
            for table, what in {
                "events": "type = 'order.placed'",
                "outbox": "type = 'order.placed'",
                "audit_log": "action = 'order.placed'",
                "idempotency_keys": "key LIKE 'order %'",
            }.items()
        }
        await owner.close()
    assert {str(order.id) for order in orders} == placed
    assert [tuple(pool) for pool in pools] == [(ORDERS, 0)]
    assert set(counted.values()) == {ORDERS}, counted
