"""Implements identity's `AccountLookup` for other contexts, in their transaction."""

from __future__ import annotations

from app.application.identity.contracts import Contact, SignInFacts
from app.infrastructure.database.scope import Scope
from app.shared.ids import SessionId, UserId

_CONTACT = """
    SELECT u.email, u.full_name, u.is_active FROM users u
    JOIN memberships m ON m.user_id = u.id AND m.tenant_id = $1 WHERE u.id = $2
"""
_SIGN_IN = """
    SELECT s.created_at, s.device_name, s.ip, s.user_agent,
        count(o.id) > 0 AND count(o.id) FILTER (
            WHERE o.device_name = s.device_name
            AND regexp_replace(o.user_agent, '[0-9.]+', '', 'g') = regexp_replace(s.user_agent, '[0-9.]+', '', 'g')
        ) = 0 AS on_new_device
    FROM sessions s
    LEFT JOIN sessions o ON o.tenant_id = s.tenant_id AND o.user_id = s.user_id
        AND o.id <> s.id AND o.created_at <= s.created_at
    WHERE s.tenant_id = $1 AND s.id = $2
    GROUP BY s.tenant_id, s.id
"""
"""Versions are left out of the comparison: a browser that was updated is no new device."""


class SqlAccountLookup:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def contact(self, user_id: UserId) -> Contact | None:
        row = await self._scope.connection.fetchrow(_CONTACT, self._scope.tenant_id, user_id)
        if row is None:
            return None
        return Contact(email=row["email"], full_name=row["full_name"], is_active=row["is_active"])

    async def sign_in(self, session_id: SessionId) -> SignInFacts | None:
        row = await self._scope.connection.fetchrow(_SIGN_IN, self._scope.tenant_id, session_id)
        if row is None:
            return None
        return SignInFacts(
            at=row["created_at"],
            device_name=row["device_name"],
            ip=row["ip"],
            user_agent=row["user_agent"],
            on_new_device=row["on_new_device"],
        )
