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
from app.infrastructure.database.hang_watch import HangWatch
from app.infrastructure.database.slow_statements import timed_connections
from app.infrastructure.observability.meters import PoolMeter
from app.infrastructure.observability.tally import Tally
from app.shared.errors import Unavailable
from app.shared.settings import Settings

Role = Literal["app", "worker", "read"]

CONNECT_TIMEOUT = 5.0
"""Seconds. A listening server answers in milliseconds; a dead one must not hold a request."""

WORKERS_MOST = 8
"""Connections of the worker's role, per process."""

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

    def __init__(self, addresses: Addresses, settings: Settings, tally: Tally | None = None) -> None:
        """What the pools do is counted in `tally`, which is closed with them."""
        self._addresses = addresses
        self._settings = settings
        self._tally = tally or Tally(None)
        self._pools: dict[Role, asyncpg.Pool] = {}
        self._guards: dict[Role, tuple[PoolMeter, HangWatch]] = {}

    async def open(self) -> None:
        """Makes the pools; connections are made when needed, so a database that is away is no obstacle."""
        most = self._settings.database_pool_size + self._settings.max_overflow
        await self._add_pool("app", self._addresses.app, most)
        await self._add_pool("worker", self._addresses.worker, WORKERS_MOST)
        if self._addresses.read == self._addresses.app:
            self._pools["read"], self._guards["read"] = self._pools["app"], self._guards["app"]
        else:
            await self._add_pool("read", self._addresses.read, most)

    async def _add_pool(self, role: Role, dsn: str, most: int) -> None:
        settings = self._settings
        meter = PoolMeter(self._tally, role, most)
        self._pools[role] = await asyncpg.create_pool(
            dsn,
            min_size=0,
            max_size=most,
            connection_class=timed_connections(role, settings.slow_query_ms / 1_000, meter.slow),
            max_inactive_connection_lifetime=settings.pool_recycle,
            timeout=CONNECT_TIMEOUT,
            command_timeout=settings.pool_timeout,
            reset=_keep,
            server_settings={"application_name": "hello-ticket"},
        )
        self._guards[role] = meter, HangWatch(dsn)

    async def close(self) -> None:
        for _, watch in dict.fromkeys(self._guards.values()):
            await watch.close()
        for pool in dict.fromkeys(self._pools.values()):
            try:
                await asyncio.wait_for(pool.close(), CLOSE_TIMEOUT)
            except (TimeoutError, *LOST):
                pool.terminate()
        self._pools.clear()
        self._tally.close()

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

        Raises Unavailable when the database can't be reached, is full, hangs, or went away.
        """
        defect = False
        pool, (meter, watch) = self._pools[role], self._guards[role]
        done = meter.give_up
        meter.wait()
        try:
            async with watch.using() as use, pool.acquire(timeout=self._settings.pool_timeout) as connection:
                use.connection = connection
                meter.take()
                done = meter.give_back
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
        finally:
            done()


def _is_defect(error: BaseException) -> bool:
    """These come from a lost connection or, while it still stands, from a mistake in the code that used it."""
    return isinstance(error, OSError | asyncpg.InterfaceError) and not isinstance(error, TimeoutError)


def _begin(tenant_id: UUID | None, *, read_only: bool) -> str:
    """One round trip. A UUID's text holds nothing to escape."""
    mode = " READ ONLY" if read_only else ""
    return f"BEGIN{mode}; {tenant_setting(tenant_id)}"


def tenant_setting(tenant_id: UUID | None) -> str:
    return f"SELECT set_config('app.tenant_id', '{tenant_id or ''}', true)"
