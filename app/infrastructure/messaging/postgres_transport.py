"""PostgreSQL as the transport: a row per subscriber and message, worked off in order by whoever holds the partition."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog

from app.application.signals import Signals, Topic
from app.infrastructure.database.connection import Record
from app.infrastructure.database.pool import Database
from app.infrastructure.messaging.leases import Leases
from app.infrastructure.messaging.relay import lease_names
from app.infrastructure.messaging.transport import Message, Subscription, Take
from app.infrastructure.messaging.waiting import news
from app.infrastructure.messaging.wire import decode, encode
from app.shared.errors import Unavailable

BATCH = 200
MOST_TAKES = 5
"""So many processes may die over one message before it is taken for the reason."""
IDLE_SECONDS = 0.5
RETRY_SECONDS = 1.0

_QUEUE = """
    INSERT INTO queue_messages (tenant_id, subscriber, message_id, partition, body)
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::smallint[], $5::bytea[]) ON CONFLICT DO NOTHING
"""
_READY = """
    SELECT p AS partition FROM unnest($2::smallint[]) AS p
    WHERE EXISTS (SELECT FROM queue_messages WHERE subscriber = $1 AND partition = p)
"""
_NEXT = """
    SELECT tenant_id, message_id, takes, body FROM queue_messages
    WHERE subscriber = $1 AND partition = $2 ORDER BY position LIMIT $3
"""
_TAKEN_AGAIN = """
    UPDATE queue_messages SET takes = takes + 1 WHERE tenant_id = $1 AND subscriber = $2 AND message_id = $3
"""
_DONE = """
    DELETE FROM queue_messages AS q USING unnest($1::uuid[], $3::uuid[]) AS v(tenant_id, message_id)
    WHERE q.tenant_id = v.tenant_id AND q.subscriber = $2 AND q.message_id = v.message_id
"""
_DEPTH = "SELECT subscriber, count(*) AS waiting FROM queue_messages GROUP BY subscriber"

Bury = Callable[[str, Message, str, int], Awaitable[None]]
"""Subscriber, message, reason, tries."""

_log = structlog.get_logger("hello_ticket.transport")


class PostgresTransport:
    """See `Transport`. A message that kills whoever takes it is found out and buried after MOST_TAKES."""

    name = "postgres"

    def __init__(
        self, database: Database, leases: Leases, signals: Signals, subscriptions: Sequence[Subscription], bury: Bury
    ) -> None:
        self._database = database
        self._leases = leases
        self._signals = signals
        self._subscriptions = subscriptions
        self._bury = bury

    async def publish(self, messages: Sequence[Message]) -> None:
        rows = [
            (m.event.tenant_id, subscription.name, m.event.id, m.partition, body)
            for m, body in ((m, encode(m.event)) for m in messages)
            for subscription in self._subscriptions
            if subscription.wants(m)
        ]
        if not rows:
            return
        async with self._database.transaction(None, role="worker") as connection:
            await connection.execute(_QUEUE, *map(list, zip(*rows, strict=True)))
        self._signals.announce(Topic.QUEUE)

    async def run(self, subscription: Subscription, take: Take) -> None:
        reader = _Reader(self._database, self._leases, subscription.name, take, self._bury)
        self._signals.listen(Topic.QUEUE, reader.wake)
        await reader.run()

    async def depth(self) -> dict[str, int]:
        async with self._database.transaction(None, role="worker", read_only=True) as connection:
            waiting = {row["subscriber"]: row["waiting"] for row in await connection.fetch(_DEPTH)}
        return {subscription.name: waiting.get(subscription.name, 0) for subscription in self._subscriptions}

    async def probe(self) -> Mapping[str, object]:
        """It is the database itself, which has a probe of its own."""
        return {"ok": True, "active": self.name}

    async def close(self) -> None:
        """Nothing of its own to close."""


class _Reader:
    """One subscriber's partitions in this process."""

    def __init__(self, database: Database, leases: Leases, subscriber: str, take: Take, bury: Bury) -> None:
        self._database = database
        self._leases = leases
        self._subscriber = subscriber
        self._take = take
        self._bury = bury
        self._group = f"queue.{subscriber}"
        self._woken = asyncio.Event()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        leases.want(lease_names(self._group), self.wake)

    def wake(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        """One task per partition that has something; a slow one keeps nobody but itself."""
        try:
            while True:
                self._woken.clear()
                ready = await self._ready()
                for name in ready:
                    self._start(name)
                if not ready:
                    await news(self._woken, IDLE_SECONDS)
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _ready(self) -> list[str]:
        """Partitions of ours that have something and that nobody works on yet."""
        idle = [name for name in self._leases.held(self._group) if name not in self._tasks]
        if not idle:
            return []
        by_number = {int(name.rpartition(":")[2]): name for name in idle}
        try:
            async with self._database.transaction(None, role="worker", read_only=True) as connection:
                rows = await connection.fetch(_READY, self._subscriber, list(by_number))
        except Unavailable:
            _log.warning("subscriber_waits", subscriber=self._subscriber, reason="the database does not answer")
            return []
        except Exception:  # noqa: BLE001 — logged with its traceback, and tried again
            _log.exception("subscriber_failed", subscriber=self._subscriber)
            return []
        return [by_number[row["partition"]] for row in rows]

    def _start(self, name: str) -> None:
        task = self._tasks[name] = asyncio.create_task(self._partition(name))
        task.add_done_callback(lambda _: self._ended(name))

    def _ended(self, name: str) -> None:
        del self._tasks[name]
        self._woken.set()

    async def _partition(self, name: str) -> None:
        """Until it is empty or somebody else's."""
        try:
            with self._leases.using(name):
                while self._leases.holds(name) and await self._work_off(name):
                    continue
                return
        except Unavailable as error:
            _log.warning("subscriber_waits", subscriber=self._subscriber, reason=error.message)
        except Exception:  # noqa: BLE001 — logged with its traceback, and tried again
            _log.exception("subscriber_failed", subscriber=self._subscriber)
        await asyncio.sleep(RETRY_SECONDS)

    async def _work_off(self, name: str) -> bool:
        partition = int(name.rpartition(":")[2])
        rows = await self._next(partition)
        if rows and self._leases.orphaned(name):
            await self._carefully(partition, rows)
            return True
        if rows:
            await self._take([_message(row, partition) for row in rows])
            await self._done(rows)
        return bool(rows)

    async def _carefully(self, partition: int, rows: Sequence[Record]) -> None:
        """The process before us died here, perhaps of one of these: one at a time, each counted before it is taken."""
        for row in rows:
            message = _message(row, partition)
            async with self._database.transaction(None, role="worker") as connection:
                await connection.execute(_TAKEN_AGAIN, row["tenant_id"], self._subscriber, row["message_id"])
            if row["takes"] >= MOST_TAKES:
                await self._bury(self._subscriber, message, "each process that took it died", row["takes"])
            else:
                await self._take([message])
            await self._done([row])

    async def _next(self, partition: int) -> list[Record]:
        async with self._database.transaction(None, role="worker", read_only=True) as connection:
            return await connection.fetch(_NEXT, self._subscriber, partition, BATCH)

    async def _done(self, rows: Sequence[Record]) -> None:
        tenants, messages = [row["tenant_id"] for row in rows], [row["message_id"] for row in rows]
        async with self._database.transaction(None, role="worker") as connection:
            await connection.execute(_DONE, tenants, self._subscriber, messages)


def _message(row: Record, partition: int) -> Message:
    return Message(event=decode(row["body"]), partition=partition)
