from __future__ import annotations

from dataclasses import dataclass

from app.application.ports import Clock
from app.application.tenancy.ports import MemberTokens
from app.domain.tenancy.ports import MembershipRepository
from app.domain.tenancy.roles import Role
from app.shared.ids import UserId
from app.shared.mediator import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveMember(Command[None]):
    """End somebody's membership; the account itself stays theirs."""

    user_id: UserId
    actor_role: Role
    expected_version: int | None = None


@dataclass(slots=True)
class RemoveMemberHandler:
    members: MembershipRepository
    tokens: MemberTokens
    clock: Clock

    async def handle(self, command: RemoveMember) -> None:
        owners = await self.members.lock_owners()
        member = await self.members.get(command.user_id)
        now = self.clock.now()  # after the lock: tokens made under the role of before are older
        member.expect_version(command.expected_version)
        member.remove(actor_role=command.actor_role, owners=owners, now=now)
        await self.tokens.revoke_member(command.user_id, now=now)
