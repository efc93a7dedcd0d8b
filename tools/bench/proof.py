"""After everything was killed for a while: is what clients were told there, once, in order, and published?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from app.infrastructure.catalog.reconciler import drift
from app.infrastructure.database.addresses import Addresses
from app.infrastructure.database.pool import Database
from app.shared.settings import Settings
from tools.bench.database import owner
from tools.bench.shoppers import Life
from tools.bench.world import World

SHOWN = 5

_WAITING = """
    SELECT (SELECT count(*) FROM outbox WHERE published_at IS NULL) + (SELECT count(*) FROM queue_messages)
        + (SELECT count(*) FROM jobs WHERE status IN ('queued', 'running'))
"""
_CHECKS = {
    "events and outbox rows that have no partner": """
        SELECT coalesce(e.stream_id, o.stream_id) AS stream_id, coalesce(e.version, o.version) AS version
        FROM events e FULL JOIN outbox o
            ON o.tenant_id = e.tenant_id AND o.stream_id = e.stream_id AND o.version = e.version AND o.type = e.type
        WHERE e.stream_id IS NULL OR o.stream_id IS NULL
    """,
    "events with more than one outbox row": """
        SELECT stream_id, version FROM outbox WHERE subscriber IS NULL GROUP BY 1, 2 HAVING count(*) > 1
    """,
    "outbox rows that were never published": """
        SELECT stream_id, version FROM outbox WHERE published_at IS NULL AND type NOT LIKE 'message.%'
    """,
    "messages that were buried": "SELECT subscriber, type, reason, tries FROM dead_letters",
    "jobs that did not end": "SELECT id, status FROM jobs WHERE status NOT IN ('succeeded', 'failed')",
    "jobs that failed by a defect": "SELECT id, failure FROM jobs WHERE failure ->> 'code' = 'internal_error'",
    "jobs whose effect came more than once": """
        SELECT j.id, count(*) FROM jobs j JOIN events e
            ON e.tenant_id = j.tenant_id AND e.metadata ->> 'request_id' = j.request_id AND e.stream = 'order'
        GROUP BY 1 HAVING count(*) > 1
    """,
    "jobs that succeeded without an effect": """
        SELECT j.id FROM jobs j WHERE j.status = 'succeeded' AND NOT EXISTS (
            SELECT FROM events e WHERE e.tenant_id = j.tenant_id AND e.metadata ->> 'request_id' = j.request_id
                AND e.stream = 'order')
    """,
    "events whose effect is missing": """
        SELECT e.stream_id, e.version FROM events e WHERE e.type NOT LIKE 'message.%' AND NOT EXISTS (
            SELECT FROM recorded r WHERE r.stream_id = e.stream_id AND r.version = e.version)
    """,
    "effects without an event": """
        SELECT r.stream_id, r.version FROM recorded r WHERE NOT EXISTS (
            SELECT FROM events e WHERE r.stream_id = e.stream_id AND r.version = e.version)
    """,
    "effects that came more than once": """
        SELECT stream_id, version, count(*) FROM recorded GROUP BY 1, 2 HAVING count(*) > 1
    """,
    "effects out of order": """
        SELECT stream_id, version FROM (
            SELECT stream_id, version, lag(version) OVER (PARTITION BY stream_id ORDER BY position) AS before
            FROM recorded
        ) AS r WHERE version < before
    """,
}
"""Mails whose sender was killed go out minutes later, when its claim ends: their events may be on their way still."""
_TOLD = """
    SELECT o.id, o.status, bool_or(e.type = 'order.confirmed') AS confirmed,
        bool_or(e.type = 'order.cancelled') AS cancelled,
        (SELECT last.type FROM events last WHERE last.stream_id = o.id ORDER BY last.version DESC LIMIT 1) AS last,
        count(*) AS events, max(e.version) AS version, o.version AS stored
    FROM orders o JOIN events e ON e.tenant_id = o.tenant_id AND e.stream_id = o.id GROUP BY o.tenant_id, o.id
"""
DOUBLES = "effects that came more than once"


async def settled(addresses: Addresses, seconds: float) -> float:
    """How long it took until nothing waited any more; in seconds. Raises TimeoutError after `seconds`."""
    started = time.monotonic()
    async with asyncio.timeout(seconds), owner(addresses) as connection:
        while await connection.fetchval(_WAITING):  # noqa: ASYNC110 — another process works it off
            await asyncio.sleep(0.2)
    return time.monotonic() - started


async def publish_again(addresses: Addresses) -> int:
    """Makes every outbox row look as if its relay had died after publishing and before marking it."""
    async with owner(addresses) as connection:
        done: str = await connection.execute("UPDATE outbox SET published_at = NULL")
        return int(done.removeprefix("UPDATE "))


async def faults_in(addresses: Addresses, settings: Settings, world: World, lives: Sequence[Life]) -> list[str]:
    """One line for each kind of thing that is not as it must be; none is what is wanted."""
    async with owner(addresses) as connection:
        found = {name: await connection.fetch(query) for name, query in _CHECKS.items()}
        orders = [dict(row) for row in await connection.fetch(_TOLD)]
    faults = [f"{name}: {len(rows)}, such as {_few(rows)}" for name, rows in found.items() if rows]
    return faults + differences(orders, lives) + await _drifted(addresses, settings, world)


def differences(orders: Sequence[dict[str, Any]], lives: Sequence[Life]) -> list[str]:
    """What clients were told beside what the orders and their streams say."""
    told = {(life.order_id, life.confirmed, life.cancelled) for life in lives}
    true = {(row["id"], row["confirmed"], row["cancelled"]) for row in orders}
    torn = [row["id"] for row in orders if row["last"] != f"order.{_past(row['status'])}"]
    gaps = [row["id"] for row in orders if not row["events"] == row["version"] == row["stored"]]
    found = {
        "clients were told what is not so": sorted(told - true),
        "what is so and no client was told": sorted(true - told),
        "orders that differ from their streams": torn,
        "orders whose stream has gaps": gaps,
    }
    return [f"{name}: {len(which)}, such as {which[:SHOWN]}" for name, which in found.items() if which]


def _past(status: str) -> str:
    return "placed" if status == "pending" else status


async def _drifted(addresses: Addresses, settings: Settings, world: World) -> list[str]:
    database = Database(addresses, settings)
    await database.open()
    try:
        pools = await drift(database, world.tenant_id)
    finally:
        await database.close()
    return [f"stock has drifted: {pools[:SHOWN]}"] if pools else []


def _few(rows: Sequence[Any]) -> list[dict[str, Any]]:
    return [dict(row) for row in rows[:SHOWN]]
