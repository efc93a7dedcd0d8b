"""The embedded PostgreSQL under DATA_DIR: the first process that joins starts it, the last that leaves stops it.

Two locks beside the data carry this between processes. `postgres.turn` is held exclusively by the one that starts or
stops; `postgres.use` is shared by all that use the server. Both end with their holder, so a killed process blocks
nobody, and a server that outlived its users is taken over by the next one that joins.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import asyncpg

from app.infrastructure.database.addresses import APP, OWNER, WORKER, Addresses
from app.infrastructure.database.bootstrap import bootstrap
from app.infrastructure.database.file_locks import FileLock
from app.infrastructure.database.postgres_account import EmbeddedPostgresFault
from app.infrastructure.database.postgres_cluster import SUPERUSER, PostgresCluster, State
from app.infrastructure.database.socket_folder import PORT
from app.shared.settings import Settings

DATABASE = "hello_ticket"
TURN_SECONDS = 180
"""Longer than the slowest start or stop."""
CHANGE_SECONDS = 120
ANSWER_SECONDS = 30
CONNECTIONS = 200
"""`max_connections` at the least: a second start may share the server."""
WORKER_POOL = 8
SPARE_CONNECTIONS = 20
"""For migrations, psql and the processes of a second start."""

Result = TypeVar("Result")


def connections_for(settings: Settings) -> int:
    """`max_connections` for all workers with both their pools full; it is fixed while the server runs."""
    pools = settings.database_pool_size + settings.max_overflow + WORKER_POOL
    return max(CONNECTIONS, settings.workers * pools + SPARE_CONNECTIONS)


class EmbeddedServer:
    """One process's share in the server. `join`, `leave` and `ensure_running` block; `joined` is for event loops."""

    def __init__(self, data_dir: Path, *, max_connections: int = CONNECTIONS) -> None:
        self._data_dir = data_dir.resolve()
        self._max_connections = max_connections
        self._cluster = PostgresCluster(self._data_dir / "postgres")
        self._use = FileLock(self._data_dir / "postgres.use")

    @asynccontextmanager
    async def joined(self) -> AsyncGenerator[Addresses]:
        """Join for as long as the block runs."""
        try:
            yield await _to_the_end(self.join)
        finally:
            await _to_the_end(self.leave)

    def join(self) -> Addresses:
        """Starts the server if it does not run, makes roles and database. Raises EmbeddedPostgresFault."""
        try:
            self._data_dir.mkdir(parents=True, exist_ok=True)
            with self._turn():
                self._use.acquire(shared=True)
                try:
                    self._bring_up()
                    self._make_roles()
                    return self.addresses()
                except BaseException:
                    self._step_out()
                    raise
        except OSError as error:
            raise EmbeddedPostgresFault(
                f"{self._data_dir} can't be used ({error.strerror or type(error).__name__}). "
                "Set DATA_DIR to a folder that you may write to."
            ) from error

    def leave(self) -> None:
        """Stops the server if nobody else uses it. Does nothing for one that has not joined."""
        if self._use.held:
            with self._turn():
                self._step_out()

    def ensure_running(self) -> bool:
        """Starts a server that died, under the same addresses; True if it had to. Cheap while it runs."""
        if self._cluster.state() is State.READY:
            return False
        with self._turn():
            if not self._use.held or self._cluster.state() is State.READY:
                return False
            return self._bring_up()

    def superuser_dsn(self, database: str = SUPERUSER) -> str:
        return self._dsn(SUPERUSER, database)

    def addresses(self, database: str = DATABASE) -> Addresses:
        """Valid while the server runs, over restarts as well."""
        app, worker, owner = (self._dsn(role, database) for role in (APP, WORKER, OWNER))
        return Addresses(app=app, worker=worker, read=app, owner_dsn=owner)

    def _dsn(self, role: str, database: str) -> str:
        folder = quote(str(self._cluster.socket_folder()), safe="/")
        return f"postgresql://{role}@/{quote(database, safe='')}?host={folder}&port={PORT}"

    @contextmanager
    def _turn(self) -> Generator[None]:
        turn = FileLock(self._data_dir / "postgres.turn")
        if not turn.acquire(wait=TURN_SECONDS):
            raise EmbeddedPostgresFault(
                f"Another process has been starting or stopping the PostgreSQL in {self._data_dir} for minutes. "
                "End it and start again."
            )
        try:
            yield
        finally:
            turn.release()

    def _bring_up(self) -> bool:
        """True when it had to start the server; False when it was there already."""
        started = False
        deadline = time.monotonic() + CHANGE_SECONDS
        while (state := self._cluster.state()) is not State.READY:
            if state is State.DOWN:
                self._cluster.make()
                self._cluster.start(max_connections=self._max_connections)
                started = True
            elif state is State.CUT_OFF or time.monotonic() > deadline:
                self._cluster.stop()
            else:
                time.sleep(0.05)
        return started

    def _make_roles(self) -> None:
        try:
            bootstrap(self.superuser_dsn(), DATABASE, patience=ANSWER_SECONDS)
        except (OSError, asyncpg.PostgresError) as error:
            raise EmbeddedPostgresFault(
                f"The PostgreSQL in {self._data_dir} runs but can't be prepared ({error}). Its log is server.log there."
            ) from error

    def _step_out(self) -> None:
        self._use.release()
        if self._use.acquire():
            try:
                self._cluster.stop()
            finally:
                self._use.release()


async def _to_the_end(step: Callable[[], Result]) -> Result:
    """Runs a blocking step in a thread. One can't cancel a thread: a cancelled caller waits for it, then goes."""
    task = asyncio.ensure_future(asyncio.to_thread(step))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
