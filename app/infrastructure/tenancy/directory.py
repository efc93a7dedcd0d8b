"""Which tenant a header means, and what somebody is there: asked before a request has a tenant."""

from __future__ import annotations

import time
from collections.abc import Callable
from uuid import UUID

from app.application.tenancy.contracts import Role, TenantRef
from app.infrastructure.database.pool import Database
from app.shared.ids import TenantId, UserId

_BY_ID = "SELECT id, slug, name FROM tenants WHERE id = $1"
_BY_SLUG = "SELECT id, slug, name FROM tenants WHERE slug = $1"
_ROLE = """
    SELECT role FROM memberships WHERE tenant_id = $1 AND user_id = $2 AND is_active AND accepted_at IS NOT NULL
"""
KEPT_SECONDS = 1.0
MOST_KEPT = 10_000


class SqlTenantDirectory:
    """Names are remembered for a second: a shop sends the same header with every request."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._known: dict[str, tuple[float, TenantRef]] = {}

    async def find(self, slug_or_id: str) -> TenantRef | None:
        kept = self._known.get(slug_or_id)
        now = self._clock()
        if kept is not None and now - kept[0] < KEPT_SECONDS:
            return kept[1]
        found = await self._look_up(slug_or_id)
        if found is None:
            return None
        if len(self._known) >= MOST_KEPT:
            self._known.clear()
        self._known[slug_or_id] = now, found
        return found

    async def _look_up(self, slug_or_id: str) -> TenantRef | None:
        async with self._database.transaction(None, role="worker", read_only=True) as connection:
            tenant_id = _uuid(slug_or_id)
            row = await (
                connection.fetchrow(_BY_SLUG, slug_or_id)
                if tenant_id is None
                else connection.fetchrow(_BY_ID, tenant_id)
            )
        return None if row is None else TenantRef(TenantId(row["id"]), row["slug"], row["name"])

    async def role_of(self, user_id: UserId, tenant_id: TenantId) -> Role | None:
        async with self._database.transaction(None, role="worker", read_only=True) as connection:
            role = await connection.fetchval(_ROLE, tenant_id, user_id)
        return None if role is None else Role(role)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
