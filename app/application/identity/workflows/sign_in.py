from __future__ import annotations

from dataclasses import dataclass

from app.application.identity.commands.open_session import OpenSession
from app.application.identity.commands.record_failed_sign_in import RecordFailedSignIn
from app.application.identity.ports import AccountDirectory, KnownAccount, PasswordHasher
from app.application.identity.tokens import TokenPair
from app.application.tenancy.contracts import tenant_mismatch
from app.domain.identity.account import InvalidCredentials
from app.shared.ids import TenantId
from app.shared.mediator import Sender, Workflow


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn(Workflow[TokenPair]):
    """Exchange address and password for tokens. `tenant_id` None picks the tenant that was used last."""

    email: str
    password: str
    tenant_id: TenantId | None
    device_name: str


@dataclass(slots=True)
class SignInHandler:
    """No transaction is held while the password is checked: that takes a quarter of a second on purpose."""

    directory: AccountDirectory
    hasher: PasswordHasher
    sender: Sender

    async def handle(self, message: SignIn) -> TokenPair:
        account = await self.directory.by_email(message.email)
        check = await self.hasher.verify(message.password, account.password_hash if account else None)
        if account is None or not check.ok or not account.is_active:
            await self.sender.send(RecordFailedSignIn(user_id=account.user_id if account else None))
            raise InvalidCredentials("The address or the password is wrong.")
        tenant_id = self._place(account, message.tenant_id)
        context = self.sender.context
        return await self.sender.send(
            OpenSession(
                user_id=account.user_id,
                tenant_id=tenant_id,
                is_superuser=account.is_superuser,
                without_role=account.is_superuser or not account.memberships,
                device_name=message.device_name,
                ip=context.ip,
                user_agent=context.user_agent,
                new_hash=await self.hasher.hash(message.password) if check.needs_upgrade else None,
            ),
            tenant_id=tenant_id,
            actor_id=account.user_id,
            actor_kind="user",
            is_superuser=account.is_superuser,
        )

    def _place(self, account: KnownAccount, wanted: TenantId | None) -> TenantId:
        """The tenant the tokens are for. Raises TenantMismatch when the named one is not the account's.

        Somebody who belongs to no tenant signs in all the same, without a role: to found one, to join one, to leave.
        """
        for membership in account.memberships:
            if wanted in (None, membership.tenant_id):
                return membership.tenant_id
        here = self.sender.context.tenant_id
        if here is None or (wanted is not None and not account.is_superuser):
            raise tenant_mismatch()
        return wanted or here
