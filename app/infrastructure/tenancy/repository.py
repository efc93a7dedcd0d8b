from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from app.application.tenancy.ports import Person
from app.domain.tenancy.membership import AlreadyMember, Membership, UserNotFound
from app.domain.tenancy.roles import Role, require_rank
from app.domain.tenancy.tenant import Tenant, TenantNotFound, TenantStatus
from app.infrastructure.database.connection import Record
from app.infrastructure.database.scope import Scope
from app.infrastructure.database.writer import BulkInsert, BulkUpdate, Writes
from app.infrastructure.tenancy.rows import MembershipRow, TenantRow
from app.shared.errors import ConcurrentChange
from app.shared.ids import TenantId, UserId

_INSERT_TENANT = BulkInsert(TenantRow, "id", "slug", "name", "status", "version", "created_at")
_UPDATE_TENANT = "UPDATE tenants SET slug = $3, name = $4, status = $5, version = $6 WHERE id = $1 AND version = $2"
_SELECT_TENANT = "SELECT * FROM tenants WHERE id = $1"

_INSERT_MEMBER = BulkInsert(
    MembershipRow,
    *("tenant_id", "user_id", "id", "role", "is_active", "display_name", "accepted_at", "version"),
    *("created_at", "updated_at"),
)
_UPDATE_MEMBER = BulkUpdate(
    MembershipRow, "role", "is_active", "accepted_at", "version", "updated_at", id_column="user_id"
)
_DELETE_MEMBER = "DELETE FROM memberships WHERE tenant_id = $1 AND user_id = ANY($2::uuid[])"
_LOCK_MEMBER = "SELECT * FROM memberships WHERE tenant_id = $1 AND user_id = $2 FOR UPDATE"
_OWNERS = """
    SELECT m.user_id FROM memberships m JOIN users u ON u.id = m.user_id
    WHERE m.tenant_id = $1 AND m.role = 'owner' AND m.is_active AND m.accepted_at IS NOT NULL AND u.is_active
"""
_LOCK_OWNERS = """
    SELECT pg_advisory_xact_lock(hashtextextended('hello-ticket.owners:' || t::text, 0))
    FROM (SELECT t FROM unnest($1::uuid[]) AS v(t) ORDER BY t) AS sorted
"""
_PERSON = """
    SELECT u.email, u.full_name, u.is_active FROM users u JOIN memberships m ON m.user_id = u.id AND m.tenant_id = $1
    WHERE u.id = $2
"""
_SIGNED_IN = "UPDATE memberships SET last_signed_in_at = $3 WHERE tenant_id = $1 AND user_id = $2"


class TenantMapper:
    stream = "tenant"

    def key(self, tenant: Tenant) -> UUID:
        return tenant.id

    async def insert(self, writes: Writes, tenant_id: TenantId, tenants: Sequence[Tenant]) -> None:  # noqa: ARG002
        rows = [(t.id, t.slug, t.name, t.status, t.version, t.created_at) for t in tenants]
        writes.add(_INSERT_TENANT, rows)

    async def update(self, writes: Writes, tenant_id: TenantId, tenants: Sequence[Tenant]) -> None:  # noqa: ARG002
        for t in tenants:
            values = t.id, t.stored_version, t.slug, t.name, t.status, t.version
            if await writes.connection.execute(_UPDATE_TENANT, *values) != "UPDATE 1":
                raise ConcurrentChange("The tenant was changed meanwhile; load it again and repeat the change.")


class MembershipMapper:
    stream = "member"

    def key(self, member: Membership) -> UUID:
        return member.id

    async def insert(self, writes: Writes, tenant_id: TenantId, members: Sequence[Membership]) -> None:
        rows = [
            (
                *(tenant_id, m.user_id, m.id, m.role, m.is_active, m.display_name, m.accepted_at, m.version),
                *(m.created_at, m.updated_at),
            )
            for m in members
        ]
        writes.add(_INSERT_MEMBER, rows)

    async def update(self, writes: Writes, tenant_id: TenantId, members: Sequence[Membership]) -> None:
        rows = [
            (tenant_id, m.user_id, m.stored_version, m.role, m.is_active, m.accepted_at, m.version, m.updated_at)
            for m in members
        ]
        writes.add(_UPDATE_MEMBER, rows)
        removed = [m.user_id for m in members if m.removed]
        if removed:
            await writes.send()  # the version is judged before the row goes
            await writes.connection.execute(_DELETE_MEMBER, tenant_id, removed)


_TENANTS = TenantMapper()
_MEMBERS = MembershipMapper()


class SqlTenantRepository:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def found(self, tenant: Tenant) -> None:
        await self._scope.work.switch_tenant(tenant.id)
        self._scope.track(tenant, _TENANTS, new=True)

    async def get(self, tenant_id: TenantId) -> Tenant:
        row = await self._scope.connection.fetchrow(_SELECT_TENANT, tenant_id)
        if row is None:
            raise TenantNotFound("There is no such tenant for you.")
        tenant = tenant_of(row)
        self._scope.track(tenant, _TENANTS)
        return tenant


class SqlMembershipRepository:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def add(self, membership: Membership) -> None:
        self._scope.track(membership, _MEMBERS, new=True)

    async def get(self, user_id: UserId) -> Membership:
        member = await self.find(user_id)
        if member is None:
            raise UserNotFound("Nobody with this id belongs to the tenant.")
        return member

    async def find(self, user_id: UserId) -> Membership | None:
        row = await self._scope.connection.fetchrow(_LOCK_MEMBER, self._scope.tenant_id, user_id)
        if row is None:
            return None
        member = member_of(row)
        self._scope.track(member, _MEMBERS)
        return member

    async def lock_owners(self) -> Collection[UserId]:
        """One lock a tenant, and not its owners' rows: somebody who leaves must hold it too, for tenants elsewhere."""
        connection, tenant_id = self._scope.connection, self._scope.tenant_id
        await connection.execute(_LOCK_OWNERS, [tenant_id])
        return [UserId(row["user_id"]) for row in await connection.fetch(_OWNERS, tenant_id)]

    async def person(self, user_id: UserId) -> Person:
        row = await self._scope.connection.fetchrow(_PERSON, self._scope.tenant_id, user_id)
        if row is None:
            raise UserNotFound("Nobody with this id belongs to the tenant.")
        return Person(row["email"], row["full_name"], row["is_active"])


class SqlMembers:
    """Implements tenancy's `Members`, for identity, in identity's transaction."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._members = SqlMembershipRepository(scope)

    async def role_of(self, user_id: UserId) -> Role | None:
        member = await self._members.find(user_id)
        valid = member is not None and member.is_active and member.accepted_at is not None
        return member.role if member is not None and valid else None

    async def enrol(
        self, user_id: UserId, role: Role, *, by: Role, display_name: str, accepted: bool, now: datetime
    ) -> None:
        require_rank(by, role)
        if await self._members.find(user_id) is not None:
            raise AlreadyMember("This account belongs to the tenant already; change its role instead.")
        self._members.add(
            Membership.add(
                id=self._scope.work.ids.new(),
                user_id=user_id,
                role=role,
                display_name=display_name,
                accepted=accepted,
                now=now,
            )
        )

    async def join(self, user_id: UserId, *, display_name: str, now: datetime) -> None:
        offered = await self._members.find(user_id)
        if offered is not None:
            offered.join(now=now)
            return
        self._members.add(
            Membership.add(
                id=self._scope.work.ids.new(),
                user_id=user_id,
                role=Role.CUSTOMER,
                display_name=display_name,
                accepted=True,
                now=now,
            )
        )

    async def lock_owners_of(self, tenant_ids: Collection[TenantId]) -> None:
        await self._scope.connection.execute(_LOCK_OWNERS, list(tenant_ids))

    async def signed_in(self, user_id: UserId, *, now: datetime) -> None:
        await self._scope.connection.execute(_SIGNED_IN, self._scope.tenant_id, user_id, now)


def tenant_of(row: Record) -> Tenant:
    return Tenant(
        id=TenantId(row["id"]),
        slug=row["slug"],
        name=row["name"],
        status=TenantStatus(row["status"]),
        created_at=row["created_at"],
        version=row["version"],
    )


def member_of(row: Record) -> Membership:
    return Membership(
        id=row["id"],
        user_id=UserId(row["user_id"]),
        role=Role(row["role"]),
        display_name=row["display_name"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        is_active=row["is_active"],
        accepted_at=row["accepted_at"],
        version=row["version"],
    )
