"""What may go: answers whose keys are no longer honoured, revocations no token can meet any more."""

from __future__ import annotations

from app.infrastructure.database.pool import Database

_STATEMENTS = (
    "DELETE FROM idempotency_keys WHERE created_at < now() - interval '24 hours'",
    "DELETE FROM token_revocations WHERE revoked_at < now() - interval '24 hours'",
)


async def clean_up(database: Database) -> int:
    """How many rows went, over all tenants; the worker's policies let nothing younger than 24 hours go."""
    gone = 0
    async with database.transaction(None, role="worker") as connection:
        for statement in _STATEMENTS:
            gone += int((await connection.execute(statement)).removeprefix("DELETE "))
    return gone
