"""What may go, and when: each kind of row is kept as long as the settings say, and never less than a day."""

from __future__ import annotations

from collections.abc import Mapping

from app.infrastructure.database.pool import Database
from app.shared.settings import Settings

AT_ONCE = 5_000
"""Rows per transaction, so that nobody waits behind an hour's worth of deletions."""

_KINDS = {
    "outbox": ("outbox", "tenant_id, id", "published_at"),
    "inbox": ("inbox", "tenant_id, subscriber, message_id", "handled_at"),
    "jobs": ("jobs", "tenant_id, id", "finished_at"),
    "dead_letters": ("dead_letters", "tenant_id, id", "died_at"),
}
"""Table, key and the instant that counts; a job that has not ended stays, however old it is."""


def kept_days(settings: Settings) -> Mapping[str, int]:
    return {
        "outbox": settings.keep_outbox_days,
        "inbox": settings.keep_inbox_days,
        "jobs": settings.keep_jobs_days,
        "dead_letters": settings.keep_dead_letters_days,
    }


async def forget_old(database: Database, days: Mapping[str, int]) -> dict[str, int]:
    """How many rows of each kind went, over all tenants. Raises Unavailable; what went until then is gone."""
    return {kind: await _forget(database, *_KINDS[kind], kept) for kind, kept in days.items()}


async def _forget(database: Database, table: str, key: str, column: str, days: int) -> int:
    old = f"SELECT {key} FROM {table} WHERE {column} < now() - make_interval(days => $1) LIMIT $2"  # noqa: S608 — names of our own
    statement = f"DELETE FROM {table} WHERE ({key}) IN ({old})"  # noqa: S608 — names of our own
    gone = 0
    while True:
        async with database.transaction(None, role="worker") as connection:
            chunk = int((await connection.execute(statement, days, AT_ONCE)).removeprefix("DELETE "))
        gone += chunk
        if chunk < AT_ONCE:
            return gone
