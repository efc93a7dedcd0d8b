"""What the worker's role can see of all tenants, as figures: holds, outbox, dead letters, jobs, workers, senders."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from app.infrastructure.database.connection import Record
from app.infrastructure.database.pool import Database
from app.infrastructure.observability.catalogue import (
    DEAD_LETTERS,
    HEARTBEAT,
    HOLDS,
    HOLDS_OVERDUE,
    JOBS,
    JOBS_AGE,
    OUTBOX,
    OUTBOX_AGE,
    OUTGOING,
    OUTGOING_AGE,
    QUEUE,
    WORKERS,
)
from app.infrastructure.observability.figures import Ask, Values
from app.infrastructure.observability.tally import Labels

Depth = Callable[[], Awaitable[Mapping[str, int]]]

ALIVE_SECONDS = 15
"""Workers say that they are there every second; one that is silent for longer than this is not."""

KINDS = ("mail", "sms", "webhook")

_HOLDS = """
    SELECT count(*) AS pending, coalesce(extract(epoch FROM now() - min(expires_at)), 0)::float8 AS overdue
    FROM orders WHERE status = 'pending'
"""
OUTBOX_SQL = """
    SELECT count(*) AS unpublished, coalesce(extract(epoch FROM now() - min(occurred_at)), 0)::float8 AS age
    FROM outbox WHERE published_at IS NULL
"""
_DEAD = "SELECT subscriber, count(*) AS dead FROM dead_letters WHERE replayed_at IS NULL GROUP BY subscriber"
_JOBS = """
    SELECT status, count(*) AS jobs, extract(epoch FROM now() - min(created_at))::float8 AS age
    FROM jobs WHERE status IN ('queued', 'running') GROUP BY status
"""
WORKERS_SQL = f"""
    SELECT count(*) FILTER (WHERE seen_at > now() - interval '{ALIVE_SECONDS} seconds') AS alive,
        extract(epoch FROM now() - max(seen_at))::float8 AS age FROM workers
"""  # noqa: S608 — a number
_DUE = """
    SELECT channel AS kind, count(*) AS due, extract(epoch FROM now() - min(next_attempt_at))::float8 AS age
    FROM outgoing_messages WHERE status = 'queued' AND next_attempt_at <= now() GROUP BY channel
    UNION ALL
    SELECT 'webhook', count(*), extract(epoch FROM now() - min(d.next_attempt_at))::float8
    FROM webhook_deliveries d JOIN webhook_endpoints e ON e.tenant_id = d.tenant_id AND e.id = d.endpoint_id
    WHERE d.status = 'pending' AND d.next_attempt_at <= now() AND e.status = 'active'
    AND (e.open_until IS NULL OR e.open_until <= now()) AND NOT EXISTS (
        SELECT FROM webhook_deliveries b WHERE b.endpoint_id = d.endpoint_id AND b.tenant_id = d.tenant_id
        AND b.stream_id = d.stream_id AND b.sequence < d.sequence AND b.status = 'pending'
    )
"""
"""A webhook waits for its turn when its endpoint is paused or an earlier one of the same object is not through."""


def readings(database: Database, depth: Depth) -> dict[str, Ask]:
    """By the name of their group. `depth` is the transport's."""

    def asking(sql: str, told: Callable[[list[Record]], Values]) -> Ask:
        async def ask() -> Values:
            async with database.transaction(None, role="worker", read_only=True) as connection:
                return told(await connection.fetch(sql))

        return ask

    async def queues() -> Values:
        return {QUEUE: {(subscriber,): float(waiting) for subscriber, waiting in (await depth()).items()}}

    return {
        "holds": asking(_HOLDS, _holds),
        "outbox": asking(OUTBOX_SQL, _outbox),
        "queues": queues,
        "dead_letters": asking(_DEAD, lambda rows: {DEAD_LETTERS: {(row["subscriber"],): row["dead"] for row in rows}}),
        "jobs": asking(_JOBS, _jobs),
        "workers": asking(WORKERS_SQL, _workers),
        "outgoing": asking(_DUE, _outgoing),
    }


def _holds(rows: list[Record]) -> Values:
    return {HOLDS: {(): rows[0]["pending"]}, HOLDS_OVERDUE: {(): max(0.0, rows[0]["overdue"])}}


def _outbox(rows: list[Record]) -> Values:
    return {OUTBOX: {(): rows[0]["unpublished"]}, OUTBOX_AGE: {(): max(0.0, rows[0]["age"])}}


def _jobs(rows: list[Record]) -> Values:
    known = {row["status"]: row for row in rows}
    waiting = known.get("queued")
    counts: dict[Labels, float] = {(status,): 0.0 for status in ("queued", "running")}
    counts |= {(status,): float(row["jobs"]) for status, row in known.items()}
    return {JOBS: counts, JOBS_AGE: {(): max(0.0, waiting["age"]) if waiting else 0.0}}


def _workers(rows: list[Record]) -> Values:
    """Without an age when no worker was ever there: the count says so."""
    age = rows[0]["age"]
    return {WORKERS: {(): rows[0]["alive"]}, HEARTBEAT: {} if age is None else {(): max(0.0, age)}}


def _outgoing(rows: list[Record]) -> Values:
    none: dict[Labels, float] = {(kind,): 0.0 for kind in KINDS}
    due = none | {(row["kind"],): float(row["due"]) for row in rows}
    ages = none | {(row["kind"],): max(0.0, row["age"] or 0.0) for row in rows}
    return {OUTGOING: due, OUTGOING_AGE: ages}
