"""States for /health: does the schema fit this release, does anybody work in the background, is the way out free."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from app.infrastructure.database.migrations import history
from app.infrastructure.database.pool import Database
from app.infrastructure.observability.readings import OUTBOX_SQL, WORKERS_SQL

State = Mapping[str, object]

LATE_SECONDS = 60.0
"""An event that waits longer than this to be published is a reason to look."""

_REVISION = "SELECT max(version_num) FROM alembic_version"


class Probes:
    """Each is a probe in the sense of /health: `ok`, and what else there is to say."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: list[str] = []

    async def schema(self) -> State:
        """`ok` also when the database is ahead: a newer release migrated it, and this one serves until it goes."""
        if not self._known:
            self._known = [revision.id for revision in await asyncio.to_thread(history)]
        async with self._database.transaction(None, read_only=True) as connection:
            found = await connection.fetchval(_REVISION)
        head = self._known[-1]
        behind = found is None or (found in self._known and found != head)
        if not behind:
            return {"ok": True, "revision": found}
        return {
            "ok": False,
            "revision": found,
            "needed": head,
            "detail": f"The schema is at {found or 'nothing'}, this release needs {head}: "
            "run `python tools/migrate-db.py upgrade`.",
        }

    async def workers(self) -> State:
        """`alive` processes said lately that they run relay, subscribers and schedules."""
        async with self._database.transaction(None, role="worker", read_only=True) as connection:
            row = await connection.fetchrow(WORKERS_SQL)
        alive, silent = (row["alive"], row["age"]) if row else (0, None)
        return {"ok": alive > 0, "alive": alive, "silent_seconds": None if silent is None else round(max(0.0, silent))}

    async def queue(self) -> State:
        """How far publishing is behind committing."""
        async with self._database.transaction(None, role="worker", read_only=True) as connection:
            row = await connection.fetchrow(OUTBOX_SQL)
        unpublished, oldest = (row["unpublished"], max(0.0, row["age"])) if row else (0, 0.0)
        return {"ok": oldest < LATE_SECONDS, "unpublished": unpublished, "oldest_seconds": round(oldest, 1)}
