"""What may go: answers whose keys are no longer honoured, revocations no token can meet any more."""

from __future__ import annotations

from app.infrastructure.database.pool import Database

AT_ONCE = 5_000
"""Rows per transaction, so that nobody waits behind an hour's worth of deletions."""

_OLD = (("idempotency_keys", "created_at"), ("token_revocations", "revoked_at"))
"""Table, and the instant that counts; of the first the worker may read nothing else."""


async def clean_up(database: Database, *, at_once: int = AT_ONCE) -> int:
    """How many rows went, over all tenants; the worker's policies let nothing younger than 24 hours go.

    Raises Unavailable; what went until then is gone.
    """
    return sum([await _forget(database, *kind, at_once) for kind in _OLD])


async def _forget(database: Database, table: str, column: str, at_once: int) -> int:
    """Up to the instant of the last row of a chunk, which an index finds; rows of that very instant go with it."""
    old = f"{column} < now() - interval '24 hours'"
    last = f"SELECT {column} FROM {table} WHERE {old} ORDER BY 1 OFFSET $1 - 1 LIMIT 1"  # noqa: S608 — names of our own
    statement = f"DELETE FROM {table} WHERE {old} AND {column} <= coalesce(({last}), now())"  # noqa: S608 — names of our own
    gone = 0
    while True:
        async with database.transaction(None, role="worker") as connection:
            chunk = int((await connection.execute(statement, at_once)).removeprefix("DELETE "))
        gone += chunk
        if chunk < at_once:
            return gone
