from __future__ import annotations

from dataclasses import dataclass

from app.application.identity.ports import Profile, profile_of
from app.application.ports import Clock
from app.application.tenancy.contracts import Members
from app.domain.identity.ports import AccountRepository
from app.shared.ids import UserId
from app.shared.mediator import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameAccount(Command[Profile]):
    """Change one's own name; None keeps it."""

    user_id: UserId
    full_name: str | None
    expected_version: int | None = None


@dataclass(slots=True)
class RenameAccountHandler:
    accounts: AccountRepository
    members: Members
    clock: Clock

    async def handle(self, command: RenameAccount) -> Profile:
        role = await self.members.role_of(command.user_id)  # locked in this order everywhere
        account = await self.accounts.get(command.user_id)
        account.expect_version(command.expected_version)
        if command.full_name is not None:
            account.rename(command.full_name, now=self.clock.now())
        return profile_of(account, role)
