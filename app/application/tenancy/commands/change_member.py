from __future__ import annotations

from dataclasses import dataclass

from app.application.ports import Clock
from app.application.tenancy.contracts import UserView
from app.application.tenancy.ports import MemberTokens, People, user_view
from app.domain.tenancy.ports import MembershipRepository
from app.domain.tenancy.roles import Role
from app.shared.ids import UserId
from app.shared.mediator import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeMember(Command[UserView]):
    """Give somebody another role in the tenant, or bar them from it; their tokens of before end at once."""

    user_id: UserId
    role: Role | None
    is_active: bool | None
    actor_role: Role
    expected_version: int | None = None


@dataclass(slots=True)
class ChangeMemberHandler:
    members: MembershipRepository
    people: People
    tokens: MemberTokens
    clock: Clock

    async def handle(self, command: ChangeMember) -> UserView:
        owners = await self.members.lock_owners()
        member = await self.members.get(command.user_id)
        now = self.clock.now()  # after the lock: tokens made under the role of before are older
        member.expect_version(command.expected_version)
        if member.change(
            role=command.role, is_active=command.is_active, actor_role=command.actor_role, owners=owners, now=now
        ):
            await self.tokens.revoke_member(command.user_id, now=now)
        return user_view(member, await self.people.person(command.user_id))
