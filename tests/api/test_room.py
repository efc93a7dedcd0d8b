"""A process that is full says so at once, and answers whoever asks how it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from app.infrastructure.database.addresses import Addresses
from app.shared.settings import Settings
from tests.support.system import running


async def test_a_full_process_refuses_and_stays_alive(settings: Settings, addresses: Addresses) -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    async def body() -> AsyncGenerator[bytes]:
        entered.set()
        await leave.wait()
        yield b"{}"

    full = settings.model_copy(update={"max_requests_in_flight": 1})
    async with running(full, addresses) as system:
        client = system.client
        headers = {"Content-Type": "application/json"}
        slow = asyncio.create_task(client.post("/api/v1/auth/login", content=body(), headers=headers))
        await entered.wait()
        refused = await client.get("/api/v1/products")
        alive = await client.get("/health/live")
        leave.set()
        await slow
        served = await client.get("/api/v1/products")
    assert refused.status_code == 503
    assert refused.json()["code"] == "overloaded"
    assert refused.headers["retry-after"] == "1"
    assert alive.status_code == 200
    assert served.status_code == 200
