"""What other contexts and the edge may use of identity."""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """How somebody is reached."""

    email: str
    full_name: str
    is_active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInFacts:
    """`on_new_device`: the account signed in to this tenant before, but never from something that looked like this."""

    at: datetime
    device_name: str
    ip: str
    user_agent: str
    on_new_device: bool


class AccountLookup(Protocol):
    """Accounts of the current tenant's members, inside the caller's own transaction."""

    async def contact(self, user_id: UserId) -> Contact | None:
        """None for somebody who does not belong to the tenant."""
        ...

    async def sign_in(self, session_id: SessionId) -> SignInFacts | None: ...
