"""The three roles and the database: what needs superuser rights, done once and safe to repeat.

`hello_owner` migrates, `hello_app` serves requests, `hello_worker` crosses tenants by named policy. None is a
superuser, none bypasses row-level security, none is a member of another. Table grants are the migrations' business.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from types import MappingProxyType

import asyncpg

from app.infrastructure.database.addresses import APP, OWNER, WORKER

ROLES = (OWNER, APP, WORKER)
NO_PASSWORDS: Mapping[str, str] = MappingProxyType({})
CONNECT_SECONDS = 10
LOCK = 0x48_65_6C_6C_6F
"""Advisory lock: two bootstraps at once would both create a role."""

ROLES_SQL = f"""\
DO $$
DECLARE
    wanted text;
    granted record;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['{OWNER}', '{APP}', '{WORKER}'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            EXECUTE format('CREATE ROLE %I', wanted);
        END IF;
        EXECUTE format(
            'ALTER ROLE %I LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB NOREPLICATION', wanted);
    END LOOP;
    FOR granted IN
        SELECT of.rolname AS role, who.rolname AS member, by.rolname AS grantor
        FROM pg_auth_members m
        JOIN pg_roles of ON of.oid = m.roleid
        JOIN pg_roles who ON who.oid = m.member
        JOIN pg_roles by ON by.oid = m.grantor
        WHERE who.rolname IN ('{OWNER}', '{APP}', '{WORKER}') AND of.rolname IN ('{OWNER}', '{APP}', '{WORKER}')
    LOOP
        EXECUTE format('REVOKE %I FROM %I GRANTED BY %I CASCADE', granted.role, granted.member, granted.grantor);
    END LOOP;
    IF pg_has_role('{APP}', '{OWNER}', 'MEMBER') OR pg_has_role('{APP}', '{WORKER}', 'MEMBER') THEN
        RAISE EXCEPTION '{APP} reaches {OWNER} or {WORKER} through another role'
            USING HINT = 'Revoke that membership: it would open every tenant to the application.';
    END IF;
END
$$;
"""  # noqa: S608  # the names are this project's constants


def _database_sql(name: str) -> str:
    everyone = ", ".join(ROLES)
    return f"""\
ALTER DATABASE {name} OWNER TO {OWNER};
REVOKE ALL ON DATABASE {name} FROM PUBLIC;
GRANT CONNECT ON DATABASE {name} TO {everyone};
ALTER SCHEMA public OWNER TO {OWNER};
REVOKE ALL ON SCHEMA public FROM PUBLIC, {APP}, {WORKER};
GRANT USAGE ON SCHEMA public TO {everyone};
ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} REVOKE ALL ON TABLES FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} REVOKE ALL ON SEQUENCES FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} REVOKE USAGE ON TYPES FROM PUBLIC;
"""


def _create_sql(name: str) -> str:
    return f"CREATE DATABASE {name} OWNER {OWNER} ENCODING 'UTF8' TEMPLATE template0"


def bootstrap_sql(database: str) -> str:
    """The same steps as a script for `psql` (PostgreSQL 15–18), without passwords: set those with `\\password`."""
    name = _identifier(database)
    create = f"SELECT {_literal(_create_sql(name))} WHERE NOT EXISTS (\n"
    create += f"    SELECT FROM pg_database WHERE datname = {_literal(database)}) \\gexec\n"
    return f"{ROLES_SQL}{create}\\connect {name}\n{_database_sql(name)}"


def bootstrap(
    superuser_dsn: str, database: str, *, passwords: Mapping[str, str] = NO_PASSWORDS, patience: float = 0.0
) -> None:
    """Makes roles and database or puts them right; `passwords` are by role. Blocks, so not for a running event loop.

    Waits up to `patience` seconds for a server that does not take connections yet. Raises asyncpg.PostgresError or
    OSError.
    """
    asyncio.run(_bootstrap(superuser_dsn, database, passwords, patience))


async def _bootstrap(superuser_dsn: str, database: str, passwords: Mapping[str, str], patience: float) -> None:
    name = _identifier(database)
    connection = await _connect(superuser_dsn, patience)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", LOCK)
        await connection.execute(ROLES_SQL)
        await connection.execute("SET log_statement = 'none'; SET log_min_duration_statement = -1")
        for role, password in passwords.items():
            await connection.execute(f"ALTER ROLE {_identifier(role)} PASSWORD {_literal(password)}")
        if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", database):
            await connection.execute(_create_sql(name))
        inside = await asyncpg.connect(superuser_dsn, database=database, timeout=CONNECT_SECONDS)
        try:
            await inside.execute(_database_sql(name))
        finally:
            await inside.close()
    finally:
        await connection.close()


async def _connect(dsn: str, patience: float) -> asyncpg.Connection:
    deadline = time.monotonic() + patience
    while True:
        try:
            return await asyncpg.connect(dsn, timeout=CONNECT_SECONDS)
        except (OSError, asyncpg.CannotConnectNowError):
            if time.monotonic() >= deadline:
                raise
        await asyncio.sleep(0.05)


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
