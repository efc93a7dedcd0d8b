"""Who works on which partition: leases with an end, renewed while their holder lives, shared out evenly.

Gray and Cheriton, "Leases" (SOSP 1989). Whoever loses one without noticing does harm to nobody: what is done twice then
is recognised by the inbox. The database's clock decides; a holder's own, monotonic clock only ends a lease earlier.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from math import ceil
from uuid import UUID

import structlog

from app.infrastructure.database.connection import Connection
from app.infrastructure.database.pool import Database
from app.shared.errors import Unavailable

TTL = 5.0
EVERY = 1.0
"""Seconds. A killed holder's partitions are worked on again after TTL at the latest, plus one turn of EVERY."""

_KNOWN = "INSERT INTO leases (name, expires_at) SELECT v, now() FROM unnest($1::text[]) v ON CONFLICT DO NOTHING"
_BEAT = """
    INSERT INTO workers (id, kind, started_at, seen_at) VALUES ($1, $2, now(), now())
    ON CONFLICT (id) DO UPDATE SET seen_at = now()
"""
_ALIVE = "SELECT count(*) FROM workers WHERE seen_at > now() - make_interval(secs => $1)"
_RENEW = "UPDATE leases SET expires_at = now() + make_interval(secs => $2) WHERE holder = $1 RETURNING name"
_TAKE = """
    UPDATE leases l SET holder = $1, expires_at = now() + make_interval(secs => $2)
    FROM (
        SELECT name, holder FROM leases WHERE name = ANY($3) AND (holder IS NULL OR expires_at < now())
        ORDER BY random() LIMIT $4 FOR UPDATE SKIP LOCKED
    ) AS free
    WHERE l.name = free.name RETURNING l.name, free.holder IS NOT NULL AS orphaned
"""
_LEAVE = "UPDATE leases SET holder = NULL, expires_at = now() WHERE holder = $1 AND name = ANY($2)"
_LEAVE_ALL = "UPDATE leases SET holder = NULL, expires_at = now() WHERE holder = $1"
_GO = "DELETE FROM workers WHERE id = $1"
_FORGET = "DELETE FROM workers WHERE seen_at < now() - interval '1 hour'"

_log = structlog.get_logger("hello_ticket.leases")


def group_of(name: str) -> str:
    return name.rpartition(":")[0]


class Leases:
    """`names` look like `relay:3`; each group (what is before the last colon) is shared out on its own."""

    def __init__(
        self, database: Database, holder: UUID, *, kind: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._holder = holder
        self._kind = kind
        self._clock = clock
        self._names: list[str] = []
        self._held: dict[str, float] = {}
        self._orphaned: set[str] = set()
        self._busy: Counter[str] = Counter()
        self._wakes: list[Callable[[], None]] = []

    def want(self, names: Sequence[str], wake: Callable[[], None]) -> None:
        """Call before `run`. `wake` is called when leases were gained."""
        self._names += [name for name in names if name not in self._names]
        self._wakes.append(wake)

    def held(self, group: str) -> list[str]:
        """The group's names that are ours for at least another moment."""
        return [name for name in self._held if group_of(name) == group and self.holds(name)]

    def holds(self, name: str) -> bool:
        return self._held.get(name, 0.0) > self._clock()

    def orphaned(self, name: str) -> bool:
        """Whether its last holder ended without giving it back; asked once per lease."""
        found = name in self._orphaned
        self._orphaned.discard(name)
        return found

    @contextmanager
    def using(self, *names: str) -> Generator[None]:
        """They are not given back meanwhile."""
        self._busy.update(names)
        try:
            yield
        finally:
            self._busy.subtract(names)

    async def run(self) -> None:
        """Until cancelled; then everything is given back, so that the others need not wait."""
        try:
            while True:
                try:
                    await self.refresh()
                except Unavailable:
                    _log.warning("leases_wait_for_database")
                except Exception:  # noqa: BLE001 — logged with its traceback, and tried again
                    _log.exception("leases_failed")
                await asyncio.sleep(EVERY)
        finally:
            await asyncio.shield(self._release())

    async def refresh(self) -> None:
        """Renews, takes a fair share of what is free, gives back what is more than that."""
        asked = self._clock()
        async with self._database.transaction(None, role="worker") as connection:
            await connection.execute(_BEAT, self._holder, self._kind)
            renewed = [row["name"] for row in await connection.fetch(_RENEW, self._holder, TTL)]
            alive = max(1, await connection.fetchval(_ALIVE, TTL))
            gained = await self._shared_out(connection, renewed, alive)
        ends = asked + TTL - EVERY
        self._held = dict.fromkeys([name for name in (*renewed, *gained) if name in self._names], ends)
        await self._give_back(self._surplus(alive))
        if gained:
            for wake in self._wakes:
                wake()

    async def _shared_out(self, connection: Connection, renewed: Sequence[str], alive: int) -> list[str]:
        have = Counter(group_of(name) for name in renewed)
        gained: list[str] = []
        for group, names in self._groups().items():
            lacking = ceil(len(names) / alive) - have[group]
            if lacking <= 0:
                continue
            rows = await connection.fetch(_TAKE, self._holder, TTL, names, lacking)
            if not rows and not have[group] and not await self._known(connection, names):
                rows = await connection.fetch(_TAKE, self._holder, TTL, names, lacking)
            gained += [row["name"] for row in rows]
            self._orphaned |= {row["name"] for row in rows if row["orphaned"]}
        return gained

    async def _known(self, connection: Connection, names: Sequence[str]) -> bool:
        """Whether the table had all of them; now it does."""
        return (await connection.execute(_KNOWN, names)).endswith(" 0")

    def _surplus(self, alive: int) -> list[str]:
        """Idle names beyond the fair share, when somebody else is there to take them."""
        idle: list[str] = []
        for group, names in self._groups().items():
            mine = [name for name in self._held if group_of(name) == group]
            over = len(mine) - ceil(len(names) / alive)
            idle += [name for name in mine if not self._busy[name]][: max(0, over)]
        return idle

    async def _give_back(self, names: Sequence[str]) -> None:
        """Not ours from now on, before anybody else can have them: nobody begins to work on one meanwhile."""
        if not names:
            return
        for name in names:
            del self._held[name]
        async with self._database.transaction(None, role="worker") as connection:
            await connection.execute(_LEAVE, self._holder, names)

    def _groups(self) -> dict[str, list[str]]:
        groups: dict[str, list[str]] = {}
        for name in self._names:
            groups.setdefault(group_of(name), []).append(name)
        return groups

    async def _release(self) -> None:
        self._held = {}
        try:
            async with self._database.transaction(None, role="worker") as connection:
                await connection.execute(_LEAVE_ALL, self._holder)
                await connection.execute(_GO, self._holder)
                await connection.execute(_FORGET)
        except Unavailable:
            _log.warning("leases_run_out_by_themselves")
