"""Session: one device signed in to one tenant, and the one refresh token that continues it (RFC 9700 section 4.14)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from hmac import compare_digest
from typing import ClassVar

from app.domain.kernel import AggregateRoot, DomainEvent
from app.shared.errors import AppError, Kind
from app.shared.ids import SessionId, UserId

GRACE = timedelta(seconds=10)
"""How long the answer to a refresh may be asked for again: a phone loses it in a tunnel."""


class TokenReused(AppError):
    """A refresh token was presented after its successor had been used: somebody has a copy."""

    code = "token_reused"
    kind = Kind.UNAUTHENTICATED


class SessionEnded(AppError):
    """The session expired or was revoked, or its owner no longer belongs to the tenant."""

    code = "session_ended"
    kind = Kind.UNAUTHENTICATED


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOpened(DomainEvent):
    type: ClassVar[str] = "session.opened"
    session_id: SessionId
    user_id: UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRefreshed(DomainEvent):
    type: ClassVar[str] = "session.refreshed"
    session_id: SessionId


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRevoked(DomainEvent):
    """`reason` is logout or token_reused."""

    type: ClassVar[str] = "session.revoked"
    session_id: SessionId
    reason: str


@dataclass(slots=True, eq=False, kw_only=True)
class Session(AggregateRoot):
    """`refresh_digest` is of the token that continues the session, `previous_digest` of the one before."""

    id: SessionId
    user_id: UserId
    refresh_digest: bytes
    previous_digest: bytes | None
    rotated_at: datetime
    device_name: str
    ip: str
    user_agent: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None

    @classmethod
    def open(
        cls,
        *,
        id: SessionId,
        user_id: UserId,
        refresh_digest: bytes,
        lifetime: timedelta,
        device_name: str,
        ip: str,
        user_agent: str,
        now: datetime,
    ) -> Session:
        session = cls(
            id=id,
            user_id=user_id,
            refresh_digest=refresh_digest,
            previous_digest=None,
            rotated_at=now,
            device_name=device_name,
            ip=ip,
            user_agent=user_agent,
            created_at=now,
            expires_at=now + lifetime,
        )
        session._record(SessionOpened(session_id=id, user_id=user_id, occurred_at=now))
        return session

    def refresh(self, *, presented: bytes, successor: bytes, now: datetime) -> None:
        """Makes `successor` the live digest. A repeat within the grace, with the same successor, changes nothing.

        Raises SessionEnded, and TokenReused when `presented` is neither the live nor the just replaced one.
        """
        if self.revoked_at is not None or now >= self.expires_at:
            raise SessionEnded("This session has ended; sign in again.")
        if compare_digest(presented, self.refresh_digest):
            self.previous_digest, self.refresh_digest, self.rotated_at = presented, successor, now
            self._record(SessionRefreshed(session_id=self.id, occurred_at=now))
        elif not self._repeats(presented, successor, now):
            raise TokenReused("This refresh token was used before; the session is closed. Sign in again.")

    def _repeats(self, presented: bytes, successor: bytes, now: datetime) -> bool:
        previous = self.previous_digest
        just_replaced = previous is not None and compare_digest(presented, previous)
        return just_replaced and compare_digest(successor, self.refresh_digest) and now - self.rotated_at <= GRACE

    def revoke(self, *, reason: str, now: datetime) -> None:
        """Revoking what is revoked changes nothing: two devices may say goodbye at once."""
        if self.revoked_at is None:
            self.revoked_at = now
            self._record(SessionRevoked(session_id=self.id, reason=reason, occurred_at=now))
