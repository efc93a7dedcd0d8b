"""Membership: what an account is in one tenant. A tenant's admins change this, never the account."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from app.domain.kernel import AggregateRoot, DomainEvent, RuleBroken
from app.domain.tenancy.roles import Role, require_rank
from app.shared.errors import AppError, Kind
from app.shared.ids import UserId


class UserNotFound(AppError):
    """Nobody with this id belongs to the tenant."""

    code = "user_not_found"
    kind = Kind.NOT_FOUND


class AlreadyMember(RuleBroken):
    """The account belongs to the tenant already; there is nothing to accept."""

    code = "already_member"


class LastOwner(RuleBroken):
    """A tenant keeps at least one active owner."""

    code = "last_owner"


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberAdded(DomainEvent):
    """`accepted` false: a known account was asked to join and has not answered."""

    type: ClassVar[str] = "member.added"
    user_id: UserId
    role: Role
    accepted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberJoined(DomainEvent):
    type: ClassVar[str] = "member.joined"
    user_id: UserId
    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberChanged(DomainEvent):
    type: ClassVar[str] = "member.changed"
    user_id: UserId
    role: Role
    is_active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRemoved(DomainEvent):
    type: ClassVar[str] = "member.removed"
    user_id: UserId


@dataclass(slots=True, eq=False, kw_only=True)
class Membership(AggregateRoot):
    """`display_name` is what the tenant calls somebody whose account it must not read before they accept.

    `id` names this membership's history: somebody who leaves and comes back begins another.
    """

    id: UUID
    user_id: UserId
    role: Role
    display_name: str
    created_at: datetime
    updated_at: datetime
    is_active: bool = True
    accepted_at: datetime | None = None
    removed: bool = field(default=False)

    @classmethod
    def add(
        cls, *, id: UUID, user_id: UserId, role: Role, display_name: str, accepted: bool, now: datetime
    ) -> Membership:
        member = cls(
            id=id,
            user_id=user_id,
            role=role,
            display_name=display_name,
            created_at=now,
            updated_at=now,
            accepted_at=now if accepted else None,
        )
        member._record(MemberAdded(user_id=user_id, role=role, accepted=accepted, occurred_at=now))
        return member

    def join(self, *, now: datetime) -> None:
        """Raises AlreadyMember when there is nothing to accept."""
        if self.accepted_at is not None:
            raise AlreadyMember("You belong to this tenant already; sign in to it.")
        self.accepted_at = self.updated_at = now
        self._record(MemberJoined(user_id=self.user_id, role=self.role, occurred_at=now))

    def change(
        self, *, role: Role | None, is_active: bool | None, actor_role: Role, owners: Collection[UserId], now: datetime
    ) -> bool:
        """Whether something changed. `owners` are the tenant's active ones. Raises Forbidden, LastOwner."""
        wanted_role = self.role if role is None else role
        wanted_active = self.is_active if is_active is None else is_active
        require_rank(actor_role, self.role, wanted_role)
        if (wanted_role, wanted_active) == (self.role, self.is_active):
            return False
        if wanted_role is not Role.OWNER or not wanted_active:
            self._keep_an_owner(owners)
        self.role, self.is_active, self.updated_at = wanted_role, wanted_active, now
        self._record(MemberChanged(user_id=self.user_id, role=wanted_role, is_active=wanted_active, occurred_at=now))
        return True

    def remove(self, *, actor_role: Role, owners: Collection[UserId], now: datetime) -> None:
        """Raises Forbidden, LastOwner."""
        require_rank(actor_role, self.role)
        self._keep_an_owner(owners)
        self.removed = True
        self._record(MemberRemoved(user_id=self.user_id, occurred_at=now))

    def _keep_an_owner(self, owners: Collection[UserId]) -> None:
        if set(owners) == {self.user_id}:
            raise LastOwner("This is the tenant's last owner; make somebody else an owner first.")
