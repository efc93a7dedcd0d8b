"""What webhooks need now and then: old deliveries go, and secrets move to the current key after a rotation."""

from __future__ import annotations

from app.application.webhooks.signing import opened_for, sealed_for
from app.domain.webhooks.ids import WebhookId
from app.infrastructure.database.connection import Record
from app.infrastructure.database.pool import Database
from app.infrastructure.security.sealing import AesGcmSealer

AT_ONCE = 5_000
_FORGET = """
    DELETE FROM webhook_deliveries d USING (
        SELECT tenant_id, id FROM webhook_deliveries
        WHERE status <> 'pending' AND created_at < now() - make_interval(days => $1) ORDER BY created_at LIMIT $2
    ) old WHERE d.tenant_id = old.tenant_id AND d.id = old.id
"""
_TENANTS = "SELECT id FROM tenants"
_SECRETS = """
    SELECT id, secret, previous_secret FROM webhook_endpoints WHERE tenant_id = $1 AND status <> 'deleted'
    FOR NO KEY UPDATE
"""
_RESEAL = "UPDATE webhook_endpoints SET secret = $3, previous_secret = $4 WHERE tenant_id = $1 AND id = $2"


async def forget_deliveries(database: Database, days: int) -> int:
    """How many went, with their attempts; what still waits stays. Raises Unavailable."""
    gone = 0
    while True:
        async with database.transaction(None, role="worker") as connection:
            chunk = int((await connection.execute(_FORGET, days, AT_ONCE)).removeprefix("DELETE "))
        gone += chunk
        if chunk < AT_ONCE:
            return gone


async def reseal_secrets(database: Database, sealer: AesGcmSealer) -> int:
    """How many endpoints were sealed anew. When it returns, SECRET_KEY_PREVIOUS is no longer needed for any of them.

    Raises Unavailable, and SealBroken for one that no key opens.
    """
    async with database.transaction(None, role="worker", read_only=True) as connection:
        tenants = await connection.fetch(_TENANTS)
    moved = 0
    for tenant in tenants:
        async with database.transaction(tenant["id"]) as connection:
            for row in await connection.fetch(_SECRETS, tenant["id"]):
                fresh = _resealed(row, sealer)
                if fresh is not None:
                    await connection.execute(_RESEAL, tenant["id"], row["id"], *fresh)
                    moved += 1
    return moved


def _resealed(row: Record, sealer: AesGcmSealer) -> tuple[bytes, bytes | None] | None:
    """None when both are sealed under the current key."""
    secret, previous = row["secret"], row["previous_secret"]
    if all(sealer.is_current(sealed) for sealed in (secret, previous) if sealed is not None):
        return None
    webhook_id = WebhookId(row["id"])

    def again(sealed: bytes) -> bytes:
        return sealed_for(sealer, webhook_id, opened_for(sealer, webhook_id, sealed))

    return again(secret), None if previous is None else again(previous)
