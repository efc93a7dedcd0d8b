"""Connections are shared, tenants are not; and a database that is away is told as such."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from app.infrastructure.database import pool as pool_module
from app.infrastructure.database.addresses import Addresses
from app.infrastructure.database.pool import Database
from app.infrastructure.database.reader import Reader
from app.shared.errors import Unavailable
from app.shared.settings import Settings
from tests.support.builders import a_context
from tests.support.system import Organizer, System

CURRENT = "SELECT current_setting('app.tenant_id', true)"
GONE = "SELECT pg_terminate_backend(pg_backend_pid())"


@asynccontextmanager
async def opened(addresses: Addresses, settings: Settings, **changed: Any) -> AsyncGenerator[Database]:
    """One connection, unless told otherwise."""
    small = {"database_pool_size": 1, "max_overflow": 0, "pool_timeout": 0.3}
    database = Database(addresses, settings.model_copy(update=small | changed))
    await database.open()
    yield database
    await database.close()


async def test_one_connection_serves_many_tenants_with_errors_and_disconnects_and_mixes_none(
    addresses: Addresses, settings: Settings
) -> None:
    dice, tenants = random.Random(7), [uuid4() for _ in range(10)]
    seen: list[tuple[UUID | None, str]] = []

    async def use(database: Database, tenant: UUID | None, fate: int) -> None:
        async with database.transaction(tenant) as connection:
            seen.append((tenant, await connection.fetchval(CURRENT)))
            if fate == 0:
                raise RuntimeError("a bug")
            if fate == 1:
                await connection.execute("SELECT 1 / 0")
            if fate == 2:
                await connection.execute("SELECT pg_sleep(5)")

    async def leave_early(work: asyncio.Task[None], fate: int) -> None:
        if fate == 2:
            await asyncio.sleep(dice.random() / 50)
            work.cancel()
        await asyncio.wait((work,))

    async with opened(addresses, settings, pool_timeout=20) as database:
        for _ in range(10):
            fates = [dice.randrange(8) for _ in range(20)]
            works = [asyncio.create_task(use(database, dice.choice([*tenants, None]), fate)) for fate in fates]
            await asyncio.gather(*map(leave_early, works, fates))
        async with database.transaction(None) as connection:
            assert await connection.fetchval(CURRENT) == ""

    assert len(seen) > 100
    assert all(setting == str(tenant or "") for tenant, setting in seen)


async def test_a_setting_that_outlives_its_transaction_would_be_seen(
    addresses: Addresses, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin: with a setting of the session, whoever gets the connection next has the last one's tenant."""
    monkeypatch.setattr(pool_module, "tenant_setting", lambda t: f"SELECT set_config('app.tenant_id', '{t}', false)")
    tenant = uuid4()
    async with opened(addresses, settings, pool_timeout=20) as database:
        async with database.transaction(tenant):
            pass
        async with database._pools["app"].acquire() as connection:
            assert await connection.fetchval(CURRENT) == str(tenant)


async def test_a_failure_in_the_block_rolls_back_and_is_told(system: System, organizer: Organizer) -> None:
    product = await system.product(organizer)

    async def fail() -> None:
        async with system.application.database.transaction(organizer.tenant_id) as connection:
            await connection.execute("UPDATE products SET name = 'changed'")
            raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        await fail()
    shown = await system.client.get(f"/api/v1/products/{product.id}", headers=organizer.owner.headers)
    assert shown.json()["name"] == product.name


async def test_a_read_only_transaction_writes_nothing(system: System, organizer: Organizer) -> None:
    """The same error comes after a failover, from a server that is a replica now: worth a repeat."""
    with pytest.raises(Unavailable):
        async with system.application.database.transaction(organizer.tenant_id, read_only=True) as connection:
            await connection.execute("UPDATE products SET name = 'changed'")


async def test_a_lost_connection_is_told_as_unavailable_and_the_next_one_works(system: System) -> None:
    database = system.application.database
    with pytest.raises(Unavailable) as refusal:
        async with database.transaction(None) as connection:
            await connection.execute(GONE)

    assert refusal.value.retry_after == 1
    assert (await database.probe())["ok"] is True


async def test_the_first_failure_is_told_when_the_way_back_fails_too(system: System) -> None:
    async def fail() -> None:
        async with system.application.database.transaction(None) as connection:
            try:
                await connection.execute(GONE)
            except asyncpg.PostgresError as error:
                raise RuntimeError("the first") from error

    with pytest.raises(RuntimeError, match="the first"):
        await fail()


async def test_a_connection_given_back_inside_a_transaction_is_made_clean(
    addresses: Addresses, settings: Settings
) -> None:
    async with opened(addresses, settings) as database:
        async with database._pools["app"].acquire() as connection:
            await connection.execute("BEGIN; SET LOCAL app.tenant_id = 'left behind'")
        async with database._pools["app"].acquire() as connection:
            assert not connection.is_in_transaction()
            assert await connection.fetchval(CURRENT) == ""


async def test_a_pool_that_is_used_up_is_unavailable_after_its_timeout(
    addresses: Addresses, settings: Settings
) -> None:
    async with opened(addresses, settings) as database, database.transaction(None):
        with pytest.raises(Unavailable):
            async with database.transaction(None):
                pass


async def test_a_server_that_is_not_there_is_unavailable(addresses: Addresses, settings: Settings) -> None:
    nowhere = replace(addresses, app="postgresql://hello_app@/x?host=/nonexistent", read="")
    async with opened(nowhere, settings) as database:
        with pytest.raises(Unavailable):
            await database.probe()


async def test_closing_does_not_wait_for_ever(
    addresses: Addresses, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "CLOSE_TIMEOUT", 0.05)
    async with opened(addresses, settings, pool_timeout=30) as database:

        async def sleep() -> None:
            async with database.transaction(None) as connection:
                await connection.execute("SELECT pg_sleep(30)")

        sleeping = asyncio.create_task(sleep())
        await asyncio.sleep(0.1)
        await database.close()
        with pytest.raises(Unavailable):
            await sleeping


async def test_buyers_read_from_the_replica_and_staff_from_the_primary(
    addresses: Addresses, settings: Settings
) -> None:
    """The worker's role stands in for a replica here: it is told apart by its name."""
    replica = replace(addresses, read=addresses.worker)
    who = "SELECT current_user::text AS who"
    async with opened(replica, settings) as database:
        for is_staff, role in ((True, "hello_app"), (False, "hello_worker")):
            reader = Reader(database, a_context(uuid4(), is_staff=is_staff))
            row = await reader.row(who)
            assert row is not None
            assert row["who"] == role
            assert [row["who"] for row in await reader.rows(who)] == [role]
        assert (await reader.across_tenants(who))[0]["who"] == "hello_worker"
