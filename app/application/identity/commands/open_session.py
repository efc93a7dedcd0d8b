from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from app.application.identity.ports import AccessTokens, RefreshSecrets
from app.application.identity.tokens import TokenPair
from app.application.ports import Clock, IdSource
from app.application.tenancy.contracts import Members, tenant_mismatch
from app.domain.identity.account import InvalidCredentials
from app.domain.identity.ports import AccountRepository, SessionRepository
from app.domain.identity.session import Session
from app.shared.ids import SessionId, TenantId, UserId
from app.shared.mediator import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSession(Command[TokenPair]):
    """Sign a device in under the role held now, or `without_role`; `new_hash` replaces an outdated one."""

    user_id: UserId
    tenant_id: TenantId
    is_superuser: bool
    device_name: str
    ip: str
    user_agent: str
    without_role: bool = False
    new_hash: str | None = None


@dataclass(slots=True)
class OpenSessionHandler:
    sessions: SessionRepository
    accounts: AccountRepository
    members: Members
    tokens: AccessTokens
    secrets: RefreshSecrets
    clock: Clock
    ids: IdSource
    lifetime: timedelta

    async def handle(self, command: OpenSession) -> TokenPair:
        role = await self._role(command)
        now = self.clock.now()
        session_id = SessionId(self.ids.new())
        refresh_token = self.secrets.new(tenant_id=command.tenant_id, session_id=session_id)
        session = Session.open(
            id=session_id,
            user_id=command.user_id,
            refresh_digest=self.secrets.digest(refresh_token),
            lifetime=self.lifetime,
            device_name=command.device_name,
            ip=command.ip,
            user_agent=command.user_agent,
            now=now,
        )
        self.sessions.add(session)
        await self.members.signed_in(command.user_id, now=now)
        if command.new_hash is not None:
            self.accounts.set_password(command.user_id, command.new_hash, now=now, first=False)
        access_token = self.tokens.issue(
            user_id=command.user_id,
            session_id=session_id,
            tenant_id=command.tenant_id,
            role=role,
            is_superuser=command.is_superuser,
            now=now,
        )
        return TokenPair(
            access_token=access_token, refresh_token=refresh_token, expires_in=self.tokens.lifetime_seconds
        )

    async def _role(self, command: OpenSession) -> str:
        """Read again, under lock: a password check takes long enough for a demotion. Empty for one who has none."""
        role = await self.members.role_of(command.user_id)
        account = await self.accounts.find(command.user_id)
        if account is not None and not account.is_active:
            raise InvalidCredentials("The address or the password is wrong.")
        if role is None and not (command.without_role or command.is_superuser):
            raise tenant_mismatch()
        return role or ""
