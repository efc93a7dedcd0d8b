"""Whether the database keeps tenants apart: who the three roles really are, and which tables guard their rows."""

from __future__ import annotations

from dataclasses import dataclass

from app.infrastructure.database.addresses import Addresses
from app.infrastructure.database.connection import Connection
from app.infrastructure.database.migration_session import OWNER_SETTING, connect

_WHO = """
SELECT r.rolname AS name, r.rolsuper, r.rolbypassrls,
       (SELECT count(*) FROM pg_class c WHERE c.relowner = r.oid AND c.relkind IN ('r', 'p')) AS tables
FROM pg_roles r WHERE r.rolname = current_user
"""

_UNGUARDED = """
SELECT c.relname
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p')
  AND NOT (c.relrowsecurity AND c.relforcerowsecurity AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid))
ORDER BY c.relname
"""


@dataclass(frozen=True, slots=True)
class _Role:
    setting: str
    name: str
    superuser: bool
    bypasses: bool
    tables: int


async def role_faults(addresses: Addresses) -> list[str]:
    """What is wrong, one sentence each; an empty list means that row-level security binds whoever serves requests.

    Raises MigrationFault when an address leads nowhere.
    """
    app = await _role("DATABASE_URL", addresses.app)
    worker = await _role("WORKER_DATABASE_URL", addresses.worker)
    connection = await connect(addresses.owner, OWNER_SETTING)
    try:
        owner = await _who(OWNER_SETTING, connection)
        faults = [fault for role in (app, worker, owner) for fault in _too_powerful(role)]
        faults += _owning(app) + _owning(worker)
        if not faults:
            faults += await _reaching(connection, app, worker, owner)
        faults += [
            f"Table {row['relname']} has a tenant_id but no forced row-level security with a policy."
            for row in await connection.fetch(_UNGUARDED)
        ]
    finally:
        await connection.close()
    return faults


async def _role(setting: str, dsn: str) -> _Role:
    connection = await connect(dsn, setting)
    try:
        return await _who(setting, connection)
    finally:
        await connection.close()


async def _who(setting: str, connection: Connection) -> _Role:
    [row] = await connection.fetch(_WHO)
    return _Role(setting, row["name"], row["rolsuper"], row["rolbypassrls"], row["tables"])


def _too_powerful(role: _Role) -> list[str]:
    if role.superuser:
        return [f"{role.setting} signs in as {role.name}, a superuser: row-level security does not bind it."]
    if role.bypasses:
        return [f"{role.setting} signs in as {role.name}, which has BYPASSRLS: row-level security does not bind it."]
    return []


def _owning(role: _Role) -> list[str]:
    if role.tables and not role.superuser:
        return [f"{role.setting} signs in as {role.name}, which owns tables and could switch their policies off."]
    return []


async def _reaching(connection: Connection, app: _Role, worker: _Role, owner: _Role) -> list[str]:
    """A member may SET ROLE: the application would reach every tenant through the worker's policies."""
    faults = []
    for member, reached in ((app, worker), (app, owner), (worker, owner)):
        if member.name == reached.name:
            faults.append(f"{member.setting} and {reached.setting} sign in as the same role, {member.name}.")
        elif await connection.fetchval("SELECT pg_has_role($1, $2, 'MEMBER')", member.name, reached.name):
            faults.append(f"{member.name} is a member of {reached.name} and can act as it.")
    return faults
