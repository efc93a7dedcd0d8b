"""The read side's scope: one tenant, one statement at a time, no transaction held between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.infrastructure.database.connection import Record
from app.infrastructure.database.pool import Database, Role
from app.shared.ids import TenantId
from app.shared.tenant_context import RequestContext


@dataclass(frozen=True, slots=True)
class Reader:
    """Staff read the primary; shop callers a replica where there is one. Raises Unavailable like every scope."""

    database: Database
    context: RequestContext

    @property
    def tenant_id(self) -> TenantId | None:
        return self.context.tenant_id

    async def rows(self, sql: str, *arguments: Any) -> list[Record]:
        async with self.database.transaction(self.tenant_id, role=self._role, read_only=True) as connection:
            return await connection.fetch(sql, *arguments)

    async def row(self, sql: str, *arguments: Any) -> Record | None:
        async with self.database.transaction(self.tenant_id, role=self._role, read_only=True) as connection:
            return await connection.fetchrow(sql, *arguments)

    async def across_tenants(self, sql: str, *arguments: Any) -> list[Record]:
        """As the worker's role, which sees what its named policies allow: for sign-in and a user's own tenants."""
        async with self.database.transaction(None, role="worker", read_only=True) as connection:
            return await connection.fetch(sql, *arguments)

    @property
    def _role(self) -> Role:
        return "app" if self.context.is_staff else "read"
