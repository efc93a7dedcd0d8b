from __future__ import annotations

from dataclasses import dataclass

from app.application.ports import Clock
from app.application.tenancy.contracts import Members
from app.shared.ids import UserId
from app.shared.mediator import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinTenant(Command[None]):
    """Accept the role the current tenant offers, or become its customer."""

    user_id: UserId


@dataclass(slots=True)
class JoinTenantHandler:
    members: Members
    clock: Clock

    async def handle(self, command: JoinTenant) -> None:
        await self.members.join(command.user_id, display_name="", now=self.clock.now())
