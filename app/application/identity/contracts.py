"""What other contexts and the edge may use of identity."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from app.application.identity.ports import AccessClaims as AccessClaims  # noqa: PLC0414 — re-exported vocabulary
from app.application.identity.ports import AccessTokens as AccessTokens  # noqa: PLC0414 — re-exported vocabulary
from app.application.identity.ports import InvalidToken as InvalidToken  # noqa: PLC0414 — re-exported vocabulary
from app.shared.ids import SessionId, UserId


class Revocations(Protocol):
    """Ends access tokens before their time, in the caller's own transaction; every process knows within a second."""

    async def revoke_session(self, session_id: SessionId, *, now: datetime) -> None: ...

    async def revoke_member(self, user_id: UserId, *, now: datetime) -> None:
        """All of somebody's sessions in the current tenant."""
        ...

    async def revoke_account(self, user_id: UserId, *, now: datetime) -> None:
        """All of somebody's tokens everywhere."""
        ...


class RevokedTokens(Protocol):
    """What this process knows of revocations. Asked for each request, so in memory only."""

    def is_revoked(self, claims: AccessClaims) -> bool: ...

    async def refresh(self) -> None:
        """Reads what was revoked since the last time; after a logout this makes the next request see it."""
        ...
