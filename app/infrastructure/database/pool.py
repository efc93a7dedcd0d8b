"""Connections: one pool per role, the tenant set at the start of every transaction."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Literal
from uuid import UUID

import asyncpg

from app.infrastructure.database.addresses import Addresses
from app.infrastructure.database.connection import Connection
from app.shared.errors import Unavailable
from app.shared.settings import Settings

Role = Literal["app", "worker", "read"]

CONNECT_TIMEOUT = 5.0
"""Seconds. A listening server answers in milliseconds; a dead one must not hold a request."""

CLOSE_TIMEOUT = 5.0
"""Seconds that statements under way have to end at shutdown."""

LOST = (
    OSError,  # asyncpg's failure to connect is a bare OSError
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.exceptions.InternalClientError,
    asyncpg.ReadOnlySQLTransactionError,  # after a failover, until the address leads to the new primary
)


async def _keep(connection: Connection) -> None:
    """Instead of RESET ALL, a round trip per release: our settings are local to their transaction.

    A transaction that was left open is rolled back by asyncpg before this is called.
    """


class Database:
    """`app` serves tenants, `worker` crosses them by named policy, `read` may be a replica."""

    def __init__(self, addresses: Addresses, settings: Settings) -> None:
        self._addresses = addresses
        self._settings = settings
        self._pools: dict[Role, asyncpg.Pool] = {}

    async def open(self) -> None:
        """Makes the pools; connections are made when needed, so a database that is away is no obstacle."""
        self._pools["app"] = await self._pool(self._addresses.app)
        self._pools["worker"] = await self._pool(self._addresses.worker, most=8)
        same = self._addresses.read == self._addresses.app
        self._pools["read"] = self._pools["app"] if same else await self._pool(self._addresses.read)

    async def _pool(self, dsn: str, most: int | None = None) -> asyncpg.Pool:
        settings = self._settings
        pool: asyncpg.Pool = await asyncpg.create_pool(
            dsn,
            min_size=0,
            max_size=most or settings.database_pool_size + settings.max_overflow,
            max_inactive_connection_lifetime=settings.pool_recycle,
            timeout=CONNECT_TIMEOUT,
            command_timeout=settings.pool_timeout,
            reset=_keep,
            server_settings={"application_name": "hello-ticket"},
        )
        return pool

    async def close(self) -> None:
        for pool in dict.fromkeys(self._pools.values()):
            try:
                await asyncio.wait_for(pool.close(), CLOSE_TIMEOUT)
            except (TimeoutError, *LOST):
                pool.terminate()
        self._pools.clear()

    async def probe(self) -> Mapping[str, object]:
        """Whether a statement comes back; raises what `transaction` raises."""
        async with self.transaction(None, read_only=True) as connection:
            version = await connection.fetchval("SHOW server_version")
        return {"ok": True, "version": version}

    @asynccontextmanager
    async def transaction(
        self, tenant_id: UUID | None, *, role: Role = "app", read_only: bool = False
    ) -> AsyncGenerator[Connection]:
        """A transaction that sees `tenant_id`'s rows only; None sees no tenant's. Commits at the end.

        Raises Unavailable when the database can't be reached, is full, or went away.
        """
        defect = False
        try:
            async with self._pools[role].acquire(timeout=self._settings.pool_timeout) as connection:
                await connection.execute(_begin(tenant_id, read_only=read_only))
                try:
                    yield connection
                except BaseException as error:
                    defect = _is_defect(error) and not connection.is_closed()
                    with suppress(*LOST):  # the first failure is the one to tell
                        await connection.execute("ROLLBACK")
                    raise
                await connection.execute("COMMIT")
        except (*LOST, TimeoutError) as error:
            if defect:
                raise
            raise Unavailable("The database does not answer; try again shortly.", retry_after=1) from error


def _is_defect(error: BaseException) -> bool:
    """These come from a lost connection or, while it still stands, from a mistake in the code that used it."""
    return isinstance(error, OSError | asyncpg.InterfaceError) and not isinstance(error, TimeoutError)


def _begin(tenant_id: UUID | None, *, read_only: bool) -> str:
    """One round trip. A UUID's text holds nothing to escape."""
    mode = " READ ONLY" if read_only else ""
    return f"BEGIN{mode}; {tenant_setting(tenant_id)}"


def tenant_setting(tenant_id: UUID | None) -> str:
    return f"SELECT set_config('app.tenant_id', '{tenant_id or ''}', true)"
