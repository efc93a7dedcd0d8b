"""The outbox as the relay reads it: what is committed and not yet published, fairly over the tenants."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

import orjson

from app.application.events import PublishedEvent
from app.infrastructure.database.connection import Connection, Record
from app.infrastructure.database.dispatch import Subscriber
from app.infrastructure.database.pool import Database
from app.infrastructure.messaging.transport import Message
from app.shared.ids import TenantId, UserId

_UNPUBLISHED = """
    WITH RECURSIVE waiting AS (
        SELECT p AS partition, (
            SELECT tenant_id FROM outbox WHERE published_at IS NULL AND partition = p ORDER BY tenant_id LIMIT 1
        ) AS tenant_id FROM unnest($1::smallint[]) AS p
        UNION ALL
        SELECT w.partition, (
            SELECT tenant_id FROM outbox
            WHERE published_at IS NULL AND partition = w.partition AND tenant_id > w.tenant_id
            ORDER BY tenant_id LIMIT 1
        ) FROM waiting w WHERE w.tenant_id IS NOT NULL
    )
    SELECT o.tenant_id, o.id, o.message_id, o.partition, o.subscriber, o.request_id, o.position,
        e.type, e.stream, e.stream_id, e.version, e.occurred_at, e.data, e.metadata
    FROM waiting w CROSS JOIN LATERAL (
        SELECT *, row_number() OVER (ORDER BY position) AS turn FROM outbox
        WHERE published_at IS NULL AND partition = w.partition AND tenant_id = w.tenant_id
        ORDER BY position LIMIT $2
    ) AS o JOIN events e ON e.tenant_id = o.tenant_id AND e.stream_id = o.stream_id AND e.version = o.version
    WHERE w.tenant_id IS NOT NULL
    ORDER BY o.turn, o.position LIMIT $3
"""
"""A loose index scan finds each tenant that has something waiting, and takes a few of its rows: a tenant with a million
rows costs the others no more than one with ten. The first row of every tenant comes before anybody's second."""

_MARK = """
    UPDATE outbox AS o SET published_at = now() FROM unnest($1::uuid[], $2::uuid[]) AS v(tenant_id, id)
    WHERE o.tenant_id = v.tenant_id AND o.id = v.id AND o.published_at IS NULL
"""
PER_TENANT = 100
"""Rows of one tenant and partition in one round."""
AT_ONCE = 5_000
"""Rows in one round: what a relay holds in memory, however much has piled up."""


class Outbox:
    def __init__(self, database: Database, subscribers: Mapping[str, Subscriber]) -> None:
        self._database = database
        self._audiences = {name: one.audience for name, one in subscribers.items() if one.audience is not None}

    async def unpublished(self, partitions: Sequence[int]) -> list[tuple[Record, Message]]:
        """Each tenant in turn; of each aggregate in the order of its versions."""
        async with self._database.transaction(None, role="worker", read_only=True) as connection:
            rows = await connection.fetch(_UNPUBLISHED, partitions, PER_TENANT, AT_ONCE)
            heard = await self._heard(connection, {row["tenant_id"] for row in rows}) if rows else {}
        return [
            (row, _message(row, frozenset(name for name, tenants in heard.items() if row["tenant_id"] not in tenants)))
            for row in rows
        ]

    async def _heard(self, connection: Connection, tenants: Collection[UUID]) -> dict[str, Collection[UUID]]:
        """A later statement than the one that saw the events (READ COMMITTED): nobody who asked before is missed."""
        return {name: await audience(connection, list(tenants)) for name, audience in self._audiences.items()}

    async def mark_published(self, rows: Sequence[Record]) -> None:
        tenants, ids = [row["tenant_id"] for row in rows], [row["id"] for row in rows]
        async with self._database.transaction(None, role="worker") as connection:
            await connection.execute(_MARK, tenants, ids)


def _message(row: Record, unheard: frozenset[str]) -> Message:
    metadata = orjson.loads(row["metadata"])
    event = PublishedEvent(
        id=row["message_id"] or row["id"],
        tenant_id=TenantId(row["tenant_id"]),
        type=row["type"],
        stream=row["stream"],
        stream_id=row["stream_id"],
        version=row["version"],
        occurred_at=row["occurred_at"],
        request_id=row["request_id"],
        actor_id=UserId(metadata["actor_id"]),
        actor_kind=metadata["actor_kind"],
        data=orjson.loads(row["data"]),
        traceparent=metadata.get("traceparent", ""),
    )
    return Message(event=event, partition=row["partition"], subscriber=row["subscriber"], unheard=unheard)
