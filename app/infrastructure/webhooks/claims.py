"""Finds what is due in every tenant, and leases it: a few for each endpoint, so that none takes up the whole turn."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from app.domain.webhooks.breaker import OPENS_AFTER
from app.domain.webhooks.ids import DeliveryId, WebhookId
from app.infrastructure.database.pool import Database
from app.shared.ids import TenantId

LOOKED_AT = 200
"""Due deliveries of one endpoint that are looked through at most, for some that do not wait for an earlier one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Ours until `lease`; then anybody may claim it again."""

    tenant_id: TenantId
    webhook_id: WebhookId
    id: DeliveryId
    lease: datetime


# $1 now, $2 lease, $3 most in all, $4 per endpoint, $5 endpoints to leave out, $6 failures that open a breaker,
# $7 looked at. `waiting` hops along the index from endpoint to endpoint instead of reading what waits. An endpoint
# whose breaker is open and due is locked and pushed out, so that one process sends one probe. A delivery waits while
# an earlier one of the same object is under way or was never tried.
_CLAIM = """
WITH RECURSIVE waiting AS (
    (SELECT tenant_id, endpoint_id FROM webhook_deliveries WHERE status = 'pending'
    ORDER BY tenant_id, endpoint_id LIMIT 1)
    UNION ALL
    SELECT next.tenant_id, next.endpoint_id FROM waiting w, LATERAL (
        SELECT d.tenant_id, d.endpoint_id FROM webhook_deliveries d
        WHERE d.status = 'pending' AND (d.tenant_id, d.endpoint_id) > (w.tenant_id, w.endpoint_id)
        ORDER BY d.tenant_id, d.endpoint_id LIMIT 1
    ) AS next
), lanes AS (
    SELECT e.tenant_id, e.id, e.failures, e.open_until
    FROM waiting w JOIN webhook_endpoints e ON e.tenant_id = w.tenant_id AND e.id = w.endpoint_id
    WHERE e.status = 'active' AND e.id <> ALL($5::uuid[])
), probed AS (
    SELECT e.tenant_id, e.id FROM lanes l JOIN webhook_endpoints e ON e.tenant_id = l.tenant_id AND e.id = l.id
    WHERE l.failures >= $6 AND e.status = 'active' AND e.failures >= $6 AND e.open_until <= $1
    AND EXISTS (SELECT FROM webhook_deliveries d WHERE d.tenant_id = e.tenant_id AND d.endpoint_id = e.id
        AND d.status = 'pending' AND d.next_attempt_at <= $1 AND (d.leased_until IS NULL OR d.leased_until <= $1))
    FOR NO KEY UPDATE OF e SKIP LOCKED
), pushed AS (
    UPDATE webhook_endpoints e SET open_until = $2 FROM probed p WHERE e.tenant_id = p.tenant_id AND e.id = p.id
    RETURNING e.tenant_id, e.id
), rooms AS (
    SELECT l.tenant_id, l.id, $4::bigint - (SELECT count(*) FROM webhook_deliveries d
        WHERE d.tenant_id = l.tenant_id AND d.endpoint_id = l.id AND d.status = 'pending'
        AND d.leased_until > $1) AS room
    FROM lanes l WHERE l.failures < $6
    UNION ALL SELECT p.tenant_id, p.id, 1 FROM pushed p
), due AS MATERIALIZED (
    SELECT r.tenant_id, found.id, found.next_attempt_at FROM rooms r, LATERAL (
        SELECT c.id, c.next_attempt_at FROM (
            SELECT c.id, c.next_attempt_at, c.stream_id, c.sequence FROM webhook_deliveries c
            WHERE c.tenant_id = r.tenant_id AND c.endpoint_id = r.id AND c.status = 'pending'
            AND c.next_attempt_at <= $1 AND (c.leased_until IS NULL OR c.leased_until <= $1)
            ORDER BY c.next_attempt_at, c.id LIMIT $7
        ) AS c WHERE NOT EXISTS (
            SELECT FROM webhook_deliveries e WHERE e.tenant_id = r.tenant_id AND e.endpoint_id = r.id
            AND e.status = 'pending' AND e.stream_id = c.stream_id AND e.sequence < c.sequence
            AND (e.attempts = 0 OR e.leased_until > $1))
        ORDER BY c.next_attempt_at, c.id LIMIT greatest(r.room, 0)
    ) AS found ORDER BY found.next_attempt_at, found.id LIMIT $3
), locked AS MATERIALIZED (
    SELECT d.tenant_id, d.id FROM due JOIN webhook_deliveries d ON d.tenant_id = due.tenant_id AND d.id = due.id
    WHERE d.status = 'pending' AND (d.leased_until IS NULL OR d.leased_until <= $1)
    FOR NO KEY UPDATE OF d SKIP LOCKED
)
UPDATE webhook_deliveries d SET leased_until = $2 FROM locked
WHERE d.tenant_id = locked.tenant_id AND d.id = locked.id AND d.status = 'pending'
RETURNING d.tenant_id, d.id, d.endpoint_id, d.next_attempt_at
"""


class Claims:
    """`lease` must outlast an attempt: one that runs out is sent again, under the same message id."""

    def __init__(self, database: Database, *, lease: timedelta, per_endpoint: int) -> None:
        self._database = database
        self._lease = lease
        self._per_endpoint = per_endpoint

    async def take(self, most: int, full: Collection[Hashable], now: datetime) -> Sequence[Claim]:
        lease = now + self._lease
        left_out = [webhook_id for webhook_id in full if isinstance(webhook_id, UUID)]
        async with self._database.transaction(None, role="worker") as connection:
            rows = await connection.fetch(
                _CLAIM, now, lease, most, self._per_endpoint, left_out, OPENS_AFTER, LOOKED_AT
            )
        return [
            Claim(
                tenant_id=TenantId(row["tenant_id"]),
                webhook_id=WebhookId(row["endpoint_id"]),
                id=DeliveryId(row["id"]),
                lease=lease,
            )
            for row in sorted(rows, key=lambda row: (row["next_attempt_at"], row["id"]))
        ]
