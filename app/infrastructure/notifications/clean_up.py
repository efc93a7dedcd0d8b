"""Messages name people, so they go when they are no longer needed."""

from __future__ import annotations

from datetime import timedelta

from app.infrastructure.database.pool import Database

_DELETE = "DELETE FROM outgoing_messages WHERE status <> 'queued' AND created_at < now() - $1::interval"


async def clean_up_messages(database: Database, *, keep_days: int) -> int:
    """How many went, over all tenants. What still waits is never among them, nor what is younger than a day."""
    async with database.transaction(None, role="worker") as connection:
        status = await connection.execute(_DELETE, timedelta(days=keep_days))
    return int(status.removeprefix("DELETE "))
