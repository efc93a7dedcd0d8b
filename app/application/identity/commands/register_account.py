from __future__ import annotations

from dataclasses import dataclass

from app.application.ports import Clock, IdSource
from app.application.tenancy.contracts import Members, Role, UserView
from app.domain.identity.account import Account
from app.domain.identity.ports import AccountRepository
from app.shared.ids import UserId
from app.shared.mediator import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterAccount(Command[UserView]):
    """Open an account and make it part of the current tenant. `by` is the role of whoever adds it."""

    email: str
    full_name: str
    password_hash: str | None
    role: Role
    by: Role
    is_superuser: bool = False


@dataclass(slots=True)
class RegisterAccountHandler:
    accounts: AccountRepository
    members: Members
    clock: Clock
    ids: IdSource

    async def handle(self, command: RegisterAccount) -> UserView:
        now = self.clock.now()
        account = Account.register(
            id=UserId(self.ids.new()),
            email=command.email,
            full_name=command.full_name,
            is_superuser=command.is_superuser,
            now=now,
        )
        self.accounts.add(account)
        if command.password_hash is not None:
            self.accounts.set_password(account.id, command.password_hash, now=now, first=True)
        await self.members.enrol(
            account.id, command.role, by=command.by, display_name=command.full_name, accepted=True, now=now
        )
        return UserView(
            id=account.id,
            email=account.email,
            full_name=account.full_name,
            is_active=True,
            role=command.role,
            created_at=now,
            updated_at=now,
            version=1,
        )
