from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from app.domain.identity.account import Account, AccountNotFound
from app.domain.identity.session import Session
from app.infrastructure.database.connection import Record
from app.infrastructure.database.scope import Scope
from app.infrastructure.database.writer import BulkInsert, BulkUpdate, Writes
from app.infrastructure.identity.rows import CredentialRow, SessionRow, UserRow
from app.shared.errors import ConcurrentChange
from app.shared.ids import SessionId, TenantId, UserId

_INSERT_USER = BulkInsert(
    UserRow,
    *("id", "email", "email_key", "full_name", "is_active", "is_superuser", "version", "created_at", "updated_at"),
)
_UPDATE_USER = """
    UPDATE users SET full_name = $3, is_active = $4, version = $5, updated_at = $6 WHERE id = $1 AND version = $2
"""
_INSERT_PASSWORD = BulkInsert(CredentialRow, "user_id", "password_hash", "changed_at")
_UPDATE_PASSWORD = "UPDATE credentials SET password_hash = $2, changed_at = $3 WHERE user_id = $1"  # noqa: S105 — SQL
_LOCK_USER = "SELECT * FROM users WHERE id = $1 FOR NO KEY UPDATE"

_SESSION = (
    *("user_id", "refresh_digest", "previous_digest", "rotated_at", "device_name", "ip", "user_agent"),
    *("created_at", "expires_at", "revoked_at", "version"),
)
_INSERT_SESSION = BulkInsert(SessionRow, "tenant_id", "id", *_SESSION)
_UPDATE_SESSION = BulkUpdate(SessionRow, "refresh_digest", "previous_digest", "rotated_at", "revoked_at", "version")
_LOCK_SESSION = "SELECT * FROM sessions WHERE tenant_id = $1 AND id = $2 FOR UPDATE"


def email_key(email: str) -> str:
    """Addresses differ in more than case only on paper; one key, one account."""
    return email.casefold()


class AccountMapper:
    """Accounts are global: their rows name no tenant, and row-level security shows those of the tenant's members."""

    stream = "account"

    def key(self, account: Account) -> UUID:
        return account.id

    async def insert(self, writes: Writes, tenant_id: TenantId, accounts: Sequence[Account]) -> None:  # noqa: ARG002
        rows = [
            (
                *(a.id, a.email, email_key(a.email), a.full_name, a.is_active, a.is_superuser),
                *(a.version, a.created_at, a.updated_at),
            )
            for a in accounts
        ]
        writes.add(_INSERT_USER, rows)

    async def update(self, writes: Writes, tenant_id: TenantId, accounts: Sequence[Account]) -> None:  # noqa: ARG002
        for a in accounts:
            status = await writes.connection.execute(
                _UPDATE_USER, a.id, a.stored_version, a.full_name, a.is_active, a.version, a.updated_at
            )
            if status != "UPDATE 1":
                raise ConcurrentChange("Your account was changed meanwhile; load it again and repeat the change.")


class SessionMapper:
    stream = "session"

    def key(self, session: Session) -> UUID:
        return session.id

    async def insert(self, writes: Writes, tenant_id: TenantId, sessions: Sequence[Session]) -> None:
        rows = [
            (
                *(tenant_id, s.id, s.user_id, s.refresh_digest, s.previous_digest, s.rotated_at, s.device_name),
                *(s.ip, s.user_agent, s.created_at, s.expires_at, s.revoked_at, s.version),
            )
            for s in sessions
        ]
        writes.add(_INSERT_SESSION, rows)

    async def update(self, writes: Writes, tenant_id: TenantId, sessions: Sequence[Session]) -> None:
        rows = [
            (
                *(tenant_id, s.id, s.stored_version, s.refresh_digest, s.previous_digest),
                *(s.rotated_at, s.revoked_at, s.version),
            )
            for s in sessions
        ]
        writes.add(_UPDATE_SESSION, rows)


_ACCOUNTS = AccountMapper()
_SESSIONS = SessionMapper()


class SqlAccountRepository:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def add(self, account: Account) -> None:
        self._scope.track(account, _ACCOUNTS, new=True)

    async def get(self, user_id: UserId) -> Account:
        account = await self.find(user_id)
        if account is None:
            raise AccountNotFound("There is no such account in this tenant.")
        return account

    async def find(self, user_id: UserId) -> Account | None:
        row = await self._scope.connection.fetchrow(_LOCK_USER, user_id)
        if row is None:
            return None
        account = account_of(row)
        self._scope.track(account, _ACCOUNTS)
        return account

    def set_password(self, user_id: UserId, password_hash: str, *, now: datetime, first: bool) -> None:
        work = self._scope.work

        async def write(writes: Writes) -> None:
            if first:
                writes.add(_INSERT_PASSWORD, [(user_id, password_hash, now)])
            else:
                await writes.connection.execute(_UPDATE_PASSWORD, user_id, password_hash, now)

        work.changes += 1
        work.on_flush(write)


class SqlSessionRepository:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def add(self, session: Session) -> None:
        self._scope.track(session, _SESSIONS, new=True)

    async def lock(self, session_id: SessionId) -> Session | None:
        row = await self._scope.connection.fetchrow(_LOCK_SESSION, self._scope.tenant_id, session_id)
        if row is None:
            return None
        session = _session(row)
        self._scope.track(session, _SESSIONS)
        return session


def account_of(row: Record) -> Account:
    return Account(
        id=UserId(row["id"]),
        email=row["email"],
        full_name=row["full_name"],
        is_active=row["is_active"],
        is_superuser=row["is_superuser"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        version=row["version"],
    )


def _session(row: Record) -> Session:
    return Session(
        id=SessionId(row["id"]),
        user_id=UserId(row["user_id"]),
        refresh_digest=row["refresh_digest"],
        previous_digest=row["previous_digest"],
        rotated_at=row["rotated_at"],
        device_name=row["device_name"],
        ip=row["ip"],
        user_agent=row["user_agent"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        version=row["version"],
    )
