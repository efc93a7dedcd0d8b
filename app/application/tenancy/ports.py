"""What tenancy needs from the outside: the people behind memberships, and an end to their tokens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from app.application.tenancy.contracts import UserView
from app.domain.tenancy.membership import Membership
from app.shared.ids import UserId


@dataclass(frozen=True, slots=True)
class Person:
    email: str
    full_name: str
    is_active: bool


class People(Protocol):
    async def person(self, user_id: UserId) -> Person:
        """Raises UserNotFound when nobody with this id belongs to the tenant."""
        ...


class MemberTokens(Protocol):
    """Ends access tokens before their time, in the caller's own transaction; every process knows within a second."""

    async def revoke_member(self, user_id: UserId, *, now: datetime) -> None:
        """All of somebody's sessions in the current tenant."""
        ...


def user_view(member: Membership, person: Person) -> UserView:
    """The account's own name is shown once its owner has accepted; until then, what the tenant calls them."""
    accepted = member.accepted_at is not None
    return UserView(
        id=member.user_id,
        email=person.email,
        full_name=person.full_name if accepted else member.display_name,
        is_active=member.is_active and accepted and person.is_active,
        role=member.role,
        created_at=member.created_at,
        updated_at=member.updated_at,
        version=member.version,
    )
