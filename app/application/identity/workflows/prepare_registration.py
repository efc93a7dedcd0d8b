from __future__ import annotations

from dataclasses import dataclass

from app.application.identity.commands.register_account import RegisterAccount
from app.application.identity.ports import PasswordHasher
from app.application.tenancy.contracts import Role
from app.domain.identity.password import check_password
from app.shared.mediator import Sender, Workflow


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareRegistration(Workflow[RegisterAccount]):
    """Judge the password and hash it, outside any transaction; the answer is the command to send."""

    email: str
    password: str
    full_name: str


@dataclass(slots=True)
class PrepareRegistrationHandler:
    hasher: PasswordHasher
    sender: Sender

    async def handle(self, message: PrepareRegistration) -> RegisterAccount:
        check_password(message.password, context=(message.email, message.full_name))
        return RegisterAccount(
            email=message.email,
            full_name=message.full_name,
            password_hash=await self.hasher.hash(message.password),
            role=Role.CUSTOMER,
            by=Role.CUSTOMER,
        )
