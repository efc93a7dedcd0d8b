"""The database everything is measured on: an embedded server of its own, or the one DATABASE_URL names."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from app.infrastructure.database.addresses import Addresses, configured_addresses
from app.infrastructure.database.embedded import EmbeddedServer, connections_for
from app.infrastructure.database.migrations import upgrade_to_head
from app.shared.settings import Settings

SLUG = "bench-tenant"
LOCK_TIMEOUT = "30s"
"""Emptying a table waits for everybody who reads it; nobody here does so for long."""
_TENANTS = "SELECT slug FROM tenants WHERE slug NOT IN ($1, $2)"
_ALL_TABLES = "SELECT string_agg(quote_ident(tablename), ', ') FROM pg_tables WHERE schemaname = 'public'"
_ORDER_TABLES = "order_lines, orders, events, outbox, audit_log, idempotency_keys"


class DatabaseInUse(Exception):
    """The bench fills and empties tables, so it takes no database that holds somebody's tenants."""


@asynccontextmanager
async def database(settings: Settings) -> AsyncGenerator[Addresses]:
    """Migrated and empty. Raises DatabaseInUse, and what the embedded server and the driver raise."""
    given = configured_addresses(settings)
    if given is None:
        server = EmbeddedServer(settings.data_dir, max_connections=connections_for(settings) + 100)
        async with server.joined() as addresses:
            await asyncio.to_thread(upgrade_to_head, addresses.owner)
            yield addresses
        return
    await asyncio.to_thread(upgrade_to_head, given.owner)
    async with owner(given) as connection:
        await _refuse_strangers(connection, settings)
        await _empty(connection)
    try:
        yield given
    finally:
        async with owner(given) as connection:
            await _empty(connection)


@asynccontextmanager
async def owner(addresses: Addresses) -> AsyncGenerator[Any]:
    """A connection (asyncpg's, untyped) that sees every tenant and may empty tables."""
    connection = await asyncpg.connect(addresses.owner, server_settings={"lock_timeout": LOCK_TIMEOUT})
    try:
        yield connection
    finally:
        await connection.close()


async def _refuse_strangers(connection: Any, settings: Settings) -> None:
    strangers = await connection.fetch(_TENANTS, SLUG, settings.default_tenant_id)
    if strangers:
        raise DatabaseInUse(
            f"The database of DATABASE_URL holds {len(strangers)} tenants, and the bench would empty it. "
            "Name a database made for this, or unset DATABASE_URL to use an embedded one."
        )


async def _empty(connection: Any) -> None:
    tables = await connection.fetchval(_ALL_TABLES + " AND tablename <> 'alembic_version'")
    await connection.execute(f"TRUNCATE {tables}")


async def forget_orders(addresses: Addresses) -> None:
    """No order was ever placed: rows gone, counters at zero."""
    async with owner(addresses) as connection:
        await connection.execute(f"TRUNCATE {_ORDER_TABLES}")
        await connection.execute("UPDATE stock_pools SET held = 0, sold = 0, taken = 0")
        await connection.execute("VACUUM ANALYZE stock_pools")
