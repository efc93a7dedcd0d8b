"""What the database must look like before the application may trust it with tenants' data."""

from __future__ import annotations

import asyncpg

from app.infrastructure.database.connection import Record
from app.infrastructure.database.migrations import applied_revision, pending_after
from app.infrastructure.database.pool import Database

_ROLE = """
    SELECT rolsuper OR rolbypassrls AS above_rls,
        EXISTS (SELECT FROM pg_roles w WHERE w.rolname = 'hello_worker' AND pg_has_role(r.oid, w.oid, 'MEMBER'))
            AS is_worker,
        EXISTS (SELECT FROM pg_class WHERE relowner = r.oid AND relnamespace = 'public'::regnamespace) AS owns
    FROM pg_roles r WHERE rolname = current_user
"""
_OPEN = """
    SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
    AND relname <> 'alembic_version' AND NOT (relrowsecurity AND relforcerowsecurity) ORDER BY relname
"""
UNFINISHED = "hello-ticket: restored"
"""How a database's comment begins while tools/backup.py has put back its rows and not yet its files."""

_MARKED = f"""
    SELECT shobj_description(oid, 'pg_database') LIKE '{UNFINISHED}%' FROM pg_database
    WHERE datname = current_database()
"""  # noqa: S608  # our own constant


async def database_faults(database: Database) -> tuple[str, ...]:
    """Each in one line that says what to do; none when all is well. Raises Unavailable."""
    async with database.transaction(None, read_only=True) as connection:
        role = await connection.fetchrow(_ROLE)
        unguarded = [row["relname"] for row in await connection.fetch(_OPEN)]
        unfinished = await connection.fetchval(_MARKED)
    async with database.transaction(None, role="worker", read_only=True) as connection:
        worker = await connection.fetchrow(_ROLE)
    faults: list[str] = []
    if _above(role) or (role is not None and role["is_worker"]):
        faults.append(
            "DATABASE_URL: its role is above row-level security; use hello_app, made by tools/migrate-db.py bootstrap."
        )
    if _above(worker):
        faults.append(
            "WORKER_DATABASE_URL: its role is above row-level security; use hello_worker, made by the same command."
        )
    if unguarded:
        faults.append(f"Row-level security is not forced on: {', '.join(unguarded)}. Restore it before you serve.")
    if unfinished:
        faults.append("A restore into this database was not finished: run `python tools/backup.py restore` again.")
    return (*faults, *await migration_faults(database))


def _above(role: Record | None) -> bool:
    return role is None or role["above_rls"] or role["owns"]


async def migration_faults(database: Database) -> tuple[str, ...]:
    try:
        async with database.transaction(None, read_only=True) as connection:
            revision = await applied_revision(connection)
    except asyncpg.InsufficientPrivilegeError:
        return ("DATABASE_URL: its role may not read the schema's revision; use hello_app.",)
    if pending_after(revision):  # a database that is ahead serves the release before it
        return ("Migrations are pending: run `python tools/migrate-db.py upgrade` first.",)
    return ()
