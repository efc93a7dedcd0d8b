"""Looking at, and bending, rows past the application: as the role that owns them."""

from __future__ import annotations

from typing import Any

import asyncpg

from tests.support.system import System


async def rows(system: System, sql: str, *arguments: Any) -> list[Any]:
    connection = await asyncpg.connect(system.addresses.owner)
    try:
        return [tuple(row) for row in await connection.fetch(sql, *arguments)]
    finally:
        await connection.close()


async def value(system: System, sql: str, *arguments: Any) -> Any:
    found = await rows(system, sql, *arguments)
    return found[0][0] if found else None


async def audit(system: System, tenant_id: object) -> list[tuple[str, str]]:
    """Action and outcome of everything that happened in a tenant, oldest first."""
    sql = "SELECT action, outcome FROM audit_log WHERE tenant_id = $1 ORDER BY id"
    return [(action, outcome) for action, outcome in await rows(system, sql, tenant_id)]
