from __future__ import annotations

from dataclasses import dataclass

from app.application.identity.commands.enrol_account import EnrolAccount
from app.application.identity.commands.register_account import RegisterAccount
from app.application.identity.ports import AccountDirectory, PasswordHasher
from app.application.tenancy.contracts import Role
from app.domain.identity.password import check_password
from app.shared.mediator import Sender, Workflow


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareUser(Workflow[RegisterAccount | EnrolAccount]):
    """Find out whether the address has an account; the answer is the command to send."""

    email: str
    password: str | None
    full_name: str
    role: Role
    by: Role


@dataclass(slots=True)
class PrepareUserHandler:
    directory: AccountDirectory
    hasher: PasswordHasher
    sender: Sender

    async def handle(self, message: PrepareUser) -> RegisterAccount | EnrolAccount:
        if message.password is not None:
            check_password(message.password, context=(message.email, message.full_name))
        known = await self.directory.by_email(message.email)
        if known is not None:
            return EnrolAccount(
                user_id=known.user_id,
                email=message.email,
                full_name=message.full_name,
                role=message.role,
                by=message.by,
            )
        return RegisterAccount(
            email=message.email,
            full_name=message.full_name,
            password_hash=await self.hasher.hash(message.password) if message.password is not None else None,
            role=message.role,
            by=message.by,
        )
