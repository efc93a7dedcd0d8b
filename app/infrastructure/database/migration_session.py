"""The session that migrations run in: the owner's address, its limits, and one migrator at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.infrastructure.database.addresses import Addresses, configured_addresses
from app.infrastructure.database.embedded import EmbeddedServer, connections_for
from app.infrastructure.database.migration_faults import MigrationFault, first_line, reason
from app.shared.settings import ROOT, Settings, SettingsFault, plain_dsn

OWNER_SETTING = "MIGRATION_DATABASE_URL"

CONNECT_TIMEOUT = 10.0
"""Seconds until a host that swallows packets counts as unreachable."""

ADVISORY_LOCK = 7_305_808_869_231_650_816
"""Any number will do that nothing else in the database uses; two migrators agree by it."""

LOCK_WAIT = 300.0
"""Seconds that a second migrator waits for the first."""

LOCK_POLL = 0.2

SESSION_SETTINGS = {
    # An ALTER TABLE that waits for a long query makes everybody behind it wait too: give up early and try again.
    "lock_timeout": "5s",
    # DDL holds its lock until the statement ends. Longer work belongs in an autocommit block that sets its own limit.
    "statement_timeout": "60s",
    # A migrator that lost its network lets go of what it locked.
    "idle_in_transaction_session_timeout": "60s",
}


class MigrationUnderWay(MigrationFault):
    """Another migrator held the database for the whole time we were ready to wait."""

    code = "migration_under_way"


@asynccontextmanager
async def addresses_of(settings: Settings) -> AsyncGenerator[Addresses]:
    """The addresses of all three roles; those of the embedded server, which runs meanwhile, if none are configured.

    Raises SettingsFault when some of them are configured and others are not.
    """
    configured = configured_addresses(settings)
    if configured is not None:
        yield configured
    elif settings.migration_database_url is not None:
        raise SettingsFault("MIGRATION_DATABASE_URL is set but DATABASE_URL is not; set both, and WORKER_DATABASE_URL.")
    else:
        server = EmbeddedServer(ROOT / settings.data_dir, max_connections=connections_for(settings))
        async with server.joined() as addresses:
            yield addresses


@asynccontextmanager
async def owner_address(settings: Settings) -> AsyncGenerator[str]:
    """The address of the role that owns the tables: all that a migration needs, so MIGRATION_DATABASE_URL suffices."""
    if settings.migration_database_url is not None:
        yield plain_dsn(settings.migration_database_url.get_secret_value())
    else:
        async with addresses_of(settings) as addresses:
            yield addresses.owner


async def connect_for_migration(owner_dsn: str) -> asyncpg.Connection[Any]:
    """A connection of its own, past any pool: the limits and the lock belong to the session."""
    return await connect(owner_dsn, OWNER_SETTING, {"application_name": "hello-ticket-migrations", **SESSION_SETTINGS})


async def connect(dsn: str, setting: str, session: Mapping[str, str] | None = None) -> asyncpg.Connection[Any]:
    """Raises MigrationFault, naming the `setting` that `dsn` came from and never its value."""
    try:
        return await asyncpg.connect(dsn, timeout=CONNECT_TIMEOUT, server_settings=dict(session or {}))
    except ValueError:  # asyncpg quotes the part it stumbled over, which may be the password
        raise MigrationFault(
            f"{setting} is not an address; it looks like postgresql://role:password@host:5432/database."
        ) from None
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise MigrationFault(f"The database refuses the connection: {first_line(error)}. Check {setting}.") from error
    except OSError as error:
        raise MigrationFault(
            f"The database does not answer: {reason(error)}. Check {setting} and the server."
        ) from error


async def hold_migration_lock(connection: AsyncConnection, *, wait: float) -> None:
    """Held until `connection` closes. Raises MigrationUnderWay after `wait` seconds.

    Asking again and again, rather than waiting inside the database, keeps no snapshot open: CREATE INDEX
    CONCURRENTLY in the first migrator waits for every older snapshot, a waiting second migrator's included.
    """
    deadline = asyncio.get_running_loop().time() + wait
    while True:
        taken = await connection.scalar(text(f"SELECT pg_try_advisory_lock({ADVISORY_LOCK})"))
        await connection.commit()
        if taken:
            return
        if asyncio.get_running_loop().time() >= deadline:
            raise MigrationUnderWay(
                "Another migration of this database is still running; wait for it, or end its session, and try again."
            )
        await asyncio.sleep(LOCK_POLL)
