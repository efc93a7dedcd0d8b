from __future__ import annotations

from dataclasses import dataclass

from app.application.ports import Clock
from app.application.tenancy.contracts import Members, Role, UserView
from app.shared.ids import UserId
from app.shared.mediator import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolAccount(Command[UserView]):
    """Offer somebody who has an account a role in the current tenant; it counts once they accept."""

    user_id: UserId
    email: str
    full_name: str
    role: Role
    by: Role


@dataclass(slots=True)
class EnrolAccountHandler:
    members: Members
    clock: Clock

    async def handle(self, command: EnrolAccount) -> UserView:
        now = self.clock.now()
        await self.members.enrol(
            command.user_id, command.role, by=command.by, display_name=command.full_name, accepted=False, now=now
        )
        return UserView(
            id=command.user_id,
            email=command.email,
            full_name=command.full_name,
            is_active=False,
            role=command.role,
            created_at=now,
            updated_at=now,
            version=1,
        )
