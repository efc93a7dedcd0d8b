from __future__ import annotations

from dataclasses import dataclass

from app.application.identity.contracts import Revocations
from app.application.identity.ports import AccessTokens, AccountDirectory, InvalidToken, RefreshSecrets
from app.application.identity.tokens import TokenPair
from app.application.ports import Clock
from app.application.tenancy.contracts import Members
from app.domain.identity.ports import AccountRepository, SessionRepository
from app.domain.identity.session import Session, SessionEnded, TokenReused
from app.shared.ids import TenantId
from app.shared.mediator import Command, Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshSession(Command[TokenPair | Refused]):
    """Continue a session with the next refresh token, under the role held now."""

    refresh_token: str
    tenant_id: TenantId


@dataclass(slots=True)
class RefreshSessionHandler:
    sessions: SessionRepository
    accounts: AccountRepository
    members: Members
    directory: AccountDirectory
    revocations: Revocations
    tokens: AccessTokens
    secrets: RefreshSecrets
    clock: Clock

    async def handle(self, command: RefreshSession) -> TokenPair | Refused:
        session = await self.sessions.lock(self.secrets.parse(command.refresh_token).session_id)
        now = self.clock.now()  # after the lock: tokens a rival made before it are older
        if session is None:
            raise InvalidToken("This refresh token is not valid; sign in again.")
        presented = self.secrets.digest(command.refresh_token)
        successor = self._successor(command.refresh_token, session)
        try:
            session.refresh(presented=presented, successor=self.secrets.digest(successor), now=now)
        except TokenReused as reused:
            session.revoke(reason="token_reused", now=now)
            await self.revocations.revoke_session(session.id, now=now)
            return Refused(reused)
        return await self._pair(command, session, successor)

    def _successor(self, presented: str, session: Session) -> str:
        """While signing keys rotate, a repeat must get the successor that is stored, whichever key made it."""
        candidates = self.secrets.successors(presented)
        stored = [token for token in candidates if self.secrets.digest(token) == session.refresh_digest]
        return stored[0] if stored else candidates[0]

    async def _pair(self, command: RefreshSession, session: Session, successor: str) -> TokenPair:
        now = self.clock.now()
        role = await self.members.role_of(session.user_id)
        account = await self.accounts.find(session.user_id)
        if account is not None:
            active, is_superuser = account.is_active, account.is_superuser
        else:  # only a superuser may be where they are no member, and row-level security hides their account there
            active = is_superuser = await self.directory.is_superuser(session.user_id)
        if not active or (role is None and not is_superuser):
            raise SessionEnded("You no longer belong to this tenant; sign in again.")
        access_token = self.tokens.issue(
            user_id=session.user_id,
            session_id=session.id,
            tenant_id=command.tenant_id,
            role=role or "",
            is_superuser=is_superuser,
            now=now,
        )
        return TokenPair(access_token=access_token, refresh_token=successor, expires_in=self.tokens.lifetime_seconds)
