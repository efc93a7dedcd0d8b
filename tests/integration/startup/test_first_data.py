"""A second start changes nothing, also when it comes at the same time or after somebody tidied up."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from app import startup
from app.first_data import DEMO_EMAIL, DEMO_PASSWORD, first_data
from app.infrastructure.database.embedded import EmbeddedServer
from app.shared.settings import Settings
from app.startup import opened
from tests.support.owner import rows
from tests.support.postgres import new_database
from tests.support.system import System, running


async def test_two_first_starts_at_once_end_with_one_of_everything(
    settings: Settings, database_server: EmbeddedServer
) -> None:
    addresses = await asyncio.to_thread(new_database, database_server, f"hello_{uuid4().hex}")
    named = {"first_superuser_email": "root@example.com", "first_superuser_password": SecretStr("four odd words here")}
    own = settings.model_copy(update={"demo_data": True} | named)
    demos = await asyncio.gather(*(startup.prepare(own, addresses) for _ in range(4)))
    assert len(set(demos)) == 1
    async with opened(own, addresses) as application:
        assert await first_data(own, application) == demos[0]
        system = System(FastAPI(), application, httpx.AsyncClient(), own, addresses)
        count = "SELECT (SELECT count(*) FROM tenants), (SELECT count(*) FROM users), (SELECT count(*) FROM products)"
        assert await rows(system, count) == [(2, 2, 3)]
        await system.client.aclose()


async def test_a_demo_product_that_was_deleted_does_not_stop_the_next_start(
    settings: Settings, database_server: EmbeddedServer
) -> None:
    addresses = await asyncio.to_thread(new_database, database_server, f"hello_{uuid4().hex}")
    own = settings.model_copy(update={"demo_data": True})
    async with running(own, addresses) as system:
        demo = await first_data(own, system.application)
        assert demo is not None
        login = await system.client.post("/api/v1/auth/login", json={"email": DEMO_EMAIL, "password": DEMO_PASSWORD})
        token = {"Authorization": f"Bearer {login.json()['access_token']}"}
        path = f"/api/v1/products/{demo.product_id}"
        assert (await system.client.delete(path, headers=token)).status_code == 204
    again = await startup.prepare(own, addresses)
    assert again is not None
    assert again.product_id != demo.product_id
