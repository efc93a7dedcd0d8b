"""Identity's read side, and the sign-in's look-ups across tenants."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from app.application.identity.ports import KnownAccount, KnownMembership, Profile, profile_of
from app.application.identity.queries.get_me import GetMe
from app.application.identity.queries.get_profile import GetProfile
from app.application.identity.views import CurrentTenantView, MeView
from app.application.tenancy.contracts import Role
from app.domain.identity.account import AccountNotFound
from app.infrastructure.database.pool import Database
from app.infrastructure.database.reader import Reader
from app.infrastructure.identity.repository import account_of, email_key
from app.shared.ids import TenantId, UserId

_BY_EMAIL = """
    SELECT u.id, u.is_active, u.is_superuser, c.password_hash
    FROM users u JOIN credentials c ON c.user_id = u.id WHERE u.email_key = $1
"""
_NO_PASSWORD_YET = "SELECT id, is_active, is_superuser, '' AS password_hash FROM users WHERE email_key = $1"  # noqa: S105 — SQL
_MEMBERSHIPS = """
    SELECT tenant_id, role FROM memberships WHERE user_id = $1 AND is_active AND accepted_at IS NOT NULL
    ORDER BY last_signed_in_at DESC NULLS LAST, created_at
"""
_SUPERUSER = "SELECT is_active AND is_superuser FROM users WHERE id = $1"
_OWNED = "SELECT tenant_id FROM memberships WHERE user_id = $1 AND role = 'owner'"
_SOLE_OWNER = """
    SELECT EXISTS (
        SELECT FROM memberships m WHERE m.user_id = $1 AND m.role = 'owner' AND m.is_active
        AND m.accepted_at IS NOT NULL AND NOT EXISTS (
            SELECT FROM memberships o JOIN users u ON u.id = o.user_id WHERE o.tenant_id = m.tenant_id
            AND o.role = 'owner' AND o.is_active AND o.accepted_at IS NOT NULL AND o.user_id <> m.user_id
            AND u.is_active))
"""
_ME = """
    SELECT u.id, u.email, u.full_name, u.is_superuser, t.slug, t.name
    FROM users u CROSS JOIN tenants t WHERE u.id = $1 AND t.id = $2
"""
_PROFILE = """
    SELECT u.*, m.role FROM users u
    JOIN memberships m ON m.user_id = u.id AND m.tenant_id = $1 WHERE u.id = $2
"""


class SqlAccountDirectory:
    """Implements AccountDirectory as the worker's role: a sign-in does not know its tenant yet."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def by_email(self, email: str) -> KnownAccount | None:
        async with self._database.transaction(None, role="worker", read_only=True) as connection:
            key = email_key(email)
            row = await connection.fetchrow(_BY_EMAIL, key) or await connection.fetchrow(_NO_PASSWORD_YET, key)
            if row is None:
                return None
            memberships = await connection.fetch(_MEMBERSHIPS, row["id"])
        return KnownAccount(
            user_id=UserId(row["id"]),
            password_hash=row["password_hash"],
            is_active=row["is_active"],
            is_superuser=row["is_superuser"],
            memberships=tuple(KnownMembership(TenantId(m["tenant_id"]), Role(m["role"])) for m in memberships),
        )

    async def is_superuser(self, user_id: UserId) -> bool:
        async with self._database.transaction(None, role="worker", read_only=True) as connection:
            return bool(await connection.fetchval(_SUPERUSER, user_id))

    async def owned_tenants(self, user_id: UserId) -> tuple[TenantId, ...]:
        async with self._database.transaction(None, role="worker", read_only=True) as connection:
            return tuple(TenantId(row["tenant_id"]) for row in await connection.fetch(_OWNED, user_id))

    async def sole_owner_somewhere(self, user_id: UserId) -> bool:
        async with self._database.transaction(None, role="worker", read_only=True) as connection:
            return bool(await connection.fetchval(_SOLE_OWNER, user_id))


@dataclass(slots=True)
class GetMeHandler:
    reader: Reader

    async def handle(self, query: GetMe) -> MeView:
        rows = await self.reader.across_tenants(_ME, query.user_id, query.tenant_id)
        if not rows:
            raise AccountNotFound("There is no such account.")
        row = rows[0]
        tenant = CurrentTenantView(
            id=UUID(str(query.tenant_id)), slug=row["slug"], name=row["name"], role=query.role or None
        )
        return MeView(
            id=UserId(row["id"]),
            email=row["email"],
            full_name=row["full_name"],
            is_superuser=row["is_superuser"],
            tenant=tenant,
            permissions=query.permissions,
        )


@dataclass(slots=True)
class GetProfileHandler:
    reader: Reader

    async def handle(self, query: GetProfile) -> Profile:
        row = await self.reader.row(_PROFILE, self.reader.tenant_id, query.user_id)
        if row is None:
            raise AccountNotFound("You have no membership in this tenant.")
        return profile_of(account_of(row), Role(row["role"]))
