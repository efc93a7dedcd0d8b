from __future__ import annotations

from dataclasses import dataclass

from app.application.identity.contracts import Revocations
from app.application.identity.ports import AccountDirectory
from app.application.ports import Clock
from app.application.tenancy.contracts import Members
from app.domain.identity.ports import AccountRepository
from app.domain.kernel import RuleBroken
from app.shared.ids import UserId
from app.shared.mediator import Command


class SoleOwner(RuleBroken):
    """Some tenant would be left without an owner."""

    code = "sole_owner"


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseAccount(Command[None]):
    """Close one's own account: nobody can sign in to it any more, in any tenant."""

    user_id: UserId
    expected_version: int | None = None


@dataclass(slots=True)
class CloseAccountHandler:
    accounts: AccountRepository
    directory: AccountDirectory
    members: Members
    revocations: Revocations
    clock: Clock

    async def handle(self, command: CloseAccount) -> None:
        await self.members.lock_owners_of(await self.directory.owned_tenants(command.user_id))
        if await self.directory.sole_owner_somewhere(
            command.user_id
        ):  # after the lock: a rival may have left meanwhile
            raise SoleOwner("You are the only owner of a tenant; make somebody else its owner first.")
        account = await self.accounts.get(command.user_id)
        now = self.clock.now()  # after the lock: tokens a rival made before it are older
        account.expect_version(command.expected_version)
        account.close(now=now)
        await self.revocations.revoke_account(account.id, now=now)
