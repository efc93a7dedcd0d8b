"""Each thing that makes a database unfit for tenants' data is found alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace

import asyncpg
import pytest

from app.infrastructure.database.addresses import Addresses
from app.infrastructure.database.embedded import EmbeddedServer
from app.infrastructure.database.migrations import head_revision
from app.infrastructure.database.pool import Database
from app.infrastructure.database.verdict import database_faults
from app.shared.settings import Settings
from tests.support.postgres import new_database


async def faults(settings: Settings, addresses: Addresses) -> tuple[str, ...]:
    database = Database(addresses, settings)
    await database.open()
    try:
        return await database_faults(database)
    finally:
        await database.close()


@asynccontextmanager
async def meanwhile(dsn: str, do: str, undo: str) -> AsyncGenerator[None]:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(do)
        try:
            yield
        finally:
            await connection.execute(undo)
    finally:
        await connection.close()


async def test_a_database_as_we_make_it_has_none(settings: Settings, addresses: Addresses) -> None:
    assert await faults(settings, addresses) == ()


async def test_an_app_role_that_owns_the_tables_is_found(settings: Settings, addresses: Addresses) -> None:
    found = await faults(settings, replace(addresses, app=addresses.owner))
    assert len(found) == 1
    assert found[0].startswith("DATABASE_URL:")


async def test_an_app_role_that_is_the_worker_is_found(settings: Settings, addresses: Addresses) -> None:
    found = await faults(settings, replace(addresses, app=addresses.worker))
    assert [line.split(":")[0] for line in found] == ["DATABASE_URL", "DATABASE_URL"]
    assert "above row-level security" in found[0]
    assert "may not read" in found[1]


@pytest.mark.parametrize(("variable", "which"), [("DATABASE_URL", "app"), ("WORKER_DATABASE_URL", "worker")])
async def test_a_superuser_is_found_in_either_place(
    settings: Settings, addresses: Addresses, database_server: EmbeddedServer, variable: str, which: str
) -> None:
    name = addresses.app.split("@/")[1].split("?")[0]
    found = await faults(settings, replace(addresses, **{which: database_server.superuser_dsn(name)}))
    assert [line.split(":")[0] for line in found] == [variable]


async def test_a_worker_that_owns_the_tables_is_found(settings: Settings, addresses: Addresses) -> None:
    found = await faults(settings, replace(addresses, worker=addresses.owner))
    assert [line.split(":")[0] for line in found] == ["WORKER_DATABASE_URL"]


async def test_a_role_that_bypasses_row_level_security_is_found(
    settings: Settings, addresses: Addresses, database_server: EmbeddedServer
) -> None:
    role = "CREATE ROLE a_bypasser LOGIN BYPASSRLS; GRANT hello_app TO a_bypasser"
    async with meanwhile(database_server.superuser_dsn(), role, "DROP ROLE a_bypasser"):
        bypassing = addresses.app.replace("//hello_app@", "//a_bypasser@")
        assert bypassing != addresses.app
        found = await faults(settings, replace(addresses, app=bypassing))
    assert [line.split(":")[0] for line in found] == ["DATABASE_URL"]


@pytest.mark.parametrize("off", ["DISABLE", "NO FORCE"])
async def test_a_table_without_forced_row_level_security_is_named(
    settings: Settings, addresses: Addresses, off: str
) -> None:
    on = {"DISABLE": "ENABLE", "NO FORCE": "FORCE"}[off]
    table = "ALTER TABLE orders {} ROW LEVEL SECURITY"
    async with meanwhile(addresses.owner, table.format(off), table.format(on)):
        found = await faults(settings, addresses)
    assert len(found) == 1
    assert "not forced on: orders." in found[0]


async def test_a_new_table_that_nobody_guards_is_named(settings: Settings, addresses: Addresses) -> None:
    async with meanwhile(addresses.owner, "CREATE TABLE forgotten (x int)", "DROP TABLE forgotten"):
        assert "not forced on: forgotten." in (await faults(settings, addresses))[0]


async def test_pending_migrations_are_found(settings: Settings, addresses: Addresses) -> None:
    undo = f"INSERT INTO alembic_version VALUES ('{head_revision()}')"
    async with meanwhile(addresses.owner, "DELETE FROM alembic_version", undo):
        (line,) = await faults(settings, addresses)
    assert "Migrations are pending" in line


async def test_a_database_a_newer_release_migrated_is_served_meanwhile(
    settings: Settings, addresses: Addresses
) -> None:
    revision = "UPDATE alembic_version SET version_num = "
    async with meanwhile(addresses.owner, revision + "'of tomorrow'", revision + f"'{head_revision()}'"):
        assert await faults(settings, addresses) == ()


async def test_several_faults_are_told_together(settings: Settings, database_server: EmbeddedServer) -> None:
    addresses = await asyncio.to_thread(new_database, database_server, "hello_faulty")
    tables = "ALTER TABLE orders {0} ROW LEVEL SECURITY; ALTER TABLE events {0} ROW LEVEL SECURITY;"
    spoil = tables.format("DISABLE") + "DELETE FROM alembic_version"
    async with meanwhile(addresses.owner, spoil, tables.format("ENABLE")):
        found = await faults(settings, replace(addresses, app=addresses.owner))
    assert len(found) == 3
    assert "events, orders" in found[1]
